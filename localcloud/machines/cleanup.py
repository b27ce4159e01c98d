"""Clearing what a killed cloud left on the host: only what carries the identity of its state directory."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from localcloud.core.context import cloud_identity
from localcloud.core.tasks import Tasks
from localcloud.machines.nspawn import NspawnRuntime
from localcloud.network.namespaces import NamespaceFabric


def clean(state_dir: Path) -> None:
    """Remove machines, load balancers, mounts, namespaces, interfaces and control groups of this state.

    What the cloud knew goes too, buckets included; credentials and ports stay.
    Raises MachineError or CommandFailedError when something cannot be removed.
    """
    asyncio.run(_clean(state_dir.resolve()))


async def _clean(state_dir: Path) -> None:
    identity = cloud_identity(state_dir)
    await NspawnRuntime(state_dir / "machines", identity, Tasks()).clear()
    await NamespaceFabric(identity, state_dir).keep_only(frozenset())
    for name in ("state.sqlite", "state.sqlite-wal", "state.sqlite-shm"):
        (state_dir / name).unlink(missing_ok=True)
    shutil.rmtree(state_dir / "oss", ignore_errors=True)
