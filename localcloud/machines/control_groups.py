"""Control groups of machines, on hosts with version 1 hierarchies, version 2, or both.

Each machine gets one group of its own in every hierarchy, below one group of its cloud: what runs in it can
be counted, limited and found again.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


class ControlGroups:
    """The groups of one cloud, named `wl-<identity>`."""

    def __init__(self, identity: str) -> None:
        self._parents = [mount / f"wl-{identity}" for mount in hierarchies()]

    def create(self, machine_id: str, memory: int) -> list[Path]:
        """Make the machine's groups; a process joins by its pid written to each one's `cgroup.procs`.

        memory: the machine's limit in bytes.
        """
        groups = [parent / machine_id for parent in self._parents]
        for group in groups:
            _make(group.parent)
            _make(group)
            for name in ("memory.limit_in_bytes", "memory.max"):
                if (group / name).exists():
                    (group / name).write_text(str(memory))
        return groups

    def pids(self, machine_id: str) -> set[int]:
        """Every process in the machine's groups."""
        found: set[int] = set()
        for parent in self._parents:
            for path in (parent / machine_id).rglob("cgroup.procs"):
                with contextlib.suppress(OSError):
                    found.update(int(line) for line in path.read_text().split())
        return found - {0}

    def kill(self, machine_id: str) -> None:
        """SIGKILL to every process in the machine's groups."""
        for pid in self.pids(machine_id):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def remove(self, machine_id: str) -> None:
        """Remove the machine's empty groups. Raises OSError while processes are left in them."""
        for parent in self._parents:
            _remove(parent / machine_id)
            with contextlib.suppress(OSError):
                # Empty after the last machine.
                parent.rmdir()

    def machine_ids(self) -> set[str]:
        """Every machine that has groups."""
        return {
            entry.name
            for parent in self._parents
            if parent.is_dir()
            for entry in parent.iterdir()
            if entry.is_dir()
        }


def hierarchies() -> list[Path]:
    """The mount points of the control group hierarchies of this host, each hierarchy once."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, after = line.split(" - ", 1)
        kind = after.split(" ", 1)[0]
        if kind in ("cgroup", "cgroup2"):
            found.setdefault(before.split(" ")[2], Path(before.split(" ")[4]))
    return list(found.values())


def _make(group: Path) -> None:
    group.mkdir(exist_ok=True)
    for name in ("cpuset.cpus", "cpuset.mems"):
        # Version 1: empty in a new group, and no process can join while it is.
        path = group / name
        if not (group / "cgroup.controllers").exists() and path.exists() and not path.read_text().strip():
            path.write_text((group.parent / name).read_text())
    control = group.parent / "cgroup.subtree_control"
    if control.exists():
        for controller in (group.parent / "cgroup.controllers").read_text().split():
            # Refused where the parent has processes of its own; then the machine goes without a limit.
            with contextlib.suppress(OSError):
                control.write_text(f"+{controller}")


def _remove(group: Path) -> None:
    for directory, _, __ in os.walk(group, topdown=False):
        with contextlib.suppress(FileNotFoundError):
            Path(directory).rmdir()
