"""What the launcher refuses, in the form in which it says so."""

from __future__ import annotations

from typing import Final

_PACKAGE: Final = "com.microsoft.frameworklauncher.common.exceptions"
_TRACE: Final = (
    "\n\tat com.microsoft.frameworklauncher.webserver.LauncherModule.handle(LauncherModule.java:1)"
    "\n\tat java.base/java.lang.reflect.Method.invoke(Method.java:569)\n"
)


class Refusal(Exception):
    """Answer a request with an error; its message carries a trace of the stack, as the real one's.

    ``name`` is the exception's whole Java name, ``text`` what its message says, ``status`` HTTP's.
    """

    def __init__(self, status: int, name: str, text: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.name = name
        self.text = text

    def body(self) -> dict[str, str]:
        """Give the answer's body."""
        first = f"{self.name}: {self.text}" if self.text else self.name
        return {
            "exception": self.name.rpartition(".")[2],
            "message": f"{first}{_TRACE}",
            "javaClassName": self.name,
        }


def bad_request(text: str) -> Refusal:
    """Refuse what is asked for."""
    return Refusal(400, f"{_PACKAGE}.BadRequestException", text)


def violation(path: str, text: str) -> Refusal:
    """Refuse the value of one field."""
    return bad_request(f"javax.validation.ConstraintViolationException: {path}: {text}")


def not_found() -> Refusal:
    """Say that there is none."""
    return Refusal(404, f"{_PACKAGE}.NotFoundException")


def not_authorised(text: str) -> Refusal:
    """Refuse whoever asks."""
    return Refusal(403, f"{_PACKAGE}.AuthorizationException", text)


def too_many(text: str) -> Refusal:
    """Refuse what would be too much."""
    return Refusal(429, f"{_PACKAGE}.ThrottledRequestException", text)


def unreadable(kind: str, text: str) -> Refusal:
    """Refuse a body that is not what it should be; ``kind`` is the JSON reader's exception."""
    where = "com.fasterxml.jackson.core" if kind == "JsonParseException" else _databind(kind)
    return Refusal(400, f"{where}.{kind}", f"{text}\n at [Source: request; line: 1, column: 1]")


def _databind(kind: str) -> str:
    package = "com.fasterxml.jackson.databind"
    return f"{package}.exc" if kind == "InvalidFormatException" else package


def not_acceptable() -> Refusal:
    """Refuse a body of another content type, or a method that a path does not have."""
    return Refusal(400, "javax.ws.rs.WebApplicationException")
