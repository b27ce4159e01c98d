"""Programs that go on running after the command that started them, and can be found again."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wdrip.errors import PermanentError

_LOG_TAIL_LINES = 5


@dataclass(frozen=True)
class Background:
    """One program of the stack: its record is `<state>/<name>.json`, its output `<state>/logs/<name>.log`.

    A process id alone may be another program's by now, so the record holds the process' start time too
    (clock ticks since boot, field 22 of /proc/PID/stat).
    """

    name: str
    state_dir: Path

    @property
    def log(self) -> Path:
        """The file that holds what the program printed."""
        return self.state_dir / "logs" / f"{self.name}.log"

    def pid(self) -> int | None:
        """The running program's process id; None when it does not run."""
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        pid = int(record["pid"])
        started = _start_time(pid)
        return pid if started is not None and started == record["startTime"] else None

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the program in a session of its own, so that a Ctrl-C in this terminal does not reach it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        record = {"pid": process.pid, "startTime": _start_time(process.pid)}
        self._record.write_text(json.dumps(record), encoding="utf-8")
        # The program outlives this process; nobody here will wait for it.
        process.returncode = 0

    def ensure(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        ready: Callable[[], bool],
        seconds: float,
    ) -> bool:
        """Have the program running and ready; whether it had to be started.

        Raises PermanentError with the end of its log when it dies or is not ready after `seconds`.
        """
        # One that runs may be on its way out, for instance just killed.
        if self.pid() is not None and self._becomes_ready(ready, seconds):
            return False
        self.start(command, environment)
        self.await_ready(ready, seconds)
        return True

    def await_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready()`; PermanentError with the end of its log when it dies or is too slow."""
        if not self._becomes_ready(ready, seconds):
            raise PermanentError(f"{self.name} ended at once: {self._log_tail()} (see {self.log})")

    def _becomes_ready(self, ready: Callable[[], bool], seconds: float) -> bool:
        """True when ready, False when it died; PermanentError when neither comes in time."""
        deadline = time.monotonic() + seconds
        while self.pid() is not None:
            if ready():
                return True
            if time.monotonic() > deadline:
                raise PermanentError(
                    f"{self.name} was not ready after {seconds:.0f} s: {self._log_tail()} (see {self.log})"
                )
            time.sleep(0.1)
        return False

    def stop(self, seconds: float) -> bool:
        """Ask the program to end, and end it by force after `seconds`. False: it did not run."""
        pid = self.pid()
        if pid is None:
            self._record.unlink(missing_ok=True)
            return False
        os.kill(pid, signal.SIGTERM)
        if not self._gone_within(seconds):
            os.kill(pid, signal.SIGKILL)
            # SIGKILL cannot be refused; only a process in uninterruptible sleep takes longer than this.
            if not self._gone_within(10):
                raise PermanentError(f"{self.name} (process {pid}) does not end even when killed")
        self._record.unlink(missing_ok=True)
        return True

    @property
    def _record(self) -> Path:
        return self.state_dir / f"{self.name}.json"

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.pid() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _log_tail(self) -> str:
        if not self.log.exists():
            return "it printed nothing"
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return " | ".join(line.strip() for line in lines if line.strip()) or "it printed nothing"


def _start_time(pid: int) -> str | None:
    """When the process started, in clock ticks since boot; None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    state, start_time = fields[0], fields[19]
    return None if state == "Z" else start_time
