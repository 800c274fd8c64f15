"""Single rules of decoding, each on a schema that has little else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import pytest
from attrs import frozen

from jobyard.domain.job import Scalar
from jobyard.errors import InvalidParameters, Problem
from jobyard.schema import option
from jobyard.wire.decode import Decoder
from jobyard.wire.kinds import Kind
from jobyard.wire.schema import Schema


@frozen
class Pair:
    low: int | None = option(default=None, doc="")
    high: int | None = option(default=None, doc="")
    name: str | None = option(default=None, doc="")

    def problems(self) -> Iterable[Problem]:
        if self.low is not None and self.high is not None and self.low > self.high:
            yield Problem("low", "is above high")


@frozen
class Pairs:
    pairs: tuple[Pair, ...] = option(default=(), doc="")
    texts: tuple[str, ...] = option(default=(), doc="")
    settings: Mapping[str, Scalar] = option(factory=dict, doc="", max_length=3)


SCHEMA = Schema(Pairs)


def problems(document: object, *, coerce: bool = False) -> dict[str, str]:
    with pytest.raises(InvalidParameters) as refusal:
        SCHEMA.decode(document, coerce=coerce)
    return {problem.path: problem.message for problem in refusal.value.problems}


def form(**fields: object) -> Pairs:
    return SCHEMA.decode(fields, coerce=True)


def test_an_empty_number_of_a_form_is_none_and_any_other_value_is_read() -> None:
    read = form(pairs=[{"low": "", "high": "5", "name": ""}, {"name": "x"}])

    assert read.pairs == (Pair(high=5, name=""), Pair(name="x"))
    assert list(problems({"pairs": [{"low": ""}]})) == ["pairs[0].low"]


def test_an_empty_list_of_a_form_is_empty() -> None:
    assert form(texts="").texts == ()
    assert form(texts="a").texts == ("a",)


def test_a_list_where_a_form_should_have_names_is_named_by_its_indexes() -> None:
    assert form(settings=["a", "b"]).settings == {"0": "a", "1": "b"}


def test_scalars_are_read_as_they_are() -> None:
    settings = {"a": 1, "b": "x", "c": True}

    assert SCHEMA.decode({"settings": settings}, coerce=False).settings == settings


def test_an_object_has_no_more_entries_than_its_schema_allows() -> None:
    settings = dict.fromkeys("abc", 1)

    assert SCHEMA.decode({"settings": settings}, coerce=False).settings == settings
    assert list(problems({"settings": settings | {"d": 1}})) == ["settings"]


def test_a_rule_across_fields_is_told_where_its_object_is() -> None:
    document = {"pairs": [{}, {"low": 2, "high": 1}]}

    assert problems(document) == {"pairs[1].low": "is above high"}


def test_indexes_that_are_the_same_number_are_told_as_such() -> None:
    (message,) = problems({"texts": {"1": "a", "01": "b"}}, coerce=True).values()

    assert message.startswith("expected a list whose indexes differ")


def test_only_the_first_unknown_fields_are_compared_with_the_known_ones() -> None:
    found = list(
        problems({f"text{letter}": 1 for letter in "abcdefghijklmnopqrtuvwxyz01234"}).values()
    )

    assert found == ["unknown field; did you mean 'texts'?"] * 20 + ["unknown field"] * 10


def test_a_kind_that_nobody_can_read_is_an_error_of_ours() -> None:
    with pytest.raises(TypeError, match="object is no kind"):
        Decoder(coerce=False).read(cast("Kind", object()), 1, "")
