"""Starts, describes and removes the local stack of one state directory."""

import asyncio
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from temporalio.client import Client

from starters.local.access import remove_access, temporal_address, write_access
from starters.local.ports import answers, kept_ports
from starters.local.processes import Background
from starters.temporal import pollers
from wdrip import names
from wdrip.errors import PermanentError

DEFAULT_STATE = Path("~/.wdrip/local")
_TEMPORAL_SECONDS = 60
_CLOUD_SECONDS = 60
_WORKER_SECONDS = 60
# The worker lets running activities finish for a while before it gives up (its graceful shutdown).
_WORKER_STOP_SECONDS = 40
_STOP_SECONDS = 20
_CLEAN_SECONDS = 180

Say = Callable[[str], None]


@dataclass(frozen=True)
class LocalStack:
    """Temporal, the local cloud and a worker, whose state lies in one directory.

    Several stacks can run side by side: each has its own ports, processes and cloud.
    """

    state_dir: Path
    config: Path

    @property
    def name(self) -> str:
        """The context's name: `local`, with six hex digits of the path when it is not the default one."""
        if self._is_default:
            return "local"
        return "local-" + hashlib.sha256(str(self.state_dir).encode()).hexdigest()[:6]

    @property
    def programs(self) -> tuple[Background, ...]:
        """What runs, in the order in which it starts."""
        return self._temporal, self._cloud, self._worker

    def up(self, say: Say) -> None:
        """Start whatever does not run yet and write the access into the configuration file."""
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        ports = self._ports()
        address = f"127.0.0.1:{ports['temporal']}"
        web = f"http://127.0.0.1:{ports['webUi']}"

        started = self._start_temporal(ports, address)
        say(f"Temporal      {_how(started)}  {address}  Web UI {web}")
        started = self._start_cloud()
        say(f"local cloud   {_how(started)}  state in {self._cloud_dir}")
        current = write_access(
            self.config, self.name, self._cloud_dir, address, self.state_dir / "encryption.key"
        )
        started = self._start_worker(address)
        say(f"worker        {_how(started)}  log {self._worker.log}")
        say(f"access        {self.config}: context {self.name}{' (current)' if current else ''}")
        if not current:
            say(f"              use it with: export WDRIP_CONTEXT={self.name}")
        if temporal_address(self.config) != address:
            say(f"              and with:    export TEMPORAL_ADDRESS={address}")

    def down(self, say: Say) -> None:
        """Stop everything, remove the cloud's machines and networks, and the state directory."""
        if not self.state_dir.exists():
            say(f"nothing to stop: there is no {self.state_dir}")
            return
        address = f"127.0.0.1:{self._ports()['temporal']}"
        for background, seconds in (
            (self._worker, _WORKER_STOP_SECONDS),
            (self._cloud, _STOP_SECONDS),
            (self._temporal, _STOP_SECONDS),
        ):
            stopped = background.stop(seconds)
            say(f"{background.name:<13} {'stopped' if stopped else 'did not run'}")
        if self._cloud_dir.exists():
            self._clean_cloud()
            say("machines      removed, with their networks and disks")
        remove_access(self.config, self.name, address)
        shutil.rmtree(self.state_dir)
        if self._is_default and not any(self.state_dir.parent.iterdir()):
            self.state_dir.parent.rmdir()
        say(f"state         removed {self.state_dir}")

    @property
    def _is_default(self) -> bool:
        return self.state_dir == DEFAULT_STATE.expanduser().resolve()

    @property
    def _temporal(self) -> Background:
        return Background("temporal", self.state_dir)

    @property
    def _cloud(self) -> Background:
        return Background("localcloud", self.state_dir)

    @property
    def _worker(self) -> Background:
        return Background("worker", self.state_dir)

    @property
    def _cloud_dir(self) -> Path:
        return self.state_dir / "cloud"

    def _ports(self) -> dict[str, int]:
        # Temporal's own defaults, so that its command line tool finds the person's one server without being
        # told; further stacks keep out of the way.
        usual = {"temporal": 7233, "webUi": 8233, "temporalMetrics": 9233}
        return kept_ports(self.state_dir, usual if self._is_default else dict.fromkeys(usual, 0))

    def _start_temporal(self, ports: dict[str, int], address: str) -> bool:
        command = [temporal_program(), "server", "start-dev", "--ip", "127.0.0.1", "--log-level", "warn"]
        command += ["--ui-disable-news-fetch"]
        command += ["--port", str(ports["temporal"]), "--ui-port", str(ports["webUi"])]
        command += ["--metrics-port", str(ports["temporalMetrics"])]
        command += ["--db-filename", str(self.state_dir / "temporal.db")]
        for attribute in names.SEARCH_ATTRIBUTES:
            command += ["--search-attribute", f"{attribute}=Keyword"]
        # The default of 20 makes one server hand out no more than twenty tasks a second.
        command += ["--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"]
        return self._temporal.ensure(command, {}, lambda: answers(address), _TEMPORAL_SECONDS)

    def _start_cloud(self) -> bool:
        self._cloud_dir.mkdir(mode=0o700, exist_ok=True)
        command = [sys.executable, "-m", "localcloud", "--state", str(self._cloud_dir)]
        return self._cloud.ensure(command, {}, self._cloud_answers, _CLOUD_SECONDS)

    def _cloud_answers(self) -> bool:
        path = self._cloud_dir / "endpoints.json"
        if not path.exists():
            return False
        # The admin port opens last.
        admin = json.loads(path.read_text(encoding="utf-8"))["admin"]
        return answers(urlsplit(admin).netloc)

    def _start_worker(self, address: str) -> bool:
        environment = {
            "WDRIP_CONFIG": str(self.config),
            "WDRIP_CONTEXT": self.name,
            "TEMPORAL_ADDRESS": address,
        }
        return self._worker.ensure(
            [sys.executable, "-m", "worker"],
            environment,
            lambda: _worker_polls(address, self._worker.pid()),
            _WORKER_SECONDS,
        )

    def _clean_cloud(self) -> None:
        command = [sys.executable, "-m", "localcloud", "clean", "--state", str(self._cloud_dir)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_CLEAN_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise PermanentError(
                f"the local cloud was not cleaned after {_CLEAN_SECONDS} s; try `wdrip down` again"
            ) from error
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise PermanentError(
                f"cleaning the local cloud failed: {said[-1] if said else 'it said nothing'}"
            )


def _how(started: bool) -> str:
    return "started" if started else "running"


def temporal_program() -> str:
    """Path of the Temporal server and command line tool; PermanentError when it is not installed."""
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise PermanentError("the Temporal server (program `temporal`) is not installed; run `make setup`")
    return found


def _worker_polls(address: str, pid: int | None) -> bool:
    """Whether this very worker asks Temporal for work (an earlier one is listed for some minutes)."""

    async def ask() -> list[str]:
        # The address itself: a person's environment may name another server.
        return await pollers(await Client.connect(address))

    marker = f"{pid}@"
    return any(identity.startswith(marker) for identity in asyncio.run(ask()))
