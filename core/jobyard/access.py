"""The access line: one event of the log for each request, made as cheaply as can be."""

from __future__ import annotations

import logging
import time
from typing import Final

LOG: Final = logging.getLogger("jobyard.access")

_CONSTANT: Final = vars(
    logging.LogRecord(LOG.name, logging.INFO, __file__, 0, "%s %s %d", None, None)
)


class AccessRecord(logging.LogRecord):
    """Be an event like any other, but for where in the code it came from, which costs most.

    ``seconds`` is how long the answer took.
    """

    method: str
    path: str
    status: int
    seconds: float

    def __init__(self, method: str, path: str, status: int, seconds: float) -> None:
        # Not the parent's, which asks for threads, processes and names of files each time.
        created = time.time()
        fields = self.__dict__
        fields.update(_CONSTANT)
        fields["created"] = created
        fields["msecs"] = int(created * 1000) % 1000 + 0.0
        fields["args"] = (method, path, status)
        fields["method"] = method
        fields["path"] = path
        fields["status"] = status
        fields["seconds"] = round(seconds, 6)


def write(method: str, path: str, status: int, seconds: float) -> None:
    """Log that a request was answered."""
    if LOG.isEnabledFor(logging.INFO):
        LOG.handle(AccessRecord(method, path, status, seconds))
