import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from jobyard.errors import Incompatible, LoadError, PluginError
from jobyard.registry import Registry, remedy
from jobyard.seams.provider import Seam
from tests.core.plugins import Nothing, announcing, entry_point, provider

Install = Callable[..., EntryPoint]

BROKEN = "raise RuntimeError('half\\ninstalled')"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EntryPoint:
    (tmp_path / "fake_broken.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(tmp_path)
    return entry_point(Seam.AUTH, "broken", "fake_broken", "broken-plugin", "0.1")


def put(monkeypatch: pytest.MonkeyPatch, seam: Seam, announced: object) -> EntryPoint:
    monkeypatch.setitem(sys.modules, "fake_odd", announcing(seam, lambda: [announced]))
    return entry_point(seam, "odd", "fake_odd")


def refusal(registry: Registry, seam: Seam, name: str) -> PluginError:
    with pytest.raises(PluginError) as raised:
        registry.provider(seam, name)
    return raised.value


def test_a_plugin_is_found_by_the_name_of_its_entry_point(install: Install) -> None:
    registry = Registry([install(Seam.AUTH, "one"), install(Seam.AUTH, "two")])

    assert registry.provider(Seam.AUTH, "two").name == "two"
    assert registry.names(Seam.AUTH) == ("one", "two")
    assert registry.names(Seam.STORAGE) == ()


def test_only_what_is_asked_for_is_imported(install: Install, broken: EntryPoint) -> None:
    registry = Registry([install(Seam.AUTH, "local"), broken])

    registry.provider(Seam.AUTH, "local")

    assert registry.names(Seam.AUTH) == ("broken", "local")
    assert [each.problem for each in registry.describe()] == [None, None]
    assert "fake_broken" not in sys.modules


def test_a_plugin_that_cannot_be_imported_is_named_with_its_distribution(
    broken: EntryPoint,
) -> None:
    error = refusal(Registry([broken]), Seam.AUTH, "broken")

    assert isinstance(error, LoadError)
    assert error.message == (
        "the plugin 'broken' of broken-plugin 0.1 cannot be imported: RuntimeError: half\ninstalled"
    )


def test_a_plugin_fails_the_same_way_every_time(broken: EntryPoint) -> None:
    registry = Registry([broken])

    assert refusal(registry, Seam.AUTH, "broken") is refusal(registry, Seam.AUTH, "broken")


def test_a_plugin_that_ends_the_process_at_import_is_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fake_leaving.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry([entry_point(Seam.AUTH, "leaving", "fake_leaving")])

    assert "SystemExit: 3" in refusal(registry, Seam.AUTH, "leaving").message


def test_two_distributions_with_one_name_are_both_named(install: Install) -> None:
    first = install(Seam.AUTH, "ldap")
    second = entry_point(Seam.AUTH, "ldap", first.value, "other-plugins", "7")

    error = refusal(Registry([first, second]), Seam.AUTH, "ldap")

    assert error.message == (
        "acme-plugins 1.2 and other-plugins 7 both announce the auth plugin 'ldap': uninstall one"
    )


def test_a_distribution_that_lies_on_the_path_twice_is_one(install: Install) -> None:
    point = install(Seam.AUTH, "ldap")
    registry = Registry([point, entry_point(Seam.AUTH, "ldap", point.value)])

    assert registry.provider(Seam.AUTH, "ldap").name == "ldap"
    assert len(registry.describe()) == 1


def test_the_same_name_in_two_seams_is_two_plugins(install: Install) -> None:
    registry = Registry([install(Seam.AUTH, "local"), install(Seam.OBSERVERS, "local")])

    assert registry.provider(Seam.OBSERVERS, "local").seam is Seam.OBSERVERS


def test_a_provider_of_another_seam_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    point = put(monkeypatch, Seam.AUTH, provider(Seam.OBSERVERS, "odd", Nothing))

    message = refusal(Registry([point]), Seam.AUTH, "odd").message

    assert message.endswith("is announced as auth, but provides observers")


def test_a_plugin_without_the_hook_of_its_seam_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = announcing(Seam.AUTH, lambda: ())
    monkeypatch.setitem(sys.modules, "fake_odd", module)
    registry = Registry([entry_point(Seam.STORAGE, "odd", "fake_odd")])

    assert (
        "announces nothing under the name 'odd'" in refusal(registry, Seam.STORAGE, "odd").message
    )


def test_a_plugin_that_announces_another_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    point = put(monkeypatch, Seam.AUTH, provider(Seam.AUTH, "even", Nothing))

    message = refusal(Registry([point]), Seam.AUTH, "odd").message

    assert "announces 'even' under the name 'odd' in fake_odd" in message


def test_what_is_no_provider_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    point = put(monkeypatch, Seam.AUTH, "a text")

    message = refusal(Registry([point]), Seam.AUTH, "odd").message

    assert message.endswith("announces str where a provider is expected")


def test_a_storage_has_the_settings_of_every_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    point = put(monkeypatch, Seam.STORAGE, provider(Seam.STORAGE, "odd", Nothing))

    message = refusal(Registry([point]), Seam.STORAGE, "odd").message

    assert message.endswith("has settings that derive from no StorageSettings")


@pytest.mark.parametrize(
    ("api", "mend"), [(2, "upgrade Jobyard"), (0, "upgrade acme-plugins"), (-1, "upgrade acme-")]
)
def test_a_plugin_for_another_version_of_its_seam_says_what_to_upgrade(
    install: Install, api: int, mend: str
) -> None:
    error = refusal(Registry([install(Seam.AUTH, "old", api=api)]), Seam.AUTH, "old")

    assert isinstance(error, Incompatible)
    assert f"written for version {api} of the auth seam, and this Jobyard speaks 1" in error.message
    assert mend in error.message


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("ldpa", "installed: ldap, local; did you mean 'ldap'?"),
        ("psycopg", 'installed: ldap, local; try: pip install "jobyard[postgres]"'),
        ("x" * 1000, "installed: ldap, local"),
        ("lightkube", "installed: ldap, local"),
        ("spnego", 'installed: ldap, local; try: pip install "jobyard[kerberos]"'),
    ],
)
def test_an_unknown_name_says_what_there_is(install: Install, name: str, ending: str) -> None:
    registry = Registry([install(Seam.AUTH, "local"), install(Seam.AUTH, "ldap")])

    message = refusal(registry, Seam.AUTH, name).message

    assert message == f"no auth plugin '{name[:200]}' is installed; {ending}"


