from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs
import pytest
from attrs import frozen

from jobyard.config.choice import Choice
from jobyard.config.decode import Decoder, Failed, Surroundings, locate
from jobyard.config.document import Place, compose
from jobyard.config.shapes import section_of
from jobyard.errors import Problem
from jobyard.schema import option
from jobyard.secret import Secret

CHOICE = "expected the name of a provider, or its name with its settings behind it"


@frozen
class Door:
    width: int = option(doc="How wide.", minimum=1, maximum=9)
    code: Secret | None = option(default=None, doc="How to open it.")


@frozen
class House:
    name: str = option(default="house", aliases=("called",), doc="A name.")
    tall: bool = option(default=False, doc="Whether it is.")
    floors: tuple[int, ...] = option(default=(), max_length=2, minimum=0, doc="Its floors.")
    rooms: Mapping[str, int] = option(factory=dict, key_pattern="[a-z]+", doc="Sizes.")
    door: Door | None = option(default=None, doc="A door.")
    plan: Path | None = option(default=None, doc="A file.")
    tenant: Choice = option(default=Choice("nobody"), doc="Who.")

    def problems(self) -> Iterable[Problem]:
        if self.floors and self.name == "bungalow":
            yield Problem("floors[0]", "a bungalow has none")


@frozen
class Picky:
    mood: str = attrs.field(default="good")

    @mood.validator
    def _check(self, _: object, value: str) -> None:
        if value == "odd":
            raise KeyError("not like this")
        if value == "bad":
            raise ValueError("not like that", "and more")


def decode(
    text: str,
    cls: type[attrs.AttrsInstance] = House,
    *,
    env: Mapping[str, str] | None = None,
    folder: Path = Path("/etc/nowhere"),
) -> tuple[object, list[str], Decoder]:
    decoder = Decoder(Surroundings(env or {}, folder))
    try:
        made: object = decoder.section(compose("f", text.encode()), section_of(cls), "")
    except Failed:
        made = None
    told = [f"{each.line}:{each.column} {each}" for each in decoder.problems]
    return made, told, decoder


def told(text: str, **surroundings: str) -> list[str]:
    return decode(text, env=surroundings)[1]


def test_values_are_made_by_the_annotations() -> None:
    made, problems, _ = decode(
        "called: here\ntall: true\nfloors: [0, 1]\nrooms: {hall: 3}\ndoor: {width: 2, code: 12}\n"
    )

    assert problems == []
    assert made == House(
        name="here",
        tall=True,
        floors=(0, 1),
        rooms={"hall": 3},
        door=Door(width=2, code=Secret("12")),
    )


def test_what_is_left_out_or_empty_has_its_default() -> None:
    assert decode("name:\nfloors: ~\ndoor: null\n")[0] == House()


def test_a_list_of_one_may_be_written_as_its_entry() -> None:
    assert decode("floors: 1")[0] == House(floors=(1,))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nmae: x", ["1:1 nmae: unknown key; did you mean 'name'?"]),
        ("zzz: x", ["1:1 zzz: unknown key"]),
        ("'a b': x", ['1:1 ["a b"]: unknown key']),
        ("name: a\ncalled: b", ["2:1 called: 'name' in line 1 is the same"]),
        ("tall: yes", ['1:7 tall: expected true or false, not "yes"']),
        ("floors: [0, x]", ['1:13 floors[1]: expected an integer of at least 0, not "x"']),
        ("floors: -3", ["1:9 floors: expected an integer of at least 0, not -3"]),
        ("floors: x", ['1:9 floors: expected an integer of at least 0, not "x"']),
        (
            "floors: [0, 1, 2]",
            ["1:9 floors: expected a list of at most 2 entries, not a list of 3"],
        ),
        ("rooms: {A1: 2}", ["1:9 rooms.A1: expected a key that matches [a-z]+"]),
        ("rooms: {hall: x}", ['1:15 rooms.hall: expected an integer, not "x"']),
        ("rooms: [1]", ["1:8 rooms: expected keys with values, not a list"]),
        ("door: {}", ["1:7 door.width: missing; expected an integer from 1 to 9"]),
        ("door: {width: }", ["1:8 door.width: missing; expected an integer from 1 to 9"]),
        ("door: wide", ['1:7 door: expected keys with values, not "wide"']),
        ("name: [x]", ["1:7 name: expected a text, not a list"]),
        ("name: {x: 1, y: 2}", ["1:7 name: expected a text, not keys with values"]),
        ("name: {x: 1}", ["1:7 name: expected a text, or {env: NAME}, or {file: PATH}"]),
        (
            "tenant: [a]",
            [f"1:9 tenant: {CHOICE}, not a list"],
        ),
        (
            "tenant: {a: 1, b: 2}",
            [f"1:9 tenant: {CHOICE}, not 2 keys"],
        ),
        ("tenant: {a: 1}", ["1:13 tenant.a: expected the settings of 'a', not 1"]),
        ("name: bungalow\nfloors: [3]", ["2:10 floors[0]: a bungalow has none"]),
    ],
)
def test_what_is_wrong_is_told_with_path_and_place(text: str, expected: list[str]) -> None:
    assert expected == told(text)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = "nmae: x\ntall: 1\nfloors: [x, y]\ndoor: {width: 10}\ntenant: []\n"

    assert len(told(text)) == 6


