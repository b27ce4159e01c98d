"""For tests: start a local cloud, ask it through its admin endpoint what happened, plan faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

_POLL_SECONDS = 0.05


class LocalCloudError(Exception):
    """The cloud did not start or refused an admin call; the message says why."""


@dataclass(frozen=True)
class Access:
    """How a client reaches the cloud: URL by service (`ecs`, `ros`, `oss`, `ossInternal`, `admin`), keys."""

    endpoints: dict[str, str]
    account_id: str
    access_key_id: str
    access_key_secret: str

    @property
    def oss(self) -> str:
        """The OSS endpoint URL."""
        return self.endpoints["oss"]

    def host(self, service: str) -> str:
        """`host:port` of a service, as the RPC SDKs want it."""
        return self.endpoints[service].removeprefix("http://")


def read_access(state_dir: Path) -> Access:
    """The access that a started cloud keeps in its state directory."""
    keys = json.loads((state_dir / "credentials.json").read_text(encoding="utf-8"))
    urls = json.loads((state_dir / "endpoints.json").read_text(encoding="utf-8"))
    return Access(urls, keys["accountId"], keys["accessKeyId"], keys["accessKeySecret"])


class AdminClient:
    """The admin endpoint of the cloud whose state lies in `state_dir`."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._session = requests.Session()
        # A proxy of the environment must never stand between a test and loopback.
        self._session.trust_env = False

    def request(
        self, method: str, path: str, body: dict[str, Any] | None = None, timeout: float = 30
    ) -> dict[str, Any]:
        """One admin call, also for the routes that subsystems add. `timeout` in seconds.

        Raises LocalCloudError when it is refused, requests.RequestException when nobody answers.
        """
        token = (self._state_dir / "admin-token").read_text(encoding="utf-8").strip()
        answer = self._session.request(
            method,
            read_access(self._state_dir).endpoints["admin"] + path,
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
        )
        decoded: dict[str, Any] = answer.json()
        if answer.status_code != 200:
            raise LocalCloudError(f"{method} {path}: {decoded}")
        return decoded

    def healthy(self) -> bool:
        """Whether the cloud serves."""
        try:
            return bool(self.request("GET", "/health", timeout=2)["status"] == "ok")
        except (requests.RequestException, FileNotFoundError):
            return False

    def calls(self, service: str | None = None, action: str | None = None) -> list[dict[str, Any]]:
        """Recorded calls, oldest first: `service`, `action`, `params`, `status` (0: no answer), `code`."""
        asked = {"service": service, "action": action}
        body = {name: value for name, value in asked.items() if value is not None}
        calls: list[dict[str, Any]] = self.request("GET", "/calls", body)["calls"]
        return calls

    def add_fault(self, service: str, action: str, effect: str, **details: Any) -> str:
        """Plan a fault (fields of `localcloud.core.faults.Fault`); returns its id."""
        body = {"service": service, "action": action, "effect": effect, **details}
        return str(self.request("POST", "/faults", body)["id"])

    def faults(self) -> list[dict[str, Any]]:
        """The faults still in force."""
        faults: list[dict[str, Any]] = self.request("GET", "/faults")["faults"]
        return faults

    def clear_faults(self) -> None:
        """Take all faults away."""
        self.request("DELETE", "/faults")

    def shutdown(self, *, machines: bool = False) -> None:
        """Ask the cloud to end, with its machines when wanted; returns before it has."""
        self.request("POST", "/shutdown", {"machines": machines})


class LocalCloud:
    """A cloud process that this process started."""

    def __init__(self, state_dir: Path, command: Sequence[str], log: Path) -> None:
        self.state_dir = state_dir
        self.admin = AdminClient(state_dir)
        self.log = log
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def access(self) -> Access:
        """Endpoints and keys."""
        return read_access(self.state_dir)

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, deadline: float = 60) -> None:
        """Start (again) and wait until healthy, at most `deadline` seconds. Raises LocalCloudError."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + deadline
        while not self.admin.healthy():
            if self._process.poll() is not None:
                raise LocalCloudError(f"exit code {self._process.returncode}: {self._log_tail()}")
            if time.monotonic() > end:
                self.kill()
                raise LocalCloudError(f"not healthy after {deadline} s: {self._log_tail()}")
            time.sleep(_POLL_SECONDS)

    def stop(self, deadline: float = 30) -> int:
        """End in order; returns the exit code. Raises subprocess.TimeoutExpired."""
        return self._end(signal.SIGTERM, deadline)

    def kill(self) -> None:
        """End as a crash would: SIGKILL."""
        self._end(signal.SIGKILL, 10)

    def _end(self, number: signal.Signals, deadline: float) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            os.kill(self._process.pid, number)
        return self._process.wait(deadline)

    def _log_tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]


def start_local_cloud(state_dir: Path, *, config: Path | None = None, deadline: float = 60) -> LocalCloud:
    """Start a cloud on `state_dir` and wait until it is healthy. Raises LocalCloudError."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-m", "localcloud", "--state", str(state_dir)]
    if config is not None:
        command += ["--config", str(config)]
    cloud = LocalCloud(state_dir, command, state_dir / "localcloud.log")
    cloud.start(deadline)
    return cloud


def clean_local_cloud(state_dir: Path) -> None:
    """Remove machines, mounts, namespaces and interfaces of the cloud. Raises LocalCloudError."""
    command = [sys.executable, "-m", "localcloud", "clean", "--state", str(state_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    if done.returncode != 0:
        raise LocalCloudError(f"clean: exit code {done.returncode}: {done.stderr}")
