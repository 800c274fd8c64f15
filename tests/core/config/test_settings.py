import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.config.settings import RestServer, Settings
from jobyard.config.shapes import Section, section_of
from jobyard.secret import Secret


def walked(section: Section) -> list[str]:
    found: list[str] = []
    for key in section.keys:
        found += [key.name] if key.constraint.doc else []
        if isinstance(key.shape, Section):
            found += walked(key.shape)
    return found


def counted(section: Section) -> int:
    inner = [key.shape for key in section.keys if isinstance(key.shape, Section)]
    return len(section.keys) + sum(map(counted, inner))


def test_every_setting_is_documented() -> None:
    section = section_of(Settings)

    assert counted(section) == len(walked(section))


def test_the_defaults_are_good() -> None:
    assert list(Settings().problems()) == []
    assert list(RestServer().problems()) == []
    assert RestServer().server_port == 9186


@pytest.mark.parametrize("network", ["10.0.0.0/8", "10.1.2.3/8", "::1", "192.168.1.1"])
def test_an_address_or_a_network_is_a_proxy(network: str) -> None:
    assert list(RestServer(trusted_proxies=(network,)).problems()) == []


@given(st.text(alphabet="abcxyz", min_size=1))
def test_a_name_is_no_proxy(name: str) -> None:
    (problem,) = RestServer(trusted_proxies=("10.0.0.1", name)).problems()

    assert problem.path == "trusted-proxies[1]"


def test_an_empty_secret_is_none() -> None:
    (problem,) = RestServer(jwt_secret=(Secret("x" * 32), Secret(""))).problems()

    assert problem.path == "jwt-secret"


@pytest.mark.parametrize("url", ["mysql://db", "jobyard.sqlite", ""])
def test_other_databases_are_refused(url: str) -> None:
    (problem,) = Settings(database=Secret(url)).problems()

    assert str(problem) == "database: expected a URL that begins with postgresql:// or sqlite:///"


def test_secrets_are_not_shown() -> None:
    settings = Settings(
        rest_server=RestServer(
            jwt_secret=(Secret("hunter2"),), default_pai_admin_password=Secret("hunter2")
        ),
        database=Secret("postgresql://u:hunter2@db/x"),
    )

    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(attrs.asdict(settings))
