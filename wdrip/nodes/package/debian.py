"""Packages and sources of the Debian release whose programs go into a package.

Everything happens in directories of ours with this host's own archive entries: nothing is installed on the
host (etcd's package, for one, would start a service), and source entries need not be enabled there.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from wdrip.errors import PermanentError

CODENAME = "bookworm"
"""Debian 12: the release with Kubernetes 1.20.2, Go 1.19 and a containerd that speaks to it."""

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
"""Debian's own keys (package debian-archive-keyring)."""

Report = Callable[[str], None]

_DEADLINE = 900
"""Seconds for one apt or dpkg command; the largest fetch is about 90 MB."""


def run_command(command: Sequence[str], what: str, cwd: Path | None = None) -> str:
    """Standard output of a command; raises PermanentError with the end of its errors when it fails."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=_DEADLINE, check=False
        )
    except FileNotFoundError as missing:
        raise PermanentError(f"{what}: {command[0]} is missing; a Debian 12 host is needed") from missing
    except subprocess.TimeoutExpired as late:
        raise PermanentError(
            f"{what}: no end after {_DEADLINE} s; is the Debian archive reachable?"
        ) from late
    if done.returncode != 0:
        tail = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-5:])
        raise PermanentError(f"{what} failed with exit code {done.returncode}:\n{tail}")
    return done.stdout


class DebianArchive:
    """This host's Debian archive, read through apt with lists and caches below `directory`."""

    def __init__(self, directory: Path, report: Report) -> None:
        self._directory = directory
        self._report = report
        self._updated = False

    def _apt(self, *arguments: str) -> list[str]:
        state = self._directory
        options = {
            "Dir::Etc::sourcelist": state / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": state / "lists",
            "Dir::Cache": state / "cache",
            # apt's sandbox user cannot write into a cache below a home directory.
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        command = ["apt-get", "-qq"]
        for name, value in options.items():
            command += ["-o", f"{name}={value}"]
        return [*command, *arguments]

    def _update(self) -> None:
        if self._updated:
            return
        for name in ("lists/partial", "cache/archives/partial"):
            (self._directory / name).mkdir(parents=True, exist_ok=True)
        (self._directory / "sources.list").write_text("\n".join(host_entries()) + "\n")
        self._report("reading the Debian archive's index")
        run_command(self._apt("update"), "apt-get update")
        self._updated = True

    def extract(self, packages: Sequence[str], target: Path) -> dict[str, str]:
        """Unpacks the packages' files into `target`, running none of their scripts; their upstream versions.

        apt checks the archive's signature and every file's hash. Raises PermanentError.
        """
        self._update()
        downloads = target.with_name(f"{target.name}.debs")
        downloads.mkdir(parents=True, exist_ok=True)
        run_command(self._apt("download", *packages), f"fetching {', '.join(packages)}", cwd=downloads)
        target.mkdir(parents=True, exist_ok=True)
        versions = {}
        for deb in sorted(downloads.glob("*.deb")):
            run_command(["dpkg-deb", "--extract", str(deb), str(target)], f"unpacking {deb.name}")
            name, version = run_command(
                ["dpkg-deb", "--show", "--showformat=${Package} ${Version}", str(deb)], f"reading {deb.name}"
            ).split()
            versions[name] = upstream_version(version)
        shutil.rmtree(downloads)
        return versions

    def source(self, package: str, target: Path) -> None:
        """Unpacks a source package, patches applied, as directory `target`."""
        self._update()
        downloads = target.with_name(f"{target.name}.source")
        downloads.mkdir(parents=True, exist_ok=True)
        run_command(
            self._apt("--download-only", "source", package),
            f"fetching the source of {package}",
            cwd=downloads,
        )
        description = next(iter(downloads.glob("*.dsc")), None)
        if description is None:
            raise PermanentError(f"apt-get source {package} brought no .dsc file")
        shutil.rmtree(target, ignore_errors=True)
        # apt has checked the hashes against the signed index; the uploader's own signature adds nothing.
        unpack = ["dpkg-source", "--no-check", "--extract", description.name, str(target)]
        run_command(unpack, f"unpacking the source of {package}", cwd=downloads)
        shutil.rmtree(downloads)


def upstream_version(version: str) -> str:
    """Upstream's part of a Debian version.

    `1.6.20~ds1-1+deb12u3` is 1.6.20; `1.20.5+really1.20.2-1` is 1.20.2.
    """
    without_epoch = version.partition(":")[2] or version
    without_revision = without_epoch.rpartition("-")[0] or without_epoch
    if "+really" in without_revision:
        return without_revision.partition("+really")[2]
    return without_revision.partition("+")[0].partition("~")[0]


def host_entries() -> list[str]:
    """This host's archive entries for Debian 12, binary and source, in sources.list form.

    Only what Debian signs (origin Debian, component main) is taken. Raises PermanentError when there is none.
    """
    fields = "$(CODENAME) $(COMPONENT) $(REPO_URI) $(RELEASE)"
    query = ["apt-get", "indextargets", "--format", fields, "Created-By: Packages", "Origin: Debian"]
    lines = run_command(query, "apt-get indextargets")
    if not lines.strip():
        run_command(["apt-get", "-qq", "update"], "apt-get update")
        lines = run_command(query, "apt-get indextargets")
    entries = set()
    for line in lines.splitlines():
        name, component, uri, release = line.split()
        if name.split("-")[0] == CODENAME and component == "main":
            place = f"[signed-by={KEYRING}] {uri} {release} main"
            entries |= {f"deb {place}", f"deb-src {place}"}
    if not entries:
        raise PermanentError(
            f"this host has no package source for Debian 12 ({CODENAME}); run this on Debian 12, "
            "or where the official downloads can be reached"
        )
    return sorted(entries)


def install_tools(packages: Sequence[str], report: Report) -> None:
    """Installs build tools on this host when missing; raises PermanentError when that takes another user."""
    missing = [name for name in packages if not _installed(name)]
    if not missing:
        return
    if os.geteuid() != 0:
        raise PermanentError(
            f"the build needs these Debian packages: {' '.join(missing)}; install them, or run as root"
        )
    report(f"installing build tools: {' '.join(missing)}")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    run_command([*apt, "update"], "apt-get update")
    run_command([*apt, "install", "--yes", "--no-install-recommends", *missing], "installing build tools")


def _installed(package: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError as missing:
        raise PermanentError(
            "dpkg-query is missing; the build from source needs a Debian 12 host"
        ) from missing
    return done.stdout == "installed"
