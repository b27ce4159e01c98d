"""Machines by systemd-nspawn: a real init with its own processes, mounts, network and control groups.

Each machine is started by a small shell that joins the machine's control groups and writes down how nspawn
ended; neither belongs to the cloud's process, so both outlive it.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import subprocess
import time
from pathlib import Path

from localcloud.core import processes
from localcloud.core.processes import Process
from localcloud.core.tasks import Tasks
from localcloud.machines.assistant import MACHINE_FOLDER, Assistant
from localcloud.machines.control_groups import ControlGroups
from localcloud.machines.limits import raise_limits
from localcloud.machines.runtime import (
    Command,
    CommandResult,
    Machine,
    MachineError,
    PowerEnd,
    PowerEnded,
)
from localcloud.machines.system_disk import SystemDisk
from localcloud.network.netns import CommandFailedError

_log = logging.getLogger("localcloud.machines")

_BOOT_SECONDS = 60.0
_POLL_SECONDS = 0.05
_CODE_POLLS = 20
"""How often to look for nspawn's exit code, which its supervisor writes just after it has ended."""
_SHUTDOWN_SECONDS = 45.0
"""An ordered shutdown that takes longer is cut off."""
_KILL_SECONDS = 10.0
_REBOOT_CODE = 133
"""How nspawn ends with --keep-unit when the machine asked for a reboot."""
# Signals that systemd as init takes for an order to power off (systemd(1), SIGRTMIN+4).
_POWER_OFF = signal.SIGRTMIN + 4
_SUPERVISOR = """#!/bin/sh
# $1: file for the exit code; then groups to join; then "--" and the program.
code_file=$1; shift
while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 1; shift; done; shift
"$@"
echo $? > "$code_file.new" && mv "$code_file.new" "$code_file"
"""
# Programs inside must be able to set kernel parameters of their namespaces and to use keyrings and eBPF.
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "yes"}
_SYSTEM_CALLS = "@keyring bpf perf_event_open"


