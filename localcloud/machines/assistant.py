"""Cloud Assistant: scripts run inside a machine as transient units of its own systemd.

Whatever happens to the cloud's process, the unit goes on, and its output and end are files in a folder that
machine and host share: nothing is lost by a kill of the cloud.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from localcloud.machines.runtime import Command, CommandResult, Outcome
from localcloud.network import netns

MACHINE_FOLDER = "/var/lib/cloud-assistant"
"""Where the machine sees the shared folder."""
OUTPUT_LIMIT = 24 * 1024
"""Bytes of output that are kept, the last ones; DescribeInvocationResults documents 24 KB."""
_STOP_SECONDS = 5
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The unit ends with its main process; what the script left in the background lives on, as under the real
# agent. A command that is ended from outside takes its whole process group along.
_FINISH = """#!/bin/sh
if [ "$SERVICE_RESULT" != success ] && [ "$SERVICE_RESULT" != exit-code ] || [ "$EXIT_CODE" = killed ]; then
  kill -9 "-$(cat "$1/pid")" 2>/dev/null
fi
printf '%s %s %s\\n' "$SERVICE_RESULT" "$EXIT_CODE" "$EXIT_STATUS" > "$1/result.new"
mv "$1/result.new" "$1/result"
"""
_RUN = """#!/bin/sh
echo $$ > "$1/pid.new" && mv "$1/pid.new" "$1/pid"
case "$(head -c 2 "$1/script")" in
  '#!') exec "$1/script" ;;
  *) exec /bin/sh "$1/script" ;;
esac
"""


class Assistant:
    """The commands of one machine; `folder` is the host's side of the shared folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> Path:
        """Make the shared folder; returns its path on the host."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in (("run", _RUN), ("finish", _FINISH)):
            script = self._folder / name
            script.write_text(text, encoding="utf-8")
            script.chmod(0o700)
        return self._folder

    async def ready(self, init: int) -> bool:
        """Whether the machine's systemd takes commands; `init` is its pid on the host."""
        try:
            await netns.run((*_inside(init), "systemctl", "is-active", "--quiet", "basic.target"))
        except netns.CommandFailedError:
            return False
        return True

    async def start(self, init: int, command: Command) -> None:
        """Start a command, unless it was started before. Raises CommandFailedError."""
        folder = self._folder / command.id
        if (folder / "pid").exists():
            return
        folder.mkdir(mode=0o700, exist_ok=True)
        script = folder / "script"
        script.write_bytes(command.content)
        script.chmod(0o700)
        inside = f"{MACHINE_FOLDER}/{command.id}"
        properties = (
            "Type=exec",
            "KillMode=process",
            f"RuntimeMaxSec={command.timeout}",
            f"TimeoutStopSec={_STOP_SECONDS}",
            f"WorkingDirectory={command.directory}",
            f"StandardOutput=append:{inside}/output",
            f"StandardError=append:{inside}/output",
            f"ExecStopPost={MACHINE_FOLDER}/finish {inside}",
        )
        options = [f"--property={each}" for each in properties]
        await netns.run(
            (
                *(*_inside(init), "systemd-run", "--quiet", "--collect", f"--unit={_unit(command.id)}"),
                *("--setenv=HOME=/root", *options, f"{MACHINE_FOLDER}/run", inside),
            )
        )

    async def stop(self, init: int, command_id: str) -> None:
        """End a running command. Raises CommandFailedError when it runs no longer."""
        await netns.run((*_inside(init), "systemctl", "stop", f"{_unit(command_id)}.service"))

    def result(self, command_id: str) -> CommandResult:
        """What the files say."""
        folder = self._folder / command_id
        if not folder.exists():
            return CommandResult(Outcome.LOST)
        output, dropped = _tail(folder / "output")
        started, finished = _modified(folder / "pid"), _modified(folder / "result")
        if finished is None:
            return CommandResult(Outcome.RUNNING, None, started, None, output, dropped)
        result, code, status = (folder / "result").read_text(encoding="utf-8").rstrip("\n").split(" ")
        outcome = {"exited": Outcome.EXITED}.get(code, Outcome.KILLED)
        if result == "timeout":
            outcome = Outcome.TIMEOUT
        exit_code = int(status) if outcome is Outcome.EXITED else None
        return CommandResult(outcome, exit_code, started, finished, output, dropped)

    def forget(self) -> None:
        """Remove all commands of the machine."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _inside(init: int) -> tuple[str, ...]:
    # A clean environment: nothing of the cloud's own reaches the machine.
    return ("nsenter", "-t", str(init), "-a", "env", "-i", f"PATH={_PATH}")


def _unit(command_id: str) -> str:
    return f"cloud-assistant-{command_id}"


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def _tail(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            dropped = max(0, size - OUTPUT_LIMIT)
            stream.seek(dropped)
            return stream.read(OUTPUT_LIMIT), dropped
    except FileNotFoundError:
        return b"", 0
