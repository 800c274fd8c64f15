"""Speak WebHDFS: a client for NameNodes and DataNodes over httpx that knows nothing of Jobyard's seams.

    client = WebHdfs(["http://nn1:9870", "http://nn2:9870"], identity=Identity("alice"))
    await client.mkdirs("/user/alice/code")
    await client.create("/user/alice/code/main.py", chunks)
    await client.aclose()

It finds the active NameNode and remembers it, sends bytes to DataNodes alone, and looks up what
may have happened before it repeats anything that must not happen twice.
"""

from jobyard_backends.storage.hdfs.webhdfs.answers import Checksum, Listing, Status, Summary
from jobyard_backends.storage.hdfs.webhdfs.client import WebHdfs
from jobyard_backends.storage.hdfs.webhdfs.data import DataNodes, Download
from jobyard_backends.storage.hdfs.webhdfs.failures import (
    NoAnswer,
    NoTicket,
    RemoteError,
    WebHdfsFailure,
)
from jobyard_backends.storage.hdfs.webhdfs.identity import Identity, Kerberos
from jobyard_backends.storage.hdfs.webhdfs.name_nodes import NameNodes, Timeouts

__all__ = [
    "Checksum",
    "DataNodes",
    "Download",
    "Identity",
    "Kerberos",
    "Listing",
    "NameNodes",
    "NoAnswer",
    "NoTicket",
    "RemoteError",
    "Status",
    "Summary",
    "Timeouts",
    "WebHdfs",
    "WebHdfsFailure",
]
