import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from jobyard.config.example import example, provider_example
from jobyard.config.loading import load
from jobyard.config.options import options
from jobyard.config.settings import Settings
from jobyard.config.shapes import section_of
from jobyard.errors import ConfigError
from jobyard.registry import Registry
from jobyard.seams.provider import Seam


def switched_on(text: str) -> str:
    return re.sub(r"(?m)^( *)#(?=\S)", r"\1", text)


def all_good(*, other: bool) -> str:
    """Switch everything on; of providers that exclude one another the first, or the ``other``."""
    text = switched_on(example())
    for seam in (Seam.SCHEDULING, Seam.STORAGE):
        head, behind, block = text.partition(f"\n{seam.value}:\n")
        block, blank, rest = block.partition("\n\n")
        providers = re.split(r"(?m)^(?=  # .*\n(?:  # .*\n)*  [a-z])", block)[1:]
        chosen = providers[-1] if other else providers[0]
        text = head + behind + chosen.rstrip("\n") + blank + rest
    return text


def test_the_example_is_a_configuration_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(example())

    registry = Registry()

    found = load(file, registry, {})

    default = load(None, registry, {})
    assert found.notices == ()
    assert (found.auth, found.scheduling, found.storage) == (
        default.auth,
        default.scheduling,
        default.storage,
    )
    assert found.settings.accounts == default.settings.accounts


@pytest.mark.parametrize("other", [False, True])
def test_everything_that_is_commented_out_is_an_option_that_is_good(
    tmp_path: Path, other: bool
) -> None:
    file = tmp_path / "f.yaml"
    (tmp_path / "jwt-secret").write_text("x" * 40)
    text = all_good(other=other).replace("/etc/jobyard/jwt-secret", "jwt-secret")
    file.write_text(text)

    with pytest.raises(ConfigError) as raised:
        load(
            file,
            Registry(),
            {"JOBYARD_ADMIN_PASSWORD": "hunter22", "JOBYARD_LDAP_PASSWORD": "hunter23"},
        )

    # The files of the example are on no machine.
    files = ["rest-server.tls.certificate"]
    if other:
        files += ["scheduling.yarn.resource-manager-tls", "scheduling.yarn.launcher-tls"]
        files += ["storage.hdfs.delegation-token"]
    assert [each.path for each in raised.value.problems] == files


def test_every_option_is_in_the_example() -> None:
    document = yaml.safe_load(switched_on(example(Registry([]))))

    for each in options(section_of(Settings)):
        found = document
        for name in each.path.split("."):
            assert name in found
            found = found[name]


def test_every_option_has_its_words_above_it() -> None:
    lines = [line.strip() for line in example().splitlines()]

    for above, line in pairwise(lines):
        if line and not line.startswith("# "):
            assert above.startswith("# ")


def test_installed_providers_that_are_not_the_default_are_commented_out(
    registry: Registry,
) -> None:
    text = example(registry)

    assert "\n  - local:\n" in text
    assert "\n  #- ldap:\n" in text
    assert "\n      #urls: [...]\n" in text


@pytest.mark.parametrize("seam", [Seam.AUTH, Seam.SCHEDULING, Seam.STORAGE])
def test_the_example_of_an_embedded_provider_is_good(seam: Seam, tmp_path: Path) -> None:
    registry = Registry()
    file = tmp_path / "f.yaml"
    file.write_text(switched_on(provider_example(seam, registry.provider(seam, "local"))))

    assert load(file, registry, {}).source == str(file)


def test_the_example_of_a_provider_has_its_required_options(registry: Registry) -> None:
    text = provider_example(Seam.AUTH, registry.provider(Seam.AUTH, "ldap"))

    assert yaml.safe_load(text) == {"auth": [{"ldap": {"urls": ["..."]}}]}