def test_without_any_plugin_none_is_said_to_be_installed() -> None:
    assert refusal(Registry([]), Seam.AUTH, "local").message.endswith("installed: none")


def test_a_missing_module_of_an_extra_says_which_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "raise ModuleNotFoundError('no psycopg', name='psycopg.rows')"
    (tmp_path / "fake_extra.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry([entry_point(Seam.AUTH, "extra", "fake_extra")])

    message = refusal(registry, Seam.AUTH, "extra").message

    assert message.endswith('no psycopg; try: pip install "jobyard[postgres]"')


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), ModuleNotFoundError("x"), ModuleNotFoundError("x", name="unheard_of")],
)
def test_other_failures_have_no_extra_to_install(error: Exception) -> None:
    assert remedy(error) is None


def test_describe_tells_what_is_chosen_and_with_a_probe_what_is_broken(
    install: Install, broken: EntryPoint
) -> None:
    registry = Registry([broken, install(Seam.STORAGE, "odd"), install(Seam.AUTH, "local")])
    registry.provider(Seam.AUTH, "local")

    found = {each.name: each for each in registry.describe(probe=True)}

    assert list(found) == ["broken", "local", "odd"]
    assert [each.chosen for each in found.values()] == [False, True, False]
    assert "half" in (found["broken"].problem or "")
    assert "StorageSettings" in (found["odd"].problem or "")
    assert found["local"].problem is None
    assert found["local"].summary == "A fake auth called local."
    assert found["local"].capabilities == ("users",)
    assert (found["local"].distribution, found["local"].version) == ("acme-plugins", "1.2")


def test_the_installed_distribution_announces_the_embedded_providers() -> None:
    registry = Registry()

    for seam in (Seam.AUTH, Seam.SCHEDULING, Seam.STORAGE):
        assert registry.provider(seam, "local").seam is seam
