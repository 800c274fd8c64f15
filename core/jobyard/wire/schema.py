"""A schema: an attrs class as validation, coercion and published document in one."""

from __future__ import annotations

from typing import Generic, TypeVar

from jobyard.errors import InvalidParameters
from jobyard.wire.decode import Decoder
from jobyard.wire.json_schema import Document, json_schema
from jobyard.wire.kinds import Record, record_of

T_co = TypeVar("T_co", covariant=True)


class Schema(Generic[T_co]):
    """Decode documents into one attrs class, whose fields are made by ``option``."""

    def __init__(self, cls: type[T_co]) -> None:
        self._cls = cls
        self._record: Record = record_of(cls)

    @property
    def name(self) -> str:
        """Give the name under which the schema is published."""
        return self._cls.__name__

    def decode(self, document: object, *, coerce: bool) -> T_co:
        """Make a value of a document; ``coerce`` reads it as a form.

        Raises:
            InvalidParameters: Every failing field, by its path as the client wrote it.
        """
        decoder = Decoder(coerce)
        value = decoder.read(self._record, document, "")
        if not isinstance(value, self._cls):
            raise InvalidParameters(decoder.found.all())
        return value

    def json_schema(self) -> Document:
        """Give the JSON Schema of a document that this schema decodes."""
        return json_schema(self._record, closed=True)

    def answer_schema(self) -> Document:
        """Give the JSON Schema of an answer: open, and without defaults."""
        return json_schema(self._record, closed=False)

    def __repr__(self) -> str:
        return f"Schema({self.name})"
