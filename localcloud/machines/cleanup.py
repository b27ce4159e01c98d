"""Clearing what a killed cloud left on the host: only what carries the identity of its state directory."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal
from pathlib import Path

from localcloud.core import processes
from localcloud.core.context import cloud_identity
from localcloud.core.tasks import Tasks
from localcloud.machines.nspawn import NspawnRuntime
from localcloud.network import netns

_log = logging.getLogger("localcloud.cleanup")


def clean(state_dir: Path) -> None:
    """Remove machines, load balancers, mounts, namespaces, interfaces and control groups of this state.

    The state's records go with them: what they describe is no longer there.
    Raises MachineError or CommandFailedError when something cannot be removed.
    """
    asyncio.run(_clean(state_dir.resolve()))


async def _clean(state_dir: Path) -> None:
    identity = cloud_identity(state_dir)
    runtime = NspawnRuntime(state_dir / "machines", identity, Tasks())
    await runtime.clear()
    await end_load_balancers(state_dir, identity, keep=frozenset())
    await remove_namespaces(identity, keep=frozenset())
    for name in ("state.sqlite", "state.sqlite-wal", "state.sqlite-shm"):
        (state_dir / name).unlink(missing_ok=True)


async def end_load_balancers(state_dir: Path, identity: str, keep: frozenset[str]) -> None:
    """End the haproxy processes of every load balancer but those in `keep`, and remove their files."""
    directory = state_dir / "load-balancers"
    folders = [each for each in directory.iterdir() if each.name not in keep] if directory.exists() else []
    for folder in folders:
        for process in processes.with_argument("haproxy", str(folder / "haproxy.cfg")):
            processes.send(process, signal.SIGKILL)
            await processes.gone(process, 5)
        shutil.rmtree(folder)
    if not keep:
        shutil.rmtree(Path("/run") / f"wl-{identity}", ignore_errors=True)


async def remove_namespaces(identity: str, keep: frozenset[str]) -> None:
    """Delete this cloud's network namespaces but those of the VPCs and machines in `keep`."""
    prefix = f"wl-{identity}-"
    found = netns.NAMESPACES.glob(f"{prefix}*") if netns.NAMESPACES.exists() else []
    for namespace in sorted(each.name for each in found):
        if namespace.removeprefix(prefix) not in keep:
            _log.info("removing namespace %s", namespace)
            with contextlib.suppress(netns.CommandFailedError):
                await netns.ip("netns", "delete", namespace)
