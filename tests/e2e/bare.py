"""Machines without a cloud: those of the benchmark, on a network of their own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.abandoned import told
from wdrip.nodes.kubeadm import NodeIdentity
from wdrip.nodes.operations import NodeOperation, launch

MACHINE = Path(__file__).parents[2] / "benchmarks/bare/machine.sh"


class BareMachine:
    """A systemd machine without a cloud; files are handed to it below /var/tmp."""

    def __init__(self, folder: Path, ip: str, instance_id: str) -> None:
        self._folder = folder
        self.ip = ip
        self.node = NodeIdentity(f"{ip}.{instance_id}", ip, f"cn-hangzhou.{instance_id}")

    @contextmanager
    def booted(self, rootfs: Path, switch: str) -> Iterator[None]:
        """Until the block ends it runs, on the network of that name; then everything of it is removed."""
        with told(MACHINE, "stop", self._folder):
            try:
                subprocess.run(
                    [MACHINE, "boot", self._folder, rootfs, self.ip, switch], check=True, timeout=120
                )
                yield
            finally:
                subprocess.run([MACHINE, "stop", self._folder], check=True, timeout=120)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command on the machine."""
        return subprocess.run(
            [MACHINE, "run", self._folder, *command], capture_output=True, text=True, check=False, timeout=600
        )

    def hand_over(self, name: str, content: bytes | Path) -> str:
        """A file for the machine; the URL under which curl finds it there."""
        target = self._folder / "root/var/tmp" / name
        target.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        return f"file:///var/tmp/{name}"

    def launch(self, operation: NodeOperation, wait_seconds: int = 300) -> "subprocess.CompletedProcess[str]":
        """One RunCommand."""
        return self.run("/bin/bash", "-c", launch(operation, wait_seconds))

    def succeed(self, operation: NodeOperation) -> str:
        """The output of an operation that must succeed."""
        done = self.launch(operation)
        assert done.returncode == 0, f"{operation.name}: {done.stdout}{done.stderr}"
        return done.stdout

    def kubectl(self, *arguments: str) -> str:
        """kubectl with the administrator's configuration on the machine."""
        done = self.run("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout
