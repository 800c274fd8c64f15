import re

from jobyard.config.options import options
from jobyard.config.reference import reference
from jobyard.config.settings import Settings
from jobyard.config.shapes import section_of
from jobyard.registry import Registry
from jobyard.seams.provider import Seam


def test_every_option_of_the_core_is_there() -> None:
    text = reference(Registry([]))

    for each in options(section_of(Settings)):
        _, _, below = each.path.partition(".")
        assert f"`{below or each.path}`" in text
        assert each.key.constraint.doc in text


def test_every_option_of_the_embedded_providers_is_there() -> None:
    registry = Registry()
    text = reference(registry)

    for seam in (Seam.AUTH, Seam.SCHEDULING, Seam.STORAGE):
        assert f"#### `{seam.value}`: `local`" in text
        for each in options(section_of(registry.provider(seam, "local").config)):
            assert f"\n`{each.path}`\n: {each.key.constraint.doc}" in text


def test_providers_of_others_are_not_in_our_reference(registry: Registry) -> None:
    assert "ldap" not in reference(registry)


def test_an_option_says_what_it_takes_and_what_it_is_without() -> None:
    text = reference(Registry([]))

    assert "free one. An integer from 0 to 65535. Default: `9186`." in text
    assert "Required where `tls` is there." in text


def test_outside_of_code_nothing_is_taken_for_markup() -> None:
    prose = re.sub(r"`[^`\n]*`", "", reference())

    assert re.findall(r"[\[\]<>*|\\]", prose) == []
