import socket

import pytest

from jobyard.cli.listening import CannotListen, address_of, listener


def test_port_0_takes_a_free_one_and_nobody_can_connect_yet() -> None:
    with listener("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]

        assert address_of(bound, "http") == f"http://127.0.0.1:{port}"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10)


def test_a_name_is_looked_up() -> None:
    with listener("localhost", 0) as bound:
        assert address_of(bound, "https").startswith(("https://127.0.0.1:", "https://[::1]:"))


def test_an_ipv6_address_is_written_in_brackets() -> None:
    with listener("::1", 0) as bound:
        assert address_of(bound, "http").startswith("http://[::1]:")


@pytest.mark.parametrize("host", ["203.0.113.1", "a..b", "\ud800"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(CannotListen, match="Cannot listen on"), listener(host, 0):
        pass


def test_a_taken_port_is_refused_by_its_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"port {port}: Address already in use"):
            listener("127.0.0.1", port).__enter__()


def test_the_socket_is_closed_in_the_end() -> None:
    with listener("127.0.0.1", 0) as bound:
        pass

    assert bound.fileno() == -1
