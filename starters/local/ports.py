"""TCP ports that a state directory keeps from one start to the next."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path


def kept_ports(state_dir: Path, wanted: Mapping[str, int]) -> dict[str, int]:
    """A port for each name: the kept one, else the wanted number when it is free, else any free one."""
    path = state_dir / "ports.json"
    if path.exists():
        return {name: int(port) for name, port in json.loads(path.read_text(encoding="utf-8")).items()}
    ports: dict[str, int] = {}
    for name, number in wanted.items():
        port = number if _is_free(number) else _any_free()
        while port in ports.values():
            port = _any_free()
        ports[name] = port
    path.write_text(json.dumps(ports, indent=2) + "\n", encoding="utf-8")
    return ports


def answers(address: str) -> bool:
    """Whether something accepts TCP connections at `host:port`."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return True
    except OSError:
        return False


def _is_free(number: int) -> bool:
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", number))
        except OSError:
            return False
        return True


def _any_free() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])
