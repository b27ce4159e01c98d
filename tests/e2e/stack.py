"""A local stack of a test's own, used as a person uses it: the `wdrip` command with a home directory."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from localcloud.client import AdminClient
from wdrip.models.provider_config import Provider, WdripConfig

BIN = Path(sys.executable).parent
_COMMAND_SECONDS = 300


class Output(NamedTuple):
    """What a command printed."""

    out: str
    err: str


class Stack:
    """Temporal, local cloud and worker whose configuration and state lie under `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.state = home / ".wdrip" / "local"
        self.kubectl_program = home / "kubectl"
        # A proxy of the environment must never stand between a test and loopback.
        kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        cache = (
            os.environ.get("WDRIP_CACHE")
            or os.environ.get("XDG_CACHE_HOME", f"{Path.home()}/.cache") + "/wdrip"
        )
        self.environment = {
            **{name: value for name, value in kept.items() if not name.startswith(("WDRIP_", "TEMPORAL_"))},
            "HOME": str(home),
            "WDRIP_CACHE": cache,
            "PATH": f"{BIN}:{os.environ['PATH']}",
        }

    @property
    def admin(self) -> AdminClient:
        """The local cloud's admin endpoint: what was called, faults."""
        return AdminClient(self.state / "cloud")

    @property
    def provider(self) -> Provider:
        """The access that `wdrip up` wrote, as the product reads it."""
        return WdripConfig.load(self.environment).provider()

    @property
    def temporal_address(self) -> str:
        """`host:port` of the stack's Temporal server."""
        ports = json.loads((self.state / "ports.json").read_text(encoding="utf-8"))
        return f"127.0.0.1:{ports['temporal']}"

    def wdrip(self, *arguments: str, fails: int = 0, seconds: float = _COMMAND_SECONDS) -> Output:
        """Run `wdrip …`. Asserts the exit code `fails`."""
        return self._run([str(BIN / "wdrip"), *arguments], fails, seconds)

    def kubectl(self, kubeconfig: Path, *arguments: str, stdin: str | None = None) -> str:
        """Run the package's kubectl against the cluster; its standard output. Asserts success."""
        command = [str(self.kubectl_program), "--kubeconfig", str(kubeconfig), *arguments]
        return self._run(command, 0, _COMMAND_SECONDS, stdin).out

    def temporal(self, *arguments: str) -> Output:
        """Run Temporal's own command against the stack's server. Asserts success."""
        command = [str(BIN / "temporal"), *arguments, "--address", self.temporal_address]
        return self._run(command, 0, _COMMAND_SECONDS)

    def kubectl_edit(self, kubeconfig: Path, change: str, *what: str) -> str:
        """`kubectl edit` by a person who makes the change of that sed script; its standard output."""
        command = [str(self.kubectl_program), "--kubeconfig", str(kubeconfig), "edit", *what]
        editor = {"EDITOR": f'sed --in-place "{change}"'}
        return self._run(command, 0, _COMMAND_SECONDS, environment=editor).out

    def history(self, workflow: str) -> str:
        """The whole history of a workflow, as JSON text."""
        return self.temporal("workflow", "show", "--workflow-id", workflow, "--output", "json").out

    def cancel(self, workflow: str) -> None:
        """Ask Temporal to cancel the workflow, as the Web UI's button does."""
        self.temporal("workflow", "cancel", "--workflow-id", workflow)

    def kill(self, program: str) -> None:
        """`kill -9` of `temporal`, `localcloud` or `worker`."""
        record = json.loads((self.state / f"{program}.json").read_text(encoding="utf-8"))
        os.kill(record["pid"], signal.SIGKILL)
        self.until(
            lambda: not Path(f"/proc/{record['pid']}/cmdline").read_bytes(), 10, f"{program} to be gone"
        )

    def progress(self, cluster: str) -> dict[str, Any]:
        """What the cluster's workflow says of itself."""
        asked = ("--workflow-id", cluster, "--type", "progress", "--output", "json")
        answer = self.temporal("workflow", "query", *asked)
        progress: dict[str, Any] = json.loads(answer.out)["queryResult"][0]
        return progress

    def crash_each(self, cluster: str, crashes: Mapping[str, str]) -> None:
        """Kill each program as soon as its step of the cluster's operation has begun, and start it again."""
        for program, step in crashes.items():
            self.until(partial(self.step_started, cluster, step), 120, f"step {step}")
            self.kill(program)
            self.wdrip("up")

    def step_started(self, cluster: str, step: str) -> bool:
        """Whether the cluster's step has begun."""
        steps = {each["name"]: each["status"] for each in self.progress(cluster)["steps"]}
        return bool(steps.get(step, "Pending") != "Pending")

    def until(self, holds: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until `holds()`; fails naming `what` after `seconds`."""
        deadline = time.monotonic() + seconds
        while not _true(holds):
            assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
            time.sleep(0.2)

    def _run(
        self,
        command: list[str],
        code: int,
        seconds: float,
        stdin: str | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> Output:
        done = subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            env={**self.environment, **environment},
            cwd=self.home,
            check=False,
            timeout=seconds,
        )
        assert done.returncode == code, (
            f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return Output(done.stdout, done.stderr)


def _true(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except FileNotFoundError:
        return True
