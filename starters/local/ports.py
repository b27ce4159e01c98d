"""TCP ports that a state directory keeps from one start to the next."""

import hashlib
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

# Below Linux's ephemeral range (32768-60999), so that no outgoing connection sits on a kept port.
_FIRST, _COUNT = 10000, 10000


def kept_ports(state_dir: Path, wanted: Mapping[str, int]) -> dict[str, int]:
    """A port for each name: the kept one, else the wanted number when it is free, else any free one.

    wanted: numbers by name; 0 wants none in particular.
    """
    path = state_dir / "ports.json"
    if path.exists():
        return {name: int(port) for name, port in json.loads(path.read_text(encoding="utf-8")).items()}
    others = _others(state_dir)
    ports = {name: number if number and _is_free(number) else next(others) for name, number in wanted.items()}
    path.write_text(json.dumps(ports, indent=2) + "\n", encoding="utf-8")
    return ports


def _others(state_dir: Path) -> Iterator[int]:
    """Free ports, from a place that differs between state directories: two may look at the same time."""
    offset = int(hashlib.sha256(str(state_dir).encode()).hexdigest(), 16)
    return (port for step in range(_COUNT) if _is_free(port := _FIRST + (offset + step) % _COUNT))


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
