"""What of a stack there is on this host outside its own folder: to see that nothing stays."""

import subprocess
from pathlib import Path

from localcloud.core.context import cloud_identity
from tests.e2e.stack import Stack


def traces(stack: Stack) -> list[str]:
    """Namespaces, mounts, control groups, sockets and processes of the stack's programs and machines.

    Only the stack's own: another one may run beside it. Interfaces and routes of the host are not looked at
    here, because machines' ends of cables lie in the namespaces.
    """
    name = f"wl-{cloud_identity(stack.state / 'cloud')}"
    namespaces = [line for line in _output("ip", "netns", "list").splitlines() if line.startswith(name)]
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/{name}*")]
    sockets = [str(path) for path in Path("/run").glob(f"{name}*")]
    running = _output("ps", "-ww", "-eo", "pid,args").splitlines()
    processes = [line for line in running if str(stack.home) in line]
    return [
        *namespaces,
        *(mount for mount in mounts if str(stack.home) in mount),
        *groups,
        *sockets,
        *processes,
    ]


def host_network() -> str:
    """Interfaces and routes of the host's own network."""
    return _output("ip", "-o", "link") + _output("ip", "route", "show", "table", "all")


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
