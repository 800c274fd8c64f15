"""The small requests: what each accepts, and what it says of what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from jobyard.domain.states import ExecutionType
from jobyard.domain.virtual_cluster import VirtualClusterState
from jobyard.errors import InvalidParameters
from jobyard.secret import Secret
from jobyard.wire import requests
from jobyard.wire.schema import Schema


def problems(schema: Schema[Any], **document: object) -> dict[str, str]:
    with pytest.raises(InvalidParameters) as refusal:
        schema.decode(document, coerce=False)
    return {problem.path: problem.message for problem in refusal.value.problems}


def test_a_token_lasts_a_day_unless_asked_otherwise() -> None:
    asked = requests.TOKEN_REQUEST.decode({"username": "a", "password": "secret"}, coerce=False)

    assert asked == requests.TokenRequest(
        username="a", password=Secret("secret"), expiration=86_400
    )


@pytest.mark.parametrize("expiration", [59, 604_801, 60.5, "soon", None, True])
def test_a_token_lasts_a_minute_to_a_week(expiration: object) -> None:
    found = problems(requests.TOKEN_REQUEST, username="a", password="secret", expiration=expiration)

    assert found["expiration"].startswith("expected an integer from 60 to 604800, got")


def test_a_token_request_says_all_that_is_wrong_and_hides_the_password() -> None:
    assert problems(requests.TOKEN_REQUEST, username="a-b", password="12345") == {
        "username": 'expected a text that matches ^[_A-Za-z0-9]+$, got "a-b"',
        "password": "expected a text of at least 6 characters",
    }
    assert set(problems(requests.TOKEN_REQUEST)) == {"username", "password"}


def test_a_provider_may_have_names_of_its_own() -> None:
    asked = requests.WIDE_TOKEN_REQUEST.decode(
        {"username": "Zoë@example.org", "password": "x"}, coerce=False
    )

    assert asked.username == "Zoë@example.org"
    assert set(problems(requests.WIDE_TOKEN_REQUEST, username="a\nb", password="")) == {
        "username",
        "password",
    }


def test_a_new_user_needs_a_password_and_a_changed_one_does_not() -> None:
    assert problems(requests.USER_REQUEST, username="a", password="") == {
        "password": "missing, expected a text of at least 6 characters"
    }
    for extra in ({}, {"password": ""}, {"password": None}):
        asked = requests.USER_REQUEST.decode(
            {"username": "a", "modify": "true", **extra}, coerce=False
        )
        assert asked.new_password is None
        assert asked.admin is None


@pytest.mark.parametrize("modify", [True, False])
def test_a_password_of_six_characters_is_long_enough(modify: bool) -> None:
    document = {"username": "a", "password": "123456", "modify": modify}

    asked = requests.USER_REQUEST.decode(document, coerce=False)

    assert asked.new_password == Secret("123456")


def test_a_short_password_is_refused_on_a_change_too() -> None:
    found = problems(requests.USER_REQUEST, username="a", password="12345", modify=True)

    assert found == {"password": "expected a text of at least 6 characters"}


def test_assigned_virtual_clusters_are_a_comma_text() -> None:
    asked = requests.USER_VIRTUAL_CLUSTERS.decode(
        {"virtualClusters": " vc2,vc1,, vc2"}, coerce=False
    )

    assert asked.names() == ("vc2", "vc1")


def test_execution_is_start_or_stop() -> None:
    assert (
        requests.EXECUTION_REQUEST.decode({"value": "STOP"}, coerce=False).value
        is ExecutionType.STOP
    )
    assert problems(requests.EXECUTION_REQUEST, value="stop") == {
        "value": 'expected "START" or "STOP", got "stop"'
    }


def test_a_maximum_is_the_capacity_unless_given() -> None:
    schema = requests.VIRTUAL_CLUSTER_REQUEST

    assert schema.decode({"vcCapacity": 30}, coerce=False).max_capacity == 30
    assert schema.decode({"vcCapacity": "30", "vcMaxCapacity": ""}, coerce=True).max_capacity == 30
    assert schema.decode({"vcCapacity": 0, "vcMaxCapacity": 100}, coerce=False).max_capacity == 100


def test_capacities_are_percentages_in_order() -> None:
    schema = requests.VIRTUAL_CLUSTER_REQUEST

    assert set(problems(schema, vcCapacity=-1, vcMaxCapacity=101)) == {
        "vcCapacity",
        "vcMaxCapacity",
    }
    assert problems(schema, vcCapacity=30, vcMaxCapacity=20.5) == {
        "vcMaxCapacity": "expected a number from vcCapacity, which is 30, to 100, got 20.5"
    }


def test_a_virtual_cluster_runs_or_is_stopped() -> None:
    schema = requests.VIRTUAL_CLUSTER_STATUS_REQUEST

    assert schema.decode({"vcStatus": "stopped"}, coerce=False).vc_status is (
        VirtualClusterState.STOPPED
    )
    assert problems(schema, vcStatus="RUNNING") == {
        "vcStatus": 'expected "running" or "stopped", got "RUNNING"'
    }


def test_a_removal_names_a_user() -> None:
    assert requests.USER_REMOVAL.decode({"username": "a"}, coerce=False).username == "a"
    assert set(problems(requests.USER_REMOVAL)) == {"username"}
