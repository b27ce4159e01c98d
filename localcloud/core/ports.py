"""The cloud's ports on loopback: chosen once, kept in `endpoints.json`, the same after every restart."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

from localcloud.core.config import Ports
from localcloud.core.http_server import bind_loopback
from localcloud.core.private_files import write_private

SERVICES = ("ecs", "ros", "oss", "admin")
# Where machines inside a VPC reach OSS; the real internal endpoints lie in 100.64.0.0/10 too.
OSS_INTERNAL_ADDRESS = "100.118.0.1"
# Below Linux's ephemeral range (32768-60999), so that no outgoing connection sits on a kept port.
_FREE_PORTS = range(20000, 30000)


class PortTakenError(Exception):
    """A kept or configured port belongs to another program; the message says which and what to do."""


def bind_all(state_dir: Path, wanted: Ports, seed: str) -> dict[str, socket.socket]:
    """A bound socket per service: as configured, else as kept, else a free one near `seed` (hex digits).

    Raises PortTakenError.
    """
    kept = _kept_ports(state_dir / "endpoints.json")
    bound: dict[str, socket.socket] = {}
    try:
        for service in SERVICES:
            port = getattr(wanted, service) or kept.get(service, 0)
            bound[service] = _bind(service, port) if port else _bind_free(seed)
    except PortTakenError:
        for each in bound.values():
            each.close()
        raise
    return bound


def endpoints(ports: dict[str, int]) -> dict[str, str]:
    """The URL by service name, with `ossInternal` for machines inside a VPC."""
    urls = {service: f"http://127.0.0.1:{ports[service]}" for service in SERVICES}
    return {**urls, "ossInternal": f"http://{OSS_INTERNAL_ADDRESS}:{ports['oss']}"}


def keep(state_dir: Path, ports: dict[str, int]) -> None:
    """Write `endpoints.json`."""
    write_private(state_dir / "endpoints.json", json.dumps(endpoints(ports), indent=2) + "\n")


def _kept_ports(path: Path) -> dict[str, int]:
    if not path.exists():
        return {}
    urls: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return {service: urlsplit(urls[service]).port or 0 for service in SERVICES if service in urls}


def _bind(service: str, port: int) -> socket.socket:
    try:
        return bind_loopback(port, take_over=True)
    except OSError as error:
        raise PortTakenError(
            f"port {port} of {service} is taken by another program: stop it, or set ports.{service}"
        ) from error


def _bind_free(seed: str) -> socket.socket:
    offset = int(seed, 16)
    for step in range(len(_FREE_PORTS)):
        try:
            return bind_loopback(_FREE_PORTS[(offset + step) % len(_FREE_PORTS)], take_over=False)
        except OSError:
            continue
    raise PortTakenError(f"no free port between {_FREE_PORTS.start} and {_FREE_PORTS.stop - 1}")