def test_a_choice_keeps_its_settings_for_later() -> None:
    made, _, decoder = decode("tenant:\n  ldap: {urls: [x]}\n")
    assert isinstance(made, House)

    assert decoder.choices == [made.tenant]
    assert (made.tenant.name, made.tenant.path, made.tenant.place) == (
        "ldap",
        "tenant",
        Place(2, 3),
    )
    assert [entry.key for entry in made.tenant.settings.entries] == ["urls"]


@pytest.mark.parametrize("text", ["tenant: ldap", "tenant: {ldap: }", "tenant: {ldap: {}}"])
def test_a_choice_without_settings_may_be_written_in_three_ways(text: str) -> None:
    made, _, _ = decode(text)
    assert isinstance(made, House)

    assert (made.tenant.name, made.tenant.settings.entries) == ("ldap", ())


def test_an_environment_variable_is_read_as_what_is_expected() -> None:
    made, problems, decoder = decode(
        "name: {env: A}\ntall: {env: B}\nfloors: [{env: C}]\ndoor: {width: 1, code: {env: A}}",
        env={"A": "12", "B": "true", "C": " 3 "},
    )

    assert problems == []
    assert decoder.warnings == []
    assert made == House(name="12", tall=True, floors=(3,), door=Door(width=1, code=Secret("12")))


def test_a_file_is_read_beside_the_configuration_without_its_last_line_break(
    tmp_path: Path,
) -> None:
    (tmp_path / "code").write_text("two\nlines\r\n")
    (tmp_path / "width").write_text("7\n")

    made, _, _ = decode(f"door: {{width: {{file: {tmp_path}/width}}, code: {{file: code}}}}",
                        folder=tmp_path)  # fmt: skip

    assert made == House(door=Door(width=7, code=Secret("two\nlines")))


def test_a_relative_path_lies_beside_the_configuration(tmp_path: Path) -> None:
    assert decode("plan: a/b", folder=tmp_path)[0] == House(plan=tmp_path / "a" / "b")
    assert decode("plan: /a/b", folder=tmp_path)[0] == House(plan=Path("/a/b"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "name: cannot read {}/x: No such file or directory"),
        (b"\xff", "name: {}/x holds no UTF-8 text"),
        (b"x" * (1024 * 1024 + 1), "name: {}/x is larger than 1 MiB"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / "x").write_bytes(content)

    _, problems, _ = decode("name: {file: x}", folder=tmp_path)

    assert problems == ["1:14 " + expected.format(tmp_path)]


def test_a_path_that_is_none_is_refused() -> None:
    assert "that is no path" in told('name: {file: "a\\0b"}')[0]


def test_a_variable_that_is_not_set_is_named_unless_it_is_no_name() -> None:
    assert told("name: {env: MISSING}") == [
        "1:13 name: the environment variable MISSING is not set"
    ]
    assert told("name: {env: 'hunter2!'}") == ["1:13 name: the environment variable is not set"]


@pytest.mark.parametrize(
    "text",
    [
        "door: {width: {env: S}}",
        "door: {width: 1, code: [hunter2]}",
        "door: {width: 1, code: {hunter2: x}}",
        "door: {width: 1, code: {env: hunter2 and more}}",
    ],
)
def test_what_may_be_a_secret_is_in_no_problem(text: str) -> None:
    problems = told(text, S="hunter2")

    assert len(problems) == 1
    assert "hunter2" not in problems[0]


def test_a_secret_in_the_file_itself_is_a_warning() -> None:
    _, problems, decoder = decode("door:\n  width: 1\n  code: hunter2\n")

    assert problems == []
    assert [(each.line, each.column, str(each)) for each in decoder.warnings] == [
        (
            3,
            9,
            "door.code: a secret stands in the file itself; better {env: NAME} or {file: PATH}",
        )
    ]


def test_a_class_that_refuses_its_values_is_told_of_not_raised() -> None:
    assert decode("mood: odd", Picky)[1] == ["1:1 not like this"]
    assert decode("mood: bad", Picky)[1] == ["1:1 not like that"]


def test_a_path_is_located_as_near_as_possible() -> None:
    root = compose("f", b"a:\n  - b: 1\n  - c: 2\n")

    assert locate(root, "a[1].c") == Place(3, 8)
    assert locate(root, "a[1].zzz") == Place(3, 5)
    assert locate(root, "a[7]") == Place(2, 3)
    assert locate(root, "") == Place(1, 1)
