"""What a machine runtime does: power, system disk, commands inside.

`NspawnRuntime` runs real machines; tests of the API alone use one in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol


class MachineError(Exception):
    """The host could not do it; the message says what it said."""


class PowerEnd(Enum):
    """How a machine's run ended."""

    OFF = "off"
    REBOOT = "reboot"


PowerEnded = Callable[[str, PowerEnd], Coroutine[Any, Any, None]]
"""Called with a machine's id when its run has ended and it was not asked to."""


@dataclass(frozen=True)
class Machine:
    """What a machine is booted with. `image` is read-only, `namespace` a path, `memory` in bytes."""

    id: str
    hostname: str
    address: str
    image: Path
    namespace: str
    memory: int


@dataclass(frozen=True)
class Command:
    """A script to run as root inside; `timeout` in seconds, `directory` where it starts."""

    id: str
    content: bytes
    timeout: int
    directory: str = "/root"


class Outcome(Enum):
    """How a command stands. LOST: nothing is known of it, for instance after a new system disk."""

    RUNNING = "running"
    EXITED = "exited"
    TIMEOUT = "timeout"
    KILLED = "killed"
    LOST = "lost"


@dataclass(frozen=True)
class CommandResult:
    """State of a command; times in seconds since 1970, `dropped` is how many bytes came before `output`."""

    outcome: Outcome
    exit_code: int | None = None
    started: float | None = None
    finished: float | None = None
    output: bytes = b""
    dropped: int = 0


class MachineRuntime(Protocol):
    """Runs machines. Methods raise MachineError when the host refuses."""

    async def start(self, machine_ids: list[str], on_end: PowerEnded) -> None:
        """Take up machines that run already; clear what belongs to none of `machine_ids`."""

    def is_on(self, machine_id: str) -> bool:
        """Whether the machine runs."""

    async def power_on(self, machine: Machine) -> None:
        """Boot; returns when the machine's init has brought up its basic services."""

    async def power_off(self, machine_id: str, *, force: bool) -> None:
        """Shut down in order, or at once with `force`; returns when it is off. Off already is no error."""

    async def erase_disk(self, machine_id: str) -> None:
        """Throw the system disk away; the machine must be off. The next boot is a first one."""

    async def remove(self, machine_id: str) -> None:
        """Power off at once and leave nothing of the machine."""

    async def ready(self, machine_id: str) -> bool:
        """Whether commands can run inside now."""

    async def start_command(self, machine_id: str, command: Command) -> None:
        """Run the command detached from this process; one that was started already is left alone."""

    async def stop_command(self, machine_id: str, command_id: str) -> None:
        """End a running command and all that it started in its process group."""

    def command_result(self, machine_id: str, command_id: str) -> CommandResult:
        """How the command stands."""
