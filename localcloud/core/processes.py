"""Processes that outlive the one that started them: known by pid and start time, since pids are reused."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Process:
    """A process; `started` is its start in clock ticks since boot, as in /proc/<pid>/stat."""

    pid: int
    started: int


def identify(pid: int) -> Process | None:
    """The process that has this pid now, or None when none has it or it has ended."""
    try:
        # The command name in parentheses may hold anything; fields are counted after its end.
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        )
    except (OSError, IndexError):
        return None
    state, started = fields[0], int(fields[19])
    return None if state in "ZX" else Process(pid, started)


def alive(process: Process) -> bool:
    """Whether this very process still runs."""
    return identify(process.pid) == process


def send(process: Process, number: int) -> None:
    """Send a signal; a process that has ended gets none."""
    if alive(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


async def ended(process: Process) -> None:
    """Wait until the process has ended, however long that takes."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if not alive(process):
            return
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(descriptor, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(descriptor)
    finally:
        os.close(descriptor)


async def gone(process: Process, seconds: float) -> bool:
    """Wait until the process has ended, at most so long; returns whether it has."""
    end = time.monotonic() + seconds
    while alive(process):
        if time.monotonic() > end:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True


def with_argument(program: str, argument: str) -> list[Process]:
    """Every process of this program that has exactly this command-line argument."""
    wanted = argument.encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        ours = wanted in arguments and Path(os.fsdecode(arguments[0])).name == program
        process = identify(int(entry.name)) if ours else None
        if process is not None:
            found.append(process)
    return found
