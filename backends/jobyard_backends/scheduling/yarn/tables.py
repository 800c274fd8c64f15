"""The YARN scheduler's own tables. Times are milliseconds since the epoch.

Jobs themselves are the launcher's: here is what it cannot keep. An incarnation is a submission's
id, or for a job that was not submitted here the time of its first request.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, MetaData, Table, Text

METADATA: Final = MetaData()

MARKS: Final = Table(
    "scheduling_yarn_marks",
    METADATA,
    Column("framework", Text, primary_key=True),
    Column("incarnation", Text, primary_key=True),
    Column("execution_type", Text, nullable=False, comment="what its owner wanted last"),
    Column("stopped", Boolean, nullable=False, comment="for good, whatever is wanted later"),
    Column("ended_at", BigInteger, nullable=True, comment="when it was stopped while it waited"),
    Column("at", BigInteger, nullable=False),
)

OPERATIONS: Final = Table(
    "scheduling_yarn_operations",
    METADATA,
    Column("operation", Text, primary_key=True),
    Column("framework", Text, nullable=False, index=True),
    Column("at", BigInteger, nullable=False, index=True),
)
"""Starts, stops and deletes that were done, so that none is done again."""

PORTS: Final = Table(
    "scheduling_yarn_ports",
    METADATA,
    Column("submission", Text, primary_key=True),
    Column("framework", Text, nullable=False),
    Column("ports", LargeBinary, nullable=False, comment="by role and index: JSON"),
    Column("at", BigInteger, nullable=False),
)
"""The ports that the gateway leased for jobs, where the launcher gives none."""