class NspawnRuntime:
    """The machines of one cloud, below `directory`; `tasks` watch over them. Needs root."""

    def __init__(self, directory: Path, identity: str, tasks: Tasks) -> None:
        self._directory = directory
        self._groups = ControlGroups(identity)
        self._tasks = tasks
        self._running: dict[str, Process] = {}
        self._asked: set[str] = set()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._on_end: PowerEnded | None = None

    async def start(self, machine_ids: list[str], on_end: PowerEnded) -> None:
        """See MachineRuntime."""
        self._on_end = on_end
        raise_limits()
        await self.clear(keep=frozenset(machine_ids))
        for machine_id in machine_ids:
            found = self._nspawn_of(machine_id)
            if found is not None:
                self._watch(machine_id, found)

    async def clear(self, keep: frozenset[str] = frozenset()) -> None:
        """Leave nothing of any machine of this cloud but those in `keep`. Raises MachineError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = {entry.name for entry in self._directory.iterdir()} | self._groups.machine_ids()
        for machine_id in sorted(known - keep):
            found = self._nspawn_of(machine_id)
            if found is not None:
                self._running[machine_id] = found
            await self.remove(machine_id)

    def is_on(self, machine_id: str) -> bool:
        """See MachineRuntime."""
        process = self._running.get(machine_id)
        return process is not None and processes.alive(process)

    async def power_on(self, machine: Machine) -> None:
        """See MachineRuntime."""
        if self.is_on(machine.id):
            return
        folder = self._directory / machine.id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            await self._leave_nothing_running(machine.id)
            await self._disk(machine.id).mount(machine)
            self._assistant(machine.id).prepare()
            process = await self._launch(machine, folder)
        except (CommandFailedError, OSError) as error:
            raise MachineError(f"{machine.id} does not start: {error}") from error
        self._running[machine.id] = process
        await self._booted(machine.id, process)
        # Not before: whoever starts it deals with a machine that ends while it boots.
        self._watch(machine.id, process)

    async def power_off(self, machine_id: str, *, force: bool) -> None:
        """See MachineRuntime."""
        process = self._running.get(machine_id)
        self._asked.add(machine_id)
        try:
            if process is not None and processes.alive(process):
                await self._shut_down(machine_id, process, force)
            await self._leave_nothing_running(machine_id)
            await self._disk(machine_id).unmount()
        except (CommandFailedError, OSError) as error:
            raise MachineError(f"{machine_id} does not stop: {error}") from error
        finally:
            self._asked.discard(machine_id)
        self._running.pop(machine_id, None)

    async def erase_disk(self, machine_id: str) -> None:
        """See MachineRuntime."""
        if self.is_on(machine_id):
            raise MachineError(f"{machine_id} is on; its disk cannot be erased")
        await self._disk(machine_id).erase()

    async def remove(self, machine_id: str) -> None:
        """See MachineRuntime."""
        await self.power_off(machine_id, force=True)
        await self._disk(machine_id).erase()
        self._groups.remove(machine_id)
        await asyncio.to_thread(shutil.rmtree, self._directory / machine_id, ignore_errors=True)
        # nspawn keeps one folder per machine name for mounts into running machines.
        shutil.rmtree(Path("/run/systemd/nspawn/propagate") / machine_id, ignore_errors=True)

    async def ready(self, machine_id: str) -> bool:
        """See MachineRuntime."""
        init = self._init_of(machine_id)
        return init is not None and await self._assistant(machine_id).ready(init)

    async def start_command(self, machine_id: str, command: Command) -> None:
        """See MachineRuntime."""
        try:
            await self._assistant(machine_id).start(self._required_init(machine_id), command)
        except CommandFailedError as error:
            raise MachineError(str(error)) from error

    async def stop_command(self, machine_id: str, command_id: str) -> None:
        """See MachineRuntime."""
        try:
            await self._assistant(machine_id).stop(self._required_init(machine_id), command_id)
        except CommandFailedError as error:
            raise MachineError(str(error)) from error

    def command_result(self, machine_id: str, command_id: str) -> CommandResult:
        """See MachineRuntime."""
        return self._assistant(machine_id).result(command_id)

    async def _launch(self, machine: Machine, folder: Path) -> Process:
        code = folder / "exit-code"
        code.unlink(missing_ok=True)
        supervisor = folder / "supervisor"
        supervisor.write_text(_SUPERVISOR, encoding="utf-8")
        groups = self._groups.create(machine.id, machine.memory)
        command = [
            *("/bin/sh", str(supervisor), str(code), *map(str, groups), "--"),
            *self._nspawn(machine, folder),
        ]
        with (folder / "console.log").open("ab") as console:
            child = subprocess.Popen(  # noqa: ASYNC220 - returns at once; asyncio's would be killed with its loop
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        self._children[machine.id] = child
        end = time.monotonic() + _BOOT_SECONDS
        while (found := self._nspawn_of(machine.id)) is None:
            if child.poll() is not None or time.monotonic() > end:
                raise MachineError(f"{machine.id} does not start: {self._console_tail(machine.id)}")
            await asyncio.sleep(_POLL_SECONDS)
        return found

    def _nspawn_of(self, machine_id: str) -> Process | None:
        found = processes.with_argument("systemd-nspawn", self._root_argument(machine_id))
        return found[0] if found else None

    def _nspawn(self, machine: Machine, folder: Path) -> list[str]:
        disk = self._disk(machine.id)
        binds = [f"--bind={source}:{target}" for source, target in disk.binds.items()]
        return [
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe"),
            *(self._root_argument(machine.id), f"--machine={machine.id}", f"--hostname={machine.hostname}"),
            *("--capability=all", f"--system-call-filter={_SYSTEM_CALLS}", "--bind=/dev/kmsg"),
            *("--resolv-conf=off", "--timezone=off", "--link-journal=no"),
            f"--network-namespace-path={machine.namespace}",
            f"--bind={folder / 'assistant'}:{MACHINE_FOLDER}",
            *binds,
        ]

    async def _booted(self, machine_id: str, process: Process) -> None:
        end = time.monotonic() + _BOOT_SECONDS
        while not await self.ready(machine_id):
            if not processes.alive(process):
                raise MachineError(f"{machine_id} ended while booting: {self._console_tail(machine_id)}")
            if time.monotonic() > end:
                raise MachineError(f"{machine_id} has not booted within {_BOOT_SECONDS:.0f} s")
            await asyncio.sleep(_POLL_SECONDS)

    async def _shut_down(self, machine_id: str, process: Process, force: bool) -> None:
        init = self._init_of(machine_id)
        known = processes.identify(init) if init else None
        if known is not None:
            processes.send(known, signal.SIGKILL if force else _POWER_OFF)
        if await processes.gone(process, _KILL_SECONDS if force else _SHUTDOWN_SECONDS):
            return
        _log.warning("%s did not end in time and is cut off", machine_id)
        if known is not None:
            processes.send(known, signal.SIGKILL)
        await processes.gone(process, _KILL_SECONDS)

    async def _leave_nothing_running(self, machine_id: str) -> None:
        """What is left in the machine's control groups ends: namespaces live on in children."""
        end = time.monotonic() + _KILL_SECONDS
        while any(processes.identify(pid) for pid in self._groups.pids(machine_id)):
            if time.monotonic() > end:
                raise MachineError(f"{machine_id} has processes that do not end")
            self._groups.kill(machine_id)
            await asyncio.sleep(_POLL_SECONDS)
        child = self._children.pop(machine_id, None)
        if child is not None:
            await asyncio.to_thread(child.wait)

    def _watch(self, machine_id: str, process: Process) -> None:
        self._running[machine_id] = process
        self._tasks.spawn(self._watched(machine_id, process), f"watch {machine_id}")

    async def _watched(self, machine_id: str, process: Process) -> None:
        await processes.ended(process)
        if machine_id in self._asked or self._running.get(machine_id) != process:
            return
        rebooting = await self._exit_code(machine_id) == _REBOOT_CODE
        await self.power_off(machine_id, force=True)
        if self._on_end is not None:
            await self._on_end(machine_id, PowerEnd.REBOOT if rebooting else PowerEnd.OFF)

    async def _exit_code(self, machine_id: str) -> int | None:
        path = self._directory / machine_id / "exit-code"
        for _ in range(_CODE_POLLS):
            if path.exists():
                return int(path.read_text())
            await asyncio.sleep(_POLL_SECONDS)
        return None

    def _init_of(self, machine_id: str) -> int | None:
        process = self._running.get(machine_id)
        if process is None or not processes.alive(process):
            return None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        for pid in children.read_text().split():
            if _is_init(int(pid)):
                return int(pid)
        return None

    def _required_init(self, machine_id: str) -> int:
        init = self._init_of(machine_id)
        if init is None:
            raise MachineError(f"{machine_id} is off")
        return init

    def _disk(self, machine_id: str) -> SystemDisk:
        return SystemDisk(self._directory / machine_id / "disk")

    def _assistant(self, machine_id: str) -> Assistant:
        return Assistant(self._directory / machine_id / "assistant")

    def _root_argument(self, machine_id: str) -> str:
        return f"--directory={self._disk(machine_id).root}"

    def _console_tail(self, machine_id: str) -> str:
        path = self._directory / machine_id / "console.log"
        return path.read_text(encoding="utf-8", errors="replace")[-500:].strip()


def _is_init(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False
    return any(line.startswith("NSpid:") and line.split()[-1] == "1" for line in status.splitlines())
