"""Whatever a name is, the DN that is made of a template has its parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.utils.dn import parse_dn

from jobyard_backends.auth.ldap import distinguished

TEMPLATE = "uid={username},ou=people,dc=example,dc=org"
SIGNIFICANT = ' ,+"\\<>;=#\0/*()'
NAMES = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from(SIGNIFICANT), min_size=1, max_size=64
)
BELOW = ((("ou", "people"),), (("dc", "example"),), (("dc", "org"),))


@given(NAMES)
def test_no_name_changes_the_parts_of_the_dn(name: str) -> None:
    made = distinguished.filled(TEMPLATE, name)
    parts = parse_dn(made)

    assert [kind for kind, _, _ in parts] == ["uid", "ou", "dc", "dc"]
    assert spelt(parts[0][1]) == name
    assert distinguished.parse(made).parts == ((("uid", name),), *BELOW)


def spelt(value: str) -> str:
    """Read a value as another reader does: octets in hexadecimal, and plain characters."""
    octets = bytearray()
    rest = value
    while rest:
        if rest[0] == "\\":
            octets.append(int(rest[1:3], 16))
            rest = rest[3:]
        else:
            octets += rest[0].encode()
            rest = rest[1:]
    return octets.decode()


@given(NAMES)
def test_a_dn_that_was_read_is_the_same_when_written_and_read_again(name: str) -> None:
    found = distinguished.parse(distinguished.filled(TEMPLATE, name))

    assert distinguished.parse(str(found)) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=Team,ou=Groups,dc=example", "CN=team , OU=groups,DC=Example"),
        ("cn=a\\,b,dc=x", "cn=a\\2cb,dc=x"),
        ('cn="a,b",dc=x', "cn=a\\,b,dc=x"),
        ("cn=a+sn=b,dc=x", "sn=b+cn=a,dc=x"),
        ("cn=two  words,dc=x", "cn=Two Words,dc=x"),
        ("cn=a;dc=x", "cn=a,dc=x"),
        ("cn=M\u00fcller,dc=x", "cn=M\\c3\\bcller,dc=x"),
    ],
)
def test_spellings_of_one_dn_have_one_key(one: str, other: str) -> None:
    assert distinguished.parse(one).key == distinguished.parse(other).key


def test_other_dns_have_other_keys() -> None:
    texts = [
        "cn=a,dc=x",
        "cn=b,dc=x",
        "cn=a,dc=y",
        "cn=a",
        "cn=a\\,dc=x",
        "sn=a,dc=x",
        "cn=a+sn=b,dc=x",
    ]

    assert len({distinguished.parse(each).key for each in texts}) == len(texts)


@pytest.mark.parametrize(
    ("dn", "base", "below"),
    [
        ("cn=a,ou=g,dc=x", "OU=G,dc=x", True),
        ("ou=g,dc=x", "ou=g,dc=x", True),
        ("cn=a,ou=h,dc=x", "ou=g,dc=x", False),
        ("cn=a,dc=x", "", True),
        ("dc=x", "ou=g,dc=x", False),
        ("cn=\\,ou=g\\,dc=x", "ou=g,dc=x", False),
    ],
)
def test_what_lies_below_is_told_by_parts(dn: str, base: str, *, below: bool) -> None:
    assert distinguished.parse(dn).below(distinguished.parse(base)) is below


@pytest.mark.parametrize(
    "text", ["people", "ou=", "=people", "ou=people,", ",dc=x", "a b=c", "cn=a\\"]
)
def test_what_is_no_dn_is_refused(text: str) -> None:
    if text == "ou=":
        assert distinguished.is_dn(text)  # the empty value is one
    else:
        assert not distinguished.is_dn(text)


def test_nothing_is_the_root_and_no_entry() -> None:
    assert distinguished.parse(" ").parts == ()
    assert not distinguished.is_dn("")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (TEMPLATE, True),
        ("cn={username} of us+uid=x,dc=y", True),
        ("uid=alice,dc=x", False),
        ("uid={username},cn={username},dc=x", False),
        ("{username}=a,dc=x", False),
        ("{username}", False),
    ],
)
def test_a_template_has_the_name_once_and_in_a_value(text: str, *, good: bool) -> None:
    assert (distinguished.template_problem(text) is None) is good


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("#a", "\\#a"),
        (" a ", "\\ a\\ "),
        ('a"+,;<>\\', 'a\\"\\+\\,\\;\\<\\>\\\\'),
        ("a\nb", "a\\0ab"),
    ],
)
def test_values_are_written_as_the_rfc_says(value: str, text: str) -> None:
    assert str(distinguished.Dn(((("cn", value),),))) == f"cn={text}"
