"""The settings of the storage in HDFS: all that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from jobyard.errors import ConfigError
from jobyard.testing.subject import configured
from jobyard_plugins.storage_hdfs import HdfsStorageConfig
from tests.backends.storage.hdfs.conftest import PROVIDER


def wrong(settings: Mapping[str, object], folder: Path) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        configured(PROVIDER, settings, folder)
    return {
        problem.path.removeprefix("hdfs."): problem.message for problem in caught.value.problems
    }


def test_settings_of_every_kind_are_read(tmp_path: Path) -> None:
    config = configured(
        PROVIDER,
        {
            "name-nodes": ["https://nn1:9871", "https://nn2:9871/"],
            "default-fs-uri": "hdfs://cluster",
            "user": "gateway",
            "impersonation": "user-name",
            "delegation-token": "HAAEaGRmcw",
            "reserved-users": [],
            "server": "jobyard",
            "data-node-addresses": {"dn1:9865": "edge:19865", "dn2": "edge2"},
            "tls": {"ca-file": "ca.pem"},
            "timeouts": {"connect": 1, "answer": 2, "transfer": 3, "failover": 4},
        },
        tmp_path,
    )

    assert isinstance(config, HdfsStorageConfig)
    assert config.name_nodes == ("https://nn1:9871", "https://nn2:9871/")
    assert config.tls is not None
    assert config.tls.ca_file == tmp_path / "ca.pem"
    assert (config.timeouts.connect, config.timeouts.failover) == (1.0, 4.0)
    assert "HAAEaGRmcw" not in repr(config)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    problems = wrong(
        {
            "name-nodes": ["nn1:9870", "http://nn2:9870/webhdfs"],
            "user": "not a user",
            "impersonation": "kerberos",
            "reserved-users": ["a b"],
            "data-node-addresses": {"dn1": "http://edge"},
            "timeouts": {"answer": 0},
            "namenodes": [],
        },
        tmp_path,
    )

    assert set(problems) == {
        "name-nodes[0]",
        "name-nodes[1]",
        "user",
        "impersonation",
        "reserved-users[0]",
        "data-node-addresses.dn1",
        "timeouts.answer",
        "namenodes",
    }


def test_a_name_node_is_needed_once(tmp_path: Path) -> None:
    assert set(wrong({}, tmp_path)) == {"name-nodes"}
    assert set(wrong({"name-nodes": []}, tmp_path)) == {"name-nodes"}
    twice = ["http://nn1:9870", "http://nn1:9870/"]
    assert wrong({"name-nodes": twice}, tmp_path) == {
        "name-nodes[1]": "http://nn1:9870/ is in the list already"
    }


def test_another_gateway_wants_a_token(tmp_path: Path) -> None:
    settings = {"name-nodes": ["http://files:9186"], "server": "jobyard"}

    assert set(wrong(settings, tmp_path)) == {"delegation-token"}


def test_certificates_are_for_https(tmp_path: Path) -> None:
    settings = {"name-nodes": ["http://nn1:9870"], "tls": {"ca-file": "ca.pem"}}

    assert set(wrong(settings, tmp_path)) == {"tls"}


def test_what_is_for_another_kind_of_server_is_refused(tmp_path: Path) -> None:
    hadoop = {"name-nodes": ["http://nn1:9870"], "delegation-token": "HAAEaGRmcw"}
    gateway = {
        **hadoop,
        "server": "jobyard",
        "impersonation": "proxy-user",
        "kerberos": {"ticket-cache": "cache"},
    }

    assert set(wrong(hadoop, tmp_path)) == {"delegation-token"}
    assert set(wrong(gateway, tmp_path)) == {"impersonation", "kerberos"}


def test_tickets_come_from_a_keytab_of_somebody_or_from_a_cache(tmp_path: Path) -> None:
    def with_kerberos(**kerberos: str) -> Mapping[str, object]:
        return {"name-nodes": ["http://nn1:9870"], "kerberos": kerberos}

    assert set(wrong(with_kerberos(), tmp_path)) == {"kerberos.keytab"}
    assert set(wrong(with_kerberos(keytab="k"), tmp_path)) == {"kerberos.principal"}
    bad = with_kerberos(keytab="k", principal="me")
    assert set(wrong(bad, tmp_path)) == {"kerberos.principal"}
    config = configured(PROVIDER, with_kerberos(**{"ticket-cache": "tickets"}), tmp_path)
    assert isinstance(config, HdfsStorageConfig)
    assert config.kerberos is not None
    assert config.kerberos.ticket_cache == tmp_path / "tickets"
