"""The Debian archive as this host is configured to reach it."""

import os
import shutil
import subprocess
from collections.abc import Callable

from localcloud.images.store import ImageError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
"""Debian's own keys (package debian-archive-keyring, on every Debian)."""

_APT_DEADLINE = 600


def _run(command: list[str], what: str) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_APT_DEADLINE, check=False
        )
    except FileNotFoundError as missing:
        raise ImageError(f"{what}: {command[0]} is missing; a Debian or Ubuntu host is needed") from missing
    except subprocess.TimeoutExpired as late:
        raise ImageError(
            f"{what}: no end after {_APT_DEADLINE} s; is the Debian archive reachable?"
        ) from late
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise ImageError(f"{what} failed with exit code {done.returncode}:\n{tail}")
    return done.stdout


def archive_entries(codename: str) -> list[str]:
    """This host's own archive entries for a Debian release, one line each (sources.list form).

    Only what Debian signs (origin Debian, component main) is taken, whatever else the host subscribes to.
    Raises ImageError when the host has no entry for the release.
    """
    entries = _entries(codename)
    if not entries:
        _run(["apt-get", "-qq", "update"], "apt-get update")
        entries = _entries(codename)
    if not entries:
        raise ImageError(
            f"no package source for Debian {codename} on this host; add one under /etc/apt/sources.list.d"
        )
    return entries


def _entries(codename: str) -> list[str]:
    fields = "$(CODENAME) $(COMPONENT) $(REPO_URI) $(RELEASE)"
    filters = ["Created-By: Packages", "Origin: Debian"]
    lines = _run(["apt-get", "indextargets", "--format", fields, *filters], "apt-get indextargets")
    found = []
    for line in lines.splitlines():
        name, component, uri, release = line.split()
        if name.split("-")[0] == codename and component == "main":
            found.append(f"deb [signed-by={KEYRING}] {uri} {release} main")
    return sorted(set(found))


def require_program(program: str, package: str, report: Callable[[str], None]) -> None:
    """Installs `package` when `program` is not on the path; raises ImageError when that is not possible."""
    if shutil.which(program):
        return
    if os.geteuid() != 0:
        raise ImageError(f"{program} is missing; install the Debian package {package} or run this as root")
    report(f"installing the Debian package {package}")
    _run(["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "update"], "apt-get update")
    install = [
        "apt-get",
        "-qq",
        "-o",
        "DPkg::Lock::Timeout=300",
        "install",
        "--yes",
        "--no-install-recommends",
    ]
    _run([*install, package], f"apt-get install {package}")
