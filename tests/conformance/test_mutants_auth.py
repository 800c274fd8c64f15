"""Auth backends that are wrong in one thing each: the suite has a test that sees it."""

from __future__ import annotations

import pytest
from attrs import evolve

from jobyard.clock import Clock
from jobyard.seams.provider import AuthProvider
from jobyard.testing import FakeAuth, failures_of
from jobyard.testing.fakes.auth import People, fake_auth_provider
from tests.conformance import (  # noqa: F401 - each notes its mutants
    auth_mutants_log_ins,
    auth_mutants_manners,
    auth_mutants_names,
    auth_mutants_users,
)
from tests.conformance.auth_mutants import MUTANTS
from tests.conformance.catching import caught_by
from tests.conformance.fake_users import FakeFixtures


def suite_of(provider: AuthProvider) -> type[FakeFixtures]:
    return type("TestMutant", (FakeFixtures,), {"provider": provider})


def provider_of(mutant: type[FakeAuth]) -> AuthProvider:
    return fake_auth_provider(lambda people, clock: mutant(people, clock=clock))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_suite_sees_what_is_wrong(mutant: type[FakeAuth]) -> None:
    test = MUTANTS[mutant]

    assert caught_by(suite_of(provider_of(mutant)), [test]) == {test}


def test_the_suite_sees_nothing_wrong_where_nothing_is() -> None:
    tests = set(MUTANTS.values())

    assert failures_of(suite_of(fake_auth_provider()), tests=tests) == set()


def test_the_suite_sees_that_users_are_forgotten() -> None:
    def forgetful(_: People, clock: Clock) -> FakeAuth:
        return FakeAuth({}, clock=clock)

    test = "test_users_outlive_a_restart"
    assert caught_by(suite_of(fake_auth_provider(forgetful)), [test]) == {test}


def test_the_suite_sees_that_the_source_is_another_after_a_restart() -> None:
    people: People = {}

    def renaming(_: People, clock: Clock) -> FakeAuth:
        fake = FakeAuth(people, clock=clock)
        for key, user in people.items():
            people[key] = evolve(user, identity=evolve(user.identity, admin=True))
        return fake

    test = "test_the_source_is_read_again_after_a_restart"
    provider = fake_auth_provider(renaming, capabilities=())
    assert caught_by(suite_of(provider), [test]) == {test}


@pytest.mark.parametrize("test", ["test_users_cannot_be_listed", "test_users_cannot_be_managed"])
def test_the_suite_sees_what_is_there_and_not_announced(test: str) -> None:
    provider = fake_auth_provider(capabilities=())

    assert caught_by(suite_of(provider), [test]) == {test}


def test_the_suite_sees_what_is_announced_and_not_there() -> None:
    class Reading:
        """An authenticator and no more."""

        def __init__(self, people: People, clock: Clock) -> None:
            fake = FakeAuth(people, clock=clock)
            self.authenticate = fake.authenticate
            self.find = fake.find
            self.ping = fake.ping

    test = "test_capabilities_have_their_protocols"
    provider = fake_auth_provider(Reading)

    assert caught_by(suite_of(provider), [test]) == {test}
