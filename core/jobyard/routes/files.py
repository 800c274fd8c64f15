"""The storage, served in Hadoop's WebHDFS dialect (contract, section 8)."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson
from starlette.requests import ClientDisconnect

from jobyard.errors import JobyardError, Unavailable
from jobyard.resilience import unavailable
from jobyard.routes.address import Addresses
from jobyard.routes.dispatch import Authenticate
from jobyard.routes.endpoint import Access, Answer, Call, Endpoint, json_answer
from jobyard.routes.file_callers import FileCallers, StorageUser
from jobyard.routes.file_changes import FileChanges
from jobyard.routes.file_listings import FileListings
from jobyard.routes.file_parameters import FileRequest, Parameters, file_path
from jobyard.routes.file_transfers import FileTransfers
from jobyard.seams.storage import IsAFolder, Storage
from jobyard.wire.webhdfs import (
    FAILED,
    FILE_NOT_FOUND,
    UNSUPPORTED,
    WebHdfsError,
    content_summary,
    file_status,
)

LOG: Final = logging.getLogger("jobyard.files")

PREFIXES: Final = ("/webhdfs/v1", "/webhdfs/api/v1")
_METHODS: Final = ("GET", "PUT", "POST", "DELETE")
_JSON: Final = (b"content-type", b"application/json")
_READING: Final = frozenset({"OPEN", "GETFILECHECKSUM"})
_ELSEWHERE: Final = frozenset({
    "GETDELEGATIONTOKEN", "RENEWDELEGATIONTOKEN", "CANCELDELEGATIONTOKEN", "GETQUOTAUSAGE",
    "GETSERVERDEFAULTS", "GETTRASHROOT", "GETTRASHROOTS", "GETACLSTATUS", "GETXATTRS",
    "LISTXATTRS", "CHECKACCESS", "GETFILEBLOCKLOCATIONS", "GET_BLOCK_LOCATIONS",
    "GETSTORAGEPOLICY", "GETALLSTORAGEPOLICY", "GETECPOLICY", "GETSNAPSHOTDIFF", "GETLINKTARGET",
    "GETFILELINKSTATUS", "GETSTATUS", "CREATESYMLINK", "SETREPLICATION", "SETOWNER", "SETTIMES",
    "MODIFYACLENTRIES", "REMOVEACLENTRIES", "REMOVEDEFAULTACL", "REMOVEACL", "SETACL", "SETXATTR",
    "REMOVEXATTR", "SETSTORAGEPOLICY", "UNSETSTORAGEPOLICY", "SETQUOTA", "SETECPOLICY",
    "UNSETECPOLICY", "CREATESNAPSHOT", "RENAMESNAPSHOT", "DELETESNAPSHOT", "ALLOWSNAPSHOT",
    "DISALLOWSNAPSHOT", "SATISFYSTORAGEPOLICY", "CONCAT", "TRUNCATE",
})  # fmt: skip
"""What a NameNode does beyond the contract: a client is told so, and not that it is a mistake."""

Operation = Callable[[FileRequest], Awaitable[Answer]]


class FileRoutes:
    """Answer requests for files; errors too have Hadoop's form, whatever they are."""

    def __init__(
        self,
        *,
        storage: Storage,
        addresses: Addresses,
        authenticate: Authenticate,
        storage_user: StorageUser,
        trust_user_name: bool,
    ) -> None:
        self._storage = storage
        self._addresses = addresses
        self._callers = FileCallers(
            authenticate=authenticate, storage_user=storage_user, trust_user_name=trust_user_name
        )
        self._operations = self._table()

    def _table(self) -> Mapping[tuple[str, str], Operation]:
        transfers, listings = FileTransfers(self._storage), FileListings(self._storage)
        changes = FileChanges(self._storage)
        return {
            ("GET", "OPEN"): transfers.open,
            ("GET", "GETFILESTATUS"): self.status,
            ("GET", "LISTSTATUS"): listings.list,
            ("GET", "LISTSTATUS_BATCH"): listings.list_batch,
            ("GET", "GETCONTENTSUMMARY"): self.summary,
            ("GET", "GETFILECHECKSUM"): transfers.checksum,
            ("GET", "GETHOMEDIRECTORY"): self.home,
            ("PUT", "CREATE"): transfers.create,
            ("PUT", "MKDIRS"): changes.make_folders,
            ("PUT", "RENAME"): changes.rename,
            ("PUT", "SETPERMISSION"): changes.set_permission,
            ("POST", "APPEND"): transfers.append,
            ("DELETE", "DELETE"): changes.remove,
        }

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes; who may call is checked inside, for the form of the refusal."""
        return tuple(
            Endpoint(
                method=method,
                path=f"{prefix}/{{path}}",
                handler=self.answer,
                summary="Work with files, in the WebHDFS dialect",
                tag="files",
                access=Access.PUBLIC,
                rooted=False,
                wildcard=True,
                documented=False,
                identified=False,
            )
            for prefix in PREFIXES
            for method in _METHODS
        )

    async def answer(self, call: Call) -> Answer:
        """Answer one request."""
        parameters = Parameters(call.request.query_params.multi_items())
        operation = parameters.text("op").upper()
        try:
            return await self._answer(call, parameters, operation)
        except ClientDisconnect:
            raise
        except Unavailable as error:
            return _refusal(WebHdfsError.of(unavailable(error)))
        except IsAFolder as error:
            if operation in _READING:
                error_of = WebHdfsError(FILE_NOT_FOUND, error.message, detail=error.detail)
                return _refusal(error_of)
            return _refusal(WebHdfsError.of(error))
        except JobyardError as error:
            return _refusal(WebHdfsError.of(error))
        except Exception as error:  # noqa: BLE001 - the front would answer it in another form
            return _refusal(_incident(error))

    async def _answer(self, call: Call, parameters: Parameters, name: str) -> Answer:
        user = await self._callers.caller(call.request, parameters)
        operation = self._operation(call.request.method, parameters, name)
        asked = FileRequest(
            request=call.request,
            path=file_path(call.path["path"]),
            root=self._addresses.base_url(call.request) + _prefix(call),
            parameters=parameters,
            user=user,
        )
        return await operation(asked)

    def _operation(self, method: str, parameters: Parameters, name: str) -> Operation:
        method = "GET" if method == "HEAD" else method
        found = self._operations.get((method, name))
        if found is not None:
            return found
        if not name or name in _ELSEWHERE:
            message = f"op={name or 'NULL'} is not supported"
            raise WebHdfsError(UNSUPPORTED, message)
        given = parameters.text("op")[:80]
        raise WebHdfsError.argument("op", f"{given} is not a valid {method} operation.")

    async def status(self, asked: FileRequest) -> Answer:
        """Answer GETFILESTATUS."""
        status = await self._storage.stat(asked.path, as_user=asked.user)
        return json_answer({"FileStatus": file_status(status)})

    async def summary(self, asked: FileRequest) -> Answer:
        """Answer GETCONTENTSUMMARY."""
        summary = await self._storage.summary(asked.path, as_user=asked.user)
        return json_answer(content_summary(summary))

    async def home(self, asked: FileRequest) -> Answer:
        """Answer GETHOMEDIRECTORY."""
        return json_answer({"Path": f"/user/{asked.user.account}"})


def _prefix(call: Call) -> str:
    """Give the prefix that the caller knows, for addresses that it follows."""
    first = [part for part in call.request.scope["path"].split("/") if part][:2]
    return PREFIXES[1] if first == ["webhdfs", "api"] else PREFIXES[0]


def _refusal(error: WebHdfsError) -> Answer:
    if error.remote.status >= FAILED.status or error.detail:
        LOG.info("%s: %s (%s)", error.remote.name, error.message, error.detail)
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in error.headers.items()
    ]
    return Answer(error.remote.status, orjson.dumps(error.document()), (_JSON, *headers))


def _incident(error: Exception) -> WebHdfsError:
    incident = secrets.token_hex(6)
    LOG.error("incident %s", incident, exc_info=error)
    message = f"Something went wrong inside the gateway; incident {incident}."
    return WebHdfsError(FAILED, message)
