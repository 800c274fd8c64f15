import jsonschema_rs
import orjson
import pytest
import yaml

from jobyard.config.example import example
from jobyard.config.json_schema import json_schema
from jobyard.registry import Registry
from tests.core.config.test_example import all_good


def accepts(registry: Registry, text: str) -> bool:
    # As text and back, since that is what an editor gets.
    schema = orjson.loads(orjson.dumps(json_schema(registry)))
    return jsonschema_rs.validator_for(schema).is_valid(yaml.safe_load(text))


def test_the_schema_is_one() -> None:
    assert jsonschema_rs.meta.is_valid(json_schema())


def test_the_example_is_valid_as_it_is_and_with_everything_switched_on() -> None:
    assert accepts(Registry(), example())
    for other in (False, True):
        assert accepts(Registry(), all_good(other=other))


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "rest-server: {server-port: {env: PORT}}",
        "rest-server:",
        "restserver: {jwt-secret: [a, {file: b}]}",
        "rest-server: {jwt-secret: 123}",
        "rest-server: {github-owner: x}",
        "webportal: {server-port: 1}",
        "auth: local",
        "auth: [local, {ldap: {urls: [ldaps://x]}}]",
        "auth: {ldap: {urls: ldaps://x}}",
        "storage: {local: }",
        "observers: [notify]",
        "accounts: {virtual-cluster-groups: {vc1: [a]}}",
        "database: postgresql://x",
    ],
)
def test_what_loads_is_valid(registry: Registry, text: str) -> None:
    assert accepts(registry, text)


@pytest.mark.parametrize(
    "text",
    [
        "rest-server: {server-prt: 1}",
        "rest-server: {server-port: 70000}",
        "rest-server: {server-port: one}",
        "rest-server: {public-url: ftp://x}",
        "rest-server: {tls: {key: x}}",
        "rest-server: {jwt-secret: {env: a, file: b}}",
        "auth: []",
        "auth: [ldpa]",
        "auth: [{ldap: {}}]",
        "auth: [{ldap: {urls: [x], page: 0}}]",
        "scheduling: [local]",
        "accounts: {virtual-cluster-groups: {a-b: [x]}}",
        "databse: postgresql://x",
    ],
)
def test_what_is_refused_is_not_valid(registry: Registry, text: str) -> None:
    assert not accepts(registry, text)
