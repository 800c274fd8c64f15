"""The schemas of the OpenAPI document, each once and by the name of its class."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import attrs
import orjson

from jobyard.wire import answer_schemas, operation_schemas
from jobyard.wire.json_schema import Document
from jobyard.wire.schema import Schema

if TYPE_CHECKING:
    from jobyard.routes.endpoint import Endpoint

_PREFIX: Final = "#/components/schemas/"
_REFERENCE: Final = re.compile(f'"{_PREFIX}([^"]+)"')


def _attrs_classes() -> dict[str, type]:
    found = [*vars(answer_schemas).values(), *vars(operation_schemas).values()]
    return {each.__name__: each for each in found if isinstance(each, type) and attrs.has(each)}


class Components:
    """Collect the schemas that requests and answers refer to."""

    def __init__(self) -> None:
        self.schemas: dict[str, Document] = {}
        self._owners: dict[str, object] = {}
        self._known = _attrs_classes()

    def answer(self, cls: type) -> Document:
        """Publish the class of an answer, and give the reference to it.

        Raises:
            ValueError: Another schema has its name.
        """
        return self._add(cls.__name__, cls, Schema(cls).answer_schema)

    def document(self, schema: Mapping[str, object]) -> Document:
        """Give a JSON Schema of an answer as it is, publishing the classes that it refers to.

        Raises:
            ValueError: It refers to a class that no module of answers has.
        """
        for name in _REFERENCE.findall(orjson.dumps(schema).decode()):
            if name not in self._known:
                message = f"no class of answers is called {name}"
                raise ValueError(message)
            self.answer(self._known[name])
        return dict(schema)

    def request(self, endpoint: Endpoint) -> tuple[Document, bool]:
        """Publish the schema of a route's body; give the reference, and whether it must be there.

        Raises:
            ValueError: Another schema has its name.
        """
        schema = endpoint.body
        if schema is None:
            return {}, False
        shape = schema.json_schema()
        required = [name for name in _names(shape) if name not in endpoint.filled]
        if len(required) == len(_names(shape)):
            return self._add(schema.name, schema, lambda: shape), bool(required)
        rest = {name: each for name, each in shape.items() if name != "required"}
        return ({**rest, "required": required} if required else rest), bool(required)

    def _add(self, name: str, owner: object, make: Callable[[], Document]) -> Document:
        if self._owners.setdefault(name, owner) is not owner:
            message = f"two schemas are called {name}"
            raise ValueError(message)
        if name not in self.schemas:
            self.schemas[name] = make()
        return {"$ref": _PREFIX + name}


def _names(shape: Document) -> list[str]:
    required = shape.get("required", [])
    return list(required) if isinstance(required, list) else []
