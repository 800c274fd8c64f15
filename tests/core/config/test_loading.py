from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobyard.config.loading import Loaded, load
from jobyard.config.settings import Settings
from jobyard.config.shapes import section_of
from jobyard.errors import ConfigError
from jobyard.registry import Registry
from jobyard.schema import option
from jobyard.seams.provider import Seam
from jobyard.secret import Secret
from tests.core.plugins import Directory, NoStorageOptions

NAME = "services-configuration.yaml"
ITSELF = "a secret stands in the file itself; better {env: NAME} or {file: PATH}"
LITERAL = f"13:31: rest-server.default-pai-admin-password: {ITSELF}"

# The sections' names are OpenPAI's, their contents made up.
OPENPAI = """
cluster:
  common:
    cluster-id: somewhere
    data-path: "/data"
  docker-registry:
    namespace: somebody
hadoop-resource-manager:
  virtualClusters:
    default: {capacity: 40}
rest-server:
  default-pai-admin-username: root
  default-pai-admin-password: root-password
  jwt-secret: not-so-secret
  github-owner: somebody
  etcd-uris: http://10.0.0.1:4001
webportal:
#  server-port: 9286
grafana: {port: 3000}
drivers:
  set-nvidia-runtime: false
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(NAME)


def loaded(
    file: Path, text: str, registry: Registry, env: Mapping[str, str] | None = None
) -> Loaded:
    file.write_text(text)
    return load(file, registry, env or {})


def refused(
    file: Path, text: str, registry: Registry, env: Mapping[str, str] | None = None
) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        loaded(file, text, registry, env)
    return raised.value.message.splitlines()


def test_without_a_file_everything_is_embedded_on_loopback(registry: Registry) -> None:
    found = load(None, registry, {})

    assert [each.provider.name for each in found.auth] == ["local"]
    assert (found.scheduling.label, found.storage.label) == ("local", "local")
    assert found.settings.rest_server.server_host == "127.0.0.1"
    assert (found.observers, found.notices, found.source) == ((), (), None)


def test_a_file_listens_everywhere_unless_it_says_otherwise(file: Path, registry: Registry) -> None:
    everywhere = loaded(file, "", registry)
    one = loaded(file, "rest-server: {server-host: '::1'}", registry)

    assert everywhere.settings.rest_server.server_host == "0.0.0.0"
    assert one.settings.rest_server.server_host == "::1"
    assert one.source == NAME


def test_providers_come_with_their_settings_in_the_files_order(
    file: Path, registry: Registry
) -> None:
    text = "auth:\n- ldap: {urls: ldaps://dc, page: 5}\n- local\nobservers: notify\n"

    found = loaded(file, text, registry)

    assert [each.label for each in found.auth] == ["ldap", "local"]
    assert found.auth[0].config == Directory(urls=("ldaps://dc",), page=5)
    assert found.storage.config == NoStorageOptions()
    assert [each.label for each in found.observers] == ["notify"]


def test_two_of_a_kind_have_labels_of_their_own(file: Path, registry: Registry) -> None:
    text = "auth:\n- ldap: {urls: ldaps://one}\n- ldap: {urls: ldaps://two}\n"

    assert [each.label for each in loaded(file, text, registry).auth] == ["ldap", "ldap-2"]


def test_the_same_twice_is_refused(file: Path, registry: Registry) -> None:
    assert refused(file, "auth: [local, local]", registry) == [
        f"{NAME}:1:15: auth[1]: auth[0] is the same"
    ]


def test_the_error_of_the_design_is_told_as_the_design_says(file: Path, registry: Registry) -> None:
    text = "rest-server:\n  server-port: 9186\n\nauth:\n  - local\n  - ldap:\n\n\n      url: x\n"

    assert refused(file, text, registry) == [
        f"{NAME}:6:5: auth[1].ldap.urls: missing; expected a list of at least 1 entry",
        f"{NAME}:9:7: auth[1].ldap.url: unknown key; did you mean 'urls'?",
    ]


def test_all_problems_of_all_sections_and_providers_come_at_once_in_order(
    file: Path, registry: Registry
) -> None:
    text = """\
database: mysql://db
rest-server:
  server-port: 99999
  server-prt: 1
