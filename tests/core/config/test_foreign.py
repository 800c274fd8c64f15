import pytest

from jobyard.config.document import MapNode, compose
from jobyard.config.foreign import without_foreign

OPENPAI = b"""
cluster:
  common: {cluster-id: one}
rest-server:
  default-pai-admin-username: root
  github-owner: someone
  etcd-uris: http://e:2379
webportal:
hadoop-resource-manager: {x: 1}
alert-manager: {port: 9093}
"""


def keys(root: MapNode) -> list[str]:
    return [entry.key for entry in root.entries]


def test_sections_of_other_services_are_left_out_and_named_once() -> None:
    root, notices = without_foreign(compose("f", OPENPAI))

    assert keys(root) == ["rest-server"]
    sections, options = notices
    assert sections.endswith(": cluster, webportal, hadoop-resource-manager, alert-manager")
    assert options.endswith(": github-owner, etcd-uris")


def test_the_keys_of_rest_server_that_are_ours_stay() -> None:
    root, _ = without_foreign(compose("f", OPENPAI))
    section = root.entries[0].value
    assert isinstance(section, MapNode)

    assert keys(section) == ["default-pai-admin-username"]


@pytest.mark.parametrize(
    "text",
    ["observer: {a: 1}", "rest-sever: {a: 1}", "databse: x", "anything: x", "unknown: [1]"],
)
def test_what_may_be_a_misspelt_key_of_ours_stays(text: str) -> None:
    root, notices = without_foreign(compose("f", text.encode()))

    assert len(root.entries) == 1
    assert notices == ()


def test_a_service_of_openpai_is_never_taken_for_a_misspelt_key() -> None:
    root, notices = without_foreign(compose("f", b"storage-manager: x\nauthentication: {}\n"))

    assert root.entries == ()
    assert len(notices) == 1


def test_a_file_of_ours_has_no_notices() -> None:
    root = compose("f", b"rest-server: {}\nauth: local\nrestserver: {}\n")

    assert without_foreign(root) == (root, ())
