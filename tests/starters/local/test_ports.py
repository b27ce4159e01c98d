"""Ports of a state directory: the wanted ones when free, the same after a restart."""

import socket
from pathlib import Path

from starters.local.ports import answers, kept_ports


def _listening() -> socket.socket:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


def test_taken_port_is_replaced_and_kept(tmp_path: Path) -> None:
    with _listening() as server:
        taken = server.getsockname()[1]
        ports = kept_ports(tmp_path, {"temporal": taken, "webUi": taken})
    assert taken not in ports.values()
    assert ports["temporal"] != ports["webUi"]
    assert kept_ports(tmp_path, {"temporal": taken, "webUi": taken}) == ports


def test_free_port_is_used_as_wanted(tmp_path: Path) -> None:
    with _listening() as server:
        number = server.getsockname()[1]
    assert kept_ports(tmp_path, {"temporal": number}) == {"temporal": number}


def test_answers_only_where_something_listens() -> None:
    with _listening() as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert answers(address)
    assert not answers(address)
