"""Limits of the host that are too low for a dozen machines."""

import logging
from pathlib import Path

_log = logging.getLogger("localcloud.machines")

INOTIFY_INSTANCES = 8192
"""A machine with systemd, containerd and kubelet uses about 13 (counted on 11 machines: 139). Debian's limit
of 128 for all processes of root is reached by the tenth machine, whose systemd then ends while it boots."""

_INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")


def raise_limits(path: Path = _INOTIFY_INSTANCES) -> None:
    """Raise the host's number of inotify instances per user where it is lower; it is left so, since other
    clouds of this host may need it. Says so, and what happens if it may not be raised."""
    found = int(path.read_text(encoding="ascii"))
    if found >= INOTIFY_INSTANCES:
        return
    try:
        path.write_text(f"{INOTIFY_INSTANCES}\n", encoding="ascii")
    except OSError as error:
        _log.warning(
            "fs.inotify.max_user_instances is %d and cannot be raised (%s): the %dth machine will not start",
            found,
            error.strerror,
            found // 13 + 1,
        )
        return
    _log.info("fs.inotify.max_user_instances: %d, was %d", INOTIFY_INSTANCES, found)
