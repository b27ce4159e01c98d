"""The system disk of a machine: an overlay over the image, with plain directories where that cannot work."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from pathlib import Path

from localcloud.machines.runtime import Machine
from localcloud.network import netns

# A container runtime makes overlays in its own directory, and an overlay cannot carry another one's upper
# layer; etcd's memory-mapped files also belong on a plain file system.
_PLAIN = ("var/lib/containerd", "var/lib/kubelet", "var/lib/etcd")


class SystemDisk:
    """The disk of one machine, in the folder `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.root = directory / "root"

    @property
    def binds(self) -> dict[Path, str]:
        """Plain directories by their place in the machine."""
        return {self._plain(each): f"/{each}" for each in _PLAIN}

    async def mount(self, machine: Machine) -> None:
        """Mount the root for the machine, making the disk at its first boot."""
        upper, work = self._directory / "upper", self._directory / "work"
        if not upper.exists():
            await asyncio.to_thread(self._make, upper, machine)
        for directory in (work, self.root):
            directory.mkdir(parents=True, exist_ok=True)
        if not self.root.is_mount():
            options = f"lowerdir={machine.image},upperdir={upper},workdir={work}"
            await netns.run(("mount", "-t", "overlay", "-o", options, "overlay", str(self.root)))

    async def unmount(self) -> None:
        """Unmount the root; nothing happens when it is not mounted."""
        while self.root.is_mount():
            await netns.run(("umount", str(self.root)))

    async def erase(self) -> None:
        """Throw everything on the disk away."""
        await self.unmount()
        if self._directory.exists():
            await asyncio.to_thread(shutil.rmtree, self._directory)

    def _make(self, upper: Path, machine: Machine) -> None:
        for each in _PLAIN:
            self._plain(each).mkdir(parents=True, exist_ok=True)
        # Complete under another name first: a kill half-way must not leave a disk without its identity.
        fresh = upper.with_name("upper.new")
        shutil.rmtree(fresh, ignore_errors=True)
        (fresh / "etc").mkdir(parents=True)
        (fresh / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")
        (fresh / "etc/hostname").write_text(machine.hostname + "\n")
        hosts = (
            f"127.0.0.1 localhost\n::1 localhost\n{machine.address} {machine.hostname} {machine.hostname}\n"
        )
        (fresh / "etc/hosts").write_text(hosts)
        for directory in (fresh, fresh / "etc"):
            directory.chmod(0o755)
        fresh.rename(upper)

    def _plain(self, place: str) -> Path:
        return self._directory / place.replace("/", "-")
