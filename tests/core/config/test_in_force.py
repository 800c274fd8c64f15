from pathlib import Path

import pytest
import yaml

from jobyard.config.in_force import in_force, plain, yaml_flow
from jobyard.config.loading import load
from jobyard.registry import Registry
from jobyard.secret import Secret

TEXT = """
rest-server:
  server-port: 1234
  jwt-secret: hunter2-hunter2-hunter2-hunter2-hunter2
auth:
  - ldap: {urls: ldaps://dc, bind-password: hunter2}
database: postgresql://u:hunter2@db/x
"""


@pytest.fixture
def document(tmp_path: Path, registry: Registry) -> dict[str, object]:
    (tmp_path / "f.yaml").write_text(TEXT)
    return in_force(load(tmp_path / "f.yaml", registry, {}))


def test_what_is_in_force_has_the_defaults_too(document: dict[str, object]) -> None:
    server = document["rest-server"]
    assert isinstance(server, dict)

    assert server["server-port"] == 1234
    assert server["server-host"] == "0.0.0.0"
    assert document["board"] == {"max-age": 1, "stale-for": 60}


def test_providers_are_shown_with_their_settings(document: dict[str, object]) -> None:
    assert document["auth"] == [
        {"ldap": {"urls": ["ldaps://dc"], "bind-password": "********", "page": 100}}
    ]
    assert document["storage"] == {"local": {"default-fs-uri": None}}


def test_secrets_are_masked(document: dict[str, object]) -> None:
    text = yaml.safe_dump(document)

    assert "hunter2" not in text
    assert document["database"] == "********"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (10.0, 10),
        (0.5, 0.5),
        (True, True),
        (None, None),
        (Path("/a"), "/a"),
        (Secret("x"), "********"),
        ((1, Secret("x")), [1, "********"]),
        ({"a": (Path("b"),)}, {"a": ["b"]}),
    ],
)
def test_settings_become_plain_values(value: object, expected: object) -> None:
    assert (expected, type(expected)) == (plain(value), type(plain(value)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("local", "local"),
        ("*", "'*'"),
        ("", "''"),
        (60.0, "60"),
        (False, "false"),
        (("a", "b"), "[a, b]"),
        ({"env": "X"}, "{env: X}"),
        ("x " * 100, "'" + "x " * 100 + "'"),
    ],
)
def test_a_value_is_written_on_one_line(value: object, expected: str) -> None:
    assert expected == yaml_flow(value)
