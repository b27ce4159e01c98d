"""Load balancers: one haproxy each, whose sockets lie in the VPC's namespace and on the host's loopback.

haproxy goes on by itself when the cloud is killed; a change starts a new process that takes over the
listening sockets, while the old one finishes its connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import signal
from collections.abc import Callable
from pathlib import Path

from localcloud.core import processes
from localcloud.core.private_files import write_private
from localcloud.network import netns
from localcloud.network.fabric import Balancer, Listener

_SCHEDULERS = {"wrr": "roundrobin", "rr": "roundrobin", "wlc": "leastconn"}
_STOP_SECONDS = 5.0


class Processes:
    """The haproxy processes of one cloud.

    directory: where configurations lie, one folder per load balancer. sockets: a short path of this cloud's
    own for the control sockets, since socket paths have at most 107 characters. namespace: name of the
    namespace of a VPC.
    """

    def __init__(self, directory: Path, sockets: Path, namespace: Callable[[str], str]) -> None:
        self._directory = directory
        self._sockets = sockets
        self._namespace = namespace

    async def ensure(self, balancer: Balancer) -> None:
        """Serve as described. Raises CommandFailedError when haproxy refuses, e.g. an address in use."""
        folder = self._directory / balancer.id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "haproxy.cfg"
        namespace = self._namespace(balancer.vpc_id) if balancer.vpc_id else ""
        text = configuration(balancer, namespace, self._socket(balancer.id))
        running = processes.with_argument("haproxy", str(path))
        if running and path.exists() and path.read_text(encoding="utf-8") == text:
            return
        if not balancer.listeners:
            await self._stop(running)
            path.unlink(missing_ok=True)
            return
        write_private(path, text)
        takeover = ["-sf", *(str(each.pid) for each in running)] if running else []
        if running and self._socket(balancer.id).exists():
            takeover += ["-x", str(self._socket(balancer.id))]
        pid_file = str(folder / "haproxy.pid")
        await netns.run(("haproxy", "-D", "-f", str(path), "-p", pid_file, *takeover))

    async def remove(self, balancer_id: str) -> None:
        """Stop every process of the balancer, established connections included."""
        path = self._directory / balancer_id / "haproxy.cfg"
        await self._stop(processes.with_argument("haproxy", str(path)))
        self._socket(balancer_id).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            # Empty after the last balancer.
            self._sockets.rmdir()
        if path.parent.exists():
            for each in path.parent.iterdir():
                each.unlink()
            path.parent.rmdir()

    async def keep_only(self, balancer_ids: frozenset[str]) -> None:
        """Remove every balancer but these."""
        folders = self._directory.iterdir() if self._directory.exists() else ()
        for balancer_id in sorted(each.name for each in folders):
            if balancer_id not in balancer_ids:
                await self.remove(balancer_id)

    async def health(self, balancer_id: str) -> dict[str, dict[int, bool]]:
        """Health by server and listener port; empty while nothing serves. Raises OSError."""
        path = self._socket(balancer_id)
        if not path.exists():
            return {}
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"show stat\n")
        text = (await reader.read()).decode()
        writer.close()
        return parse_health(text)

    def _socket(self, balancer_id: str) -> Path:
        return self._sockets / f"{balancer_id}.sock"

    async def _stop(self, running: list[processes.Process]) -> None:
        for process in running:
            processes.send(process, signal.SIGTERM)
        for process in running:
            if not await processes.gone(process, _STOP_SECONDS):
                processes.send(process, signal.SIGKILL)


def configuration(balancer: Balancer, namespace: str, control: Path) -> str:
    """The haproxy configuration of a balancer."""
    lines = [
        "global",
        "    maxconn 2000",
        "    nbthread 1",
        # An old process that a change has replaced ends after this time whatever it still serves.
        "    hard-stop-after 15m",
        f"    stats socket {control} mode 600 level admin expose-fd listeners",
        "defaults",
        "    mode tcp",
        "    timeout connect 5s",
        # The idle timeout of a CLB's TCP listener.
        "    timeout client 900s",
        "    timeout server 900s",
        # A backend that has just died is not yet known to be unhealthy: try another.
        "    option redispatch 1",
    ]
    for listener in balancer.listeners:
        lines += _section(balancer, listener, namespace)
    return "\n".join(lines) + "\n"


def own_backend_rules(balancer: Balancer) -> str:
    """An nft script: packets from a backend to its own balancer's private address are dropped."""
    script = drop_rules(balancer.id)
    backends = ", ".join(each.address for each in balancer.servers)
    if not backends or not balancer.addresses:
        return script
    addresses = ", ".join(balancer.addresses)
    chain = "type filter hook input priority 0; policy accept;"
    rule = f"ip saddr {{ {backends} }} ip daddr {{ {addresses} }} drop"
    return f"{script}table ip {_table(balancer.id)} {{ chain input {{ {chain} {rule}; }}\n}}\n"


def drop_rules(balancer_id: str) -> str:
    """An nft script that removes what `own_backend_rules` made, if anything."""
    return f"table ip {_table(balancer_id)} {{}}\ndelete table ip {_table(balancer_id)}\n"


def parse_health(text: str) -> dict[str, dict[int, bool]]:
    """Health by server and listener port from the CSV of haproxy's `show stat`."""
    health: dict[str, dict[int, bool]] = {}
    for row in csv.DictReader(text.removeprefix("# ").splitlines()):
        if row["svname"] not in ("FRONTEND", "BACKEND"):
            port = int(row["pxname"].removeprefix("port-"))
            up = row["status"].startswith(("UP", "no check"))
            health.setdefault(row["svname"], {})[port] = up
    return health


def _table(balancer_id: str) -> str:
    return balancer_id.replace("-", "_")


def _section(balancer: Balancer, listener: Listener, namespace: str) -> list[str]:
    inside = f" namespace {namespace}" if namespace else ""
    lines = [f"listen port-{listener.port}", f"    balance {_SCHEDULERS[listener.scheduler]}"]
    lines += [f"    bind {address}:{listener.port}{inside}" for address in balancer.addresses]
    lines += [f"    bind {address}:{listener.port}" for address in balancer.public]
    check = listener.check
    health = ""
    if check is not None:
        lines.append(f"    timeout check {check.timeout}s")
        health = (
            f" check port {check.port} inter {check.interval}s"
            f" rise {check.healthy_threshold} fall {check.unhealthy_threshold}"
        )
    for server in balancer.servers:
        target = f"{server.address}:{listener.backend_port}"
        lines.append(f"    server {server.id} {target}{inside} weight {server.weight}{health}")
    return lines
