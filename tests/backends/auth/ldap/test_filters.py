"""Whatever a name is, the filter that is sent has the structure of the template."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.operation.search import search_operation
from ldap3.protocol.rfc4511 import LDAPMessage, MessageID, ProtocolOp
from ldap3.utils.asn1 import encode  # type: ignore[attr-defined]  # the stubs lack it

from jobyard_backends.auth.ldap import filters
from jobyard_backends.auth.ldap.escaping import in_filter
from tests import ber

TEMPLATE = "(&(objectClass=person)(|(uid={username})(mail={username}@example.org))(!(st=x)))"
SIGNIFICANT = "*()\\\0&|!=<>~:{}/, \"'#+;%user"
NAMES = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from(SIGNIFICANT), min_size=1, max_size=64
)


def received(text: str) -> object:
    """Send a filter as ldap3 does, and read what a server would receive."""
    search: Any = search_operation(
        "dc=org", text, "SUBTREE", "NEVER", ["1.1"], 0, 0, False, None, None
    )
    message = LDAPMessage()
    message["messageID"] = MessageID(1)
    message["protocolOp"] = ProtocolOp().setComponentByName("searchRequest", search)
    (whole,) = ber.read(encode(message))
    return ber.filter_of(whole.pieces[1])


@given(NAMES)
def test_no_name_changes_the_structure_of_what_a_server_receives(name: str) -> None:
    assert received(filters.parse(TEMPLATE).filled(name)) == (
        "and",
        [
            ("equal", "objectClass", b"person"),
            (
                "or",
                [
                    ("equal", "uid", name.encode()),
                    ("equal", "mail", f"{name}@example.org".encode()),
                ],
            ),
            ("not", ("equal", "st", b"x")),
        ],
    )


@given(NAMES)
def test_what_was_escaped_is_the_same_when_unescaped(name: str) -> None:
    assert filters.unescaped(in_filter(name)) == name


def test_a_claim_stands_where_the_name_stood() -> None:
    claimed = filters.parse("(|(uid={username})(!(st=x)))").claiming("sn", "a*b")

    assert claimed == "(|(sn=a*b)(!(st=x)))"


@pytest.mark.parametrize(
    "text",
    [
        "(uid=a)",
        "(&(a=b)(c=*))",
        "(|(a=b*c*d)(!(e>=1))(f<=2)(g~=h))",
        "(member:1.2.840.113556.1.4.1941:=cn=x)",
        "(cn:dn:caseIgnoreMatch:=x)",
        r"(cn=a\2a\28b)",
        "(userCertificate;binary=*)",
    ],
)
def test_a_filter_is_read_and_written_the_same(text: str) -> None:
    assert str(filters.parse(text)) == text


def test_outer_parentheses_may_be_left_out() -> None:
    assert str(filters.parse(" uid=a ")) == "(uid=a)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(uid=a", "expected )"),
        ("(uid=a)(cn=b)", "the filter ends here"),
        ("(uid=a))", "the filter ends here"),
        ("(&)", "expected ("),
        ("(!(a=b)(c=d))", "expected one comparison"),
        ("()", "expected the name of an attribute"),
        ("(uid)", "expected ="),
        (r"(uid=a\zz)", "expected )"),
        ("(" * 30 + "a=b" + ")" * 30, "expected the name of an attribute"),
        ("(!" * 30 + "(a=b)" + ")" * 30, "at most 20 levels"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(filters.FilterError, match=r"character \d+ of") as raised:
        filters.parse(text)

    assert message in str(raised.value)


@given(st.text(alphabet="()&|!=*\\a1 {}", max_size=40))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        found = filters.parse(text)
    except filters.FilterError:
        return

    assert filters.parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("(uid={username})", None),
        ("(|(uid={username})(mail={username}@x))", None),
        ("(uid=a)", "expected {username}"),
        ("(uid={username}*)", "expected {username} in an equality"),
        ("(uid>={username})", "expected {username} in an equality"),
        ("(!(uid={username}))", "expected no {username} below !"),
        ("(uid={username}", "expected )"),
    ],
)
def test_a_template_has_the_name_where_it_can_be_held_against_an_entry(
    text: str, problem: str | None
) -> None:
    found = filters.template_problem(text)

    assert (found or "").startswith(problem or "")
    assert (found is None) is (problem is None)


def test_filters_are_joined() -> None:
    assert filters.all_of(["(a=b)"]) == filters.any_of(["(a=b)"]) == "(a=b)"
    assert filters.all_of(["(a=b)", "(c=d)"]) == "(&(a=b)(c=d))"
    assert filters.any_of(["(a=b)", "(c=d)"]) == "(|(a=b)(c=d))"
