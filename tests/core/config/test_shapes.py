import enum
from collections.abc import Mapping

import attrs
import pytest
from attrs import frozen

from jobyard.config.choice import Choice
from jobyard.config.shapes import (
    Chooses,
    ListOf,
    MapOf,
    Scalar,
    Section,
    kebab_case,
    section_of,
)
from jobyard.schema import option, plain_default


class Colour(enum.StrEnum):
    RED = "red"


@frozen
class Inner:
    number: int = option(default=1, doc="A number.")


@frozen
class Outer:
    text_of_mine: str = option(doc="A text.", name="text")
    maybe: int | None = option(default=None, doc="A number or none.")
    many: tuple[str, ...] = option(default=(), max_length=3, pattern="a+", doc="Texts.")
    by_name: Mapping[str, tuple[int, ...]] = option(factory=dict, key_pattern="k", doc="Lists.")
    colour: Colour = option(default=Colour.RED, doc="A colour.")
    inner: Inner = option(factory=Inner, aliases=("nested",), doc="More.")
    choice: Choice = option(default=Choice("local"), doc="A provider.")
    _hidden: int = attrs.field(default=0, init=False)


def test_a_section_is_read_from_the_fields_of_its_class() -> None:
    section = section_of(Outer)

    assert [key.name for key in section.keys] == [
        "text",
        "maybe",
        "many",
        "by-name",
        "colour",
        "inner",
        "choice",
    ]
    assert [key.required for key in section.keys] == [True] + [False] * 6
    assert [key.nullable for key in section.keys] == [False, True] + [False] * 5


def test_lengths_count_a_lists_entries_and_patterns_are_the_entries_own() -> None:
    shape = section_of(Outer).keys[2].shape
    assert isinstance(shape, ListOf)
    assert isinstance(shape.item, Scalar)

    assert shape.constraint.max_length == 3
    assert (shape.item.constraint.max_length, shape.item.constraint.pattern) == (None, "a+")


def test_shapes_follow_the_annotations() -> None:
    shapes = {key.name: key.shape for key in section_of(Outer).keys}

    assert isinstance(shapes["by-name"], MapOf)
    assert isinstance(shapes["by-name"].value, ListOf)
    assert isinstance(shapes["choice"], Chooses)
    assert isinstance(shapes["inner"], Section)
    assert isinstance(shapes["colour"], Scalar)
    assert shapes["colour"].kind is Colour


def test_a_key_is_found_by_its_alias_too() -> None:
    section = section_of(Outer)

    assert section.key("nested") is section.key("inner")
    assert section.key("text-of-mine") is None


def test_a_factory_gives_the_default() -> None:
    inner = section_of(Outer).key("inner")
    assert inner is not None

    assert plain_default(inner.default) == Inner()


@pytest.mark.parametrize("kind", [bytes, list[int], int | str, tuple[int, int], dict])
def test_a_type_that_no_file_can_hold_is_a_mistake_of_the_class(kind: object) -> None:
    cls: type[attrs.AttrsInstance] = attrs.make_class("Odd", ["field"])
    cls.__annotations__ = {"field": kind}

    with pytest.raises(TypeError, match=r"a configuration file holds no|a setting has one type"):
        section_of(cls)


def test_names_are_spelt_with_hyphens() -> None:
    assert kebab_case("_server_port") == "server-port"