auth:
  - ldap: {urls: [ftp://x], page: 0}
  - ldpa
scheduling: [a]
storage: {local: {root: /}}
boards: {}
"""

    lines = refused(file, text, registry)

    places = [line.split(":")[1] for line in lines]
    assert places == ["3", "4", "6", "6", "7", "8", "9", "10"]
    assert lines[4].endswith("installed: ldap, local; did you mean 'ldap'?")


def test_a_provider_without_its_settings_is_told_at_its_name(
    file: Path, registry: Registry
) -> None:
    assert refused(file, "auth:\n  - local\n  - ldap\n", registry) == [
        f"{NAME}:3:5: auth[1].ldap.urls: missing; expected a list of at least 1 entry"
    ]


def test_a_file_that_cannot_be_read_is_named(file: Path, registry: Registry) -> None:
    with pytest.raises(ConfigError) as raised:
        load(file, registry, {})

    assert raised.value.message == f"cannot read {NAME}: No such file or directory"


def test_a_folder_is_no_file(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path, registry, {})


def test_openpais_own_file_loads(file: Path, registry: Registry) -> None:
    found = loaded(file, OPENPAI, registry)
    server = found.settings.rest_server

    assert server.jwt_secret == (Secret("not-so-secret"),)
    assert server.default_pai_admin_username == "root"
    sections, options, *warnings = found.notices
    assert sections.endswith(": cluster, hadoop-resource-manager, webportal, grafana, drivers")
    assert options.endswith(": github-owner, etcd-uris")
    assert [each.partition(", ")[0] for each in warnings] == [
        f"{NAME}:{LITERAL}",
        f"{NAME}:14:15: rest-server.jwt-secret: {ITSELF}",
        f"{NAME}:14:15: rest-server.jwt-secret: shorter than 32 bytes",
    ]


def test_the_other_spelling_of_rest_server_is_the_same(file: Path, registry: Registry) -> None:
    found = loaded(file, OPENPAI.replace("rest-server:", "restserver:"), registry)

    assert found.settings.rest_server.default_pai_admin_username == "root"
    assert found.notices[-1].startswith(f"{NAME}:14:15: rest-server.jwt-secret: shorter")


def test_secrets_come_from_the_environment_and_from_files(file: Path, registry: Registry) -> None:
    file.with_name("secret").write_text("s" * 40 + "\n")
    text = """
rest-server:
  jwt-secret: {file: secret}
  default-pai-admin-password: {env: ADMIN}
"""

    found = loaded(file, text, registry, {"ADMIN": "hunter22"})

    assert found.notices == ()
    assert found.settings.rest_server.jwt_secret == (Secret("s" * 40),)
    assert "hunter22" not in repr(found)


def test_settings_that_would_not_work_are_refused_with_their_place(
    file: Path, registry: Registry
) -> None:
    text = "rest-server:\n  tls: {certificate: c.pem, key: k.pem}\ndatabase: 'sqlite:///'\n"

    first, second = refused(file, text, registry)

    assert first.startswith(f"{NAME}:2:22: rest-server.tls.certificate: cannot read ")
    assert second.startswith(f"{NAME}:3:11: database: ")


def test_a_class_that_cannot_be_read_is_the_plugins_mistake(
    file: Path, install: Callable[..., EntryPoint]
) -> None:
    @frozen
    class Odd:
        field: bytes = option(default=b"", doc="No file holds this.")

    registry = Registry(
        [
            install(Seam.AUTH, "odd", Odd),
            install(Seam.SCHEDULING, "local"),
            install(Seam.STORAGE, "local", NoStorageOptions),
        ]
    )

    (line,) = refused(file, "auth: odd", registry)

    assert "auth: the settings of 'odd' cannot be read from their class" in line


def _keys() -> st.SearchStrategy[str]:
    ours = [key.name for key in section_of(Settings).keys]
    theirs = ["urls", "page", "bind-password", "server-port", "jwt-secret", "env", "file", "ldap"]
    return st.sampled_from([*ours, *theirs, "local", "webportal"]) | st.text(max_size=8)


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["local", "ldap", "postgresql://x", "sqlite:///x", "/dev/null", "HOME"]),
)
_DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys(), inner, max_size=4),
    max_leaves=20,
)


@given(document=st.dictionaries(_keys(), _DOCUMENTS, max_size=5))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
def test_any_document_loads_or_is_refused_with_places(
    document: object, tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / NAME
    path.write_bytes(_yaml(document))
    try:
        found = load(path, registry, {"HOME": "hunter2hunter2"})
    except ConfigError as error:
        told = error.message
        assert "hunter2" not in told
        assert all(f"{NAME}:" in line for line in told.splitlines())
    else:
        assert found.source == str(path)


@given(text=st.text(max_size=120))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
def test_any_text_loads_or_is_refused_with_places(
    text: str, tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / NAME
    path.write_bytes(text.encode())
    try:
        load(path, registry, {})
    except ConfigError as error:
        problems = error.problems
    else:
        return

    assert problems
    assert all(each.line for each in problems)


def _yaml(document: object) -> bytes:
    import yaml  # noqa: PLC0415 - the test's own writer

    written: bytes = yaml.safe_dump(document, encoding="utf-8", allow_unicode=False)
    return written
