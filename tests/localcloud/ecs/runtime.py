"""A machine runtime without machines: powers at once, or when a test lets it, and ends commands as told."""

from __future__ import annotations

import asyncio
import threading
import time

from localcloud.machines.runtime import (
    Command,
    CommandResult,
    Machine,
    MachineError,
    Outcome,
    PowerEnd,
    PowerEnded,
)


class InMemoryRuntime:
    """`allow_boot` holds boots back while it is clear; `broken` makes them fail; `deaf` ends readiness."""

    def __init__(self) -> None:
        self.on: set[str] = set()
        self.booted: list[Machine] = []
        self.erased: list[str] = []
        self.commands: dict[str, Command] = {}
        self.results: dict[str, CommandResult] = {}
        self.allow_boot = threading.Event()
        self.allow_boot.set()
        self.broken = False
        self.deaf = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_end: PowerEnded | None = None

    async def start(self, machine_ids: list[str], on_end: PowerEnded) -> None:
        self._loop, self._on_end = asyncio.get_running_loop(), on_end
        self.on &= set(machine_ids)

    def is_on(self, machine_id: str) -> bool:
        return machine_id in self.on

    async def power_on(self, machine: Machine) -> None:
        while not self.allow_boot.is_set():
            await asyncio.sleep(0.01)
        if self.broken:
            raise MachineError("the host has no room")
        self.booted.append(machine)
        self.on.add(machine.id)

    async def power_off(self, machine_id: str, *, force: bool) -> None:
        self.on.discard(machine_id)

    async def erase_disk(self, machine_id: str) -> None:
        self.erased.append(machine_id)

    async def remove(self, machine_id: str) -> None:
        self.on.discard(machine_id)

    async def ready(self, machine_id: str) -> bool:
        return machine_id in self.on and not self.deaf

    async def start_command(self, machine_id: str, command: Command) -> None:
        self.commands.setdefault(command.id, command)
        self.results.setdefault(command.id, CommandResult(Outcome.RUNNING, started=time.time()))

    async def stop_command(self, machine_id: str, command_id: str) -> None:
        self.end(command_id, Outcome.KILLED)

    def command_result(self, machine_id: str, command_id: str) -> CommandResult:
        return self.results.get(command_id, CommandResult(Outcome.LOST))

    def end(self, command_id: str, outcome: Outcome, code: int | None = None, output: bytes = b"") -> None:
        """Let a command end."""
        now = time.time()
        self.results[command_id] = CommandResult(outcome, code, now, now, output, 0)

    def end_machine(self, machine_id: str, end: PowerEnd) -> None:
        """Let a machine go down by itself."""
        assert self._loop is not None
        assert self._on_end is not None
        self.on.discard(machine_id)
        asyncio.run_coroutine_threadsafe(self._on_end(machine_id, end), self._loop).result(5)
