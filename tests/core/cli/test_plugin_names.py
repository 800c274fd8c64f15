from __future__ import annotations

import keyword
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.cli.plugin_names import LONGEST, PluginNames, UnusableName

GOOD = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
NAMES = st.from_regex(GOOD, fullmatch=True).filter(lambda name: len(name) <= LONGEST)


@given(name=NAMES, kind=st.sampled_from(["auth", "scheduling", "storage"]))
def test_every_spelling_of_a_good_name_is_legal_where_it_is_used(name: str, kind: str) -> None:
    names = PluginNames.of(kind, name)

    assert names.name == name
    assert names.module.isidentifier()
    assert f"Test{names.prefix}".isidentifier()
    assert not keyword.iskeyword(names.module)
    assert names.distribution == f"jobyard-{kind}-{name}"


@given(name=st.text(max_size=60).filter(lambda text: re.fullmatch(GOOD, text) is None))
def test_any_other_text_is_refused_with_what_is_expected(name: str) -> None:
    with pytest.raises(UnusableName, match=r"are expected|at most"):
        PluginNames.of("auth", name)


@pytest.mark.parametrize(
    ("name", "near"),
    [("My_Shelf", "my-shelf"), ("a.b", "a-b"), ("-x-", "x"), ("a--b", "a-b"), ("Shelf", "shelf")],
)
def test_a_name_that_is_nearly_good_is_answered_with_the_good_one(name: str, near: str) -> None:
    with pytest.raises(UnusableName, match=f"did you mean '{near}'"):
        PluginNames.of("auth", name)


@pytest.mark.parametrize("name", ["", "9", "..", "../x\n", "é", "a" * (LONGEST + 1)])
def test_a_name_that_is_far_from_good_is_answered_with_none(name: str) -> None:
    with pytest.raises(UnusableName) as raised:
        PluginNames.of("auth", name)

    assert "did you mean" not in str(raised.value) or name == "../x\n"
