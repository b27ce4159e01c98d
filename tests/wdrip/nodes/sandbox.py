"""A machine in miniature: launchers and scripts run in a mount namespace with files of its own.

/etc, /run, /usr/local and /var/lib are overlays on memory: what a script writes there the host never sees,
and it is gone with the sandbox. systemd is played by two small programs: `systemd-run` starts the unit's
command in a session of its own, `systemctl` knows whether it lives. Everything else is the real thing.
Needs root.
"""

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wdrip.nodes.operations import NodeOperation, launch

_SETUP = """
set -e
mount -t tmpfs sandbox /mnt
for directory in etc run usr/local var/lib; do
    mkdir -p "/mnt/$directory/upper" "/mnt/$directory/work"
    mount -t overlay sandbox \\
        -o "lowerdir=/$directory,upperdir=/mnt/$directory/upper,workdir=/mnt/$directory/work" "/$directory"
done
echo ready
exec /bin/sleep infinity
"""
"""By its path: a test may have put a program of that name before it."""
_SYSTEMD_RUN = """#!/bin/bash
for argument; do case $argument in --unit=*) unit=${argument#--unit=};; --*) ;; *) break;; esac; shift; done
mkdir -p /run/units
echo "$*" >>"/run/units/$unit.starts"
setsid "$@" </dev/null >/dev/null 2>&1 &
echo $! >"/run/units/$unit.pid"
"""
_SYSTEMCTL = """#!/bin/bash
[[ $1 == show ]] || exit 0
state=inactive
pid=$(cat "/run/units/${!#}.pid" 2>/dev/null)
[[ -n $pid && -d /proc/$pid && $(ps -o stat= -p "$pid") != Z* ]] && state=active
echo "ActiveState=$state"
"""


@dataclass(frozen=True)
class Result:
    """What Cloud Assistant would report of one command."""

    code: int
    output: str


class Sandbox:
    """Where launchers run. `folder` is seen under the same path inside and outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "/bin/bash", "-c", _SETUP],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        self.program("systemd-run", _SYSTEMD_RUN)
        self.program("systemctl", _SYSTEMCTL)

    def close(self) -> None:
        """Ends everything that still runs inside; the files go with the last process."""
        for pid_file in self.path("/run/units").glob("*.pid"):
            with suppress(ProcessLookupError):
                os.killpg(int(pid_file.read_text(encoding="utf-8")), signal.SIGKILL)
        self._holder.kill()
        self._holder.communicate()

    def path(self, absolute: str) -> Path:
        """The sandbox's own file of that path."""
        return Path(f"/proc/{self._holder.pid}/root{absolute}")

    def program(self, name: str, text: str) -> None:
        """Puts a program of that name before the host's own."""
        path = self.path(f"/usr/local/sbin/{name}")
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def launch(self, operation: NodeOperation, wait_seconds: int = 30) -> Result:
        """Runs the RunCommand content for `operation`, as Cloud Assistant would."""
        return self.run(launch(operation, wait_seconds))

    def run(self, script: str) -> Result:
        """Runs a script inside."""
        # The root as well: whoever runs the tests in a chroot would land outside of it.
        inside = f"/proc/{self._holder.pid}"
        place = [f"--mount={inside}/ns/mnt", f"--root={inside}/root"]
        done = subprocess.run(
            ["nsenter", *place, "/bin/bash", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        return Result(done.returncode, done.stdout + done.stderr)

    def starts(self, operation: NodeOperation) -> int:
        """How often the operation's unit was started."""
        record = self.path(f"/run/units/wdrip-{operation.name}.service.starts")
        return len(record.read_text(encoding="utf-8").splitlines()) if record.exists() else 0

    def kill_unit(self, operation: NodeOperation) -> None:
        """Ends the unit with everything in it, as a power cut or the kernel's memory killer would."""
        pid_file = self.path(f"/run/units/wdrip-{operation.name}.service.pid")
        os.killpg(int(pid_file.read_text(encoding="utf-8")), signal.SIGKILL)
