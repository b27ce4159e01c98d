"""The projects' own downloads: any version, in seconds, where they can be reached.

Every file is checked against the checksum that its project publishes beside it.
"""

import hashlib
import re
import tarfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO

from wdrip.errors import PermanentError, TemporaryError
from wdrip.nodes.package.store import Report, cached

Opener = Callable[[str, float], AbstractContextManager[IO[bytes]]]
"""Opens a URL for reading, with a time limit in seconds for each wait; raises OSError when it cannot."""

CONTAINERD = "1.6.20"
RUNC = "1.1.5"
CNI = "1.1.1"
ETCD = "3.4.23"
# The same versions as in Debian 12, so that both origins give machines that behave alike.

REACH_DEADLINE = 5.0
"""Seconds to wait for a first answer before the downloads count as unreachable."""

_STALL = 60.0
"""Seconds without a byte after which a download has failed."""

_CHUNK = 1 << 20

_GITHUB = "https://github.com"
_KUBERNETES = "https://dl.k8s.io"


@dataclass(frozen=True)
class Download:
    """One published file and where its checksum is published (alone, or as a line that names the file)."""

    url: str
    checksum_url: str
    algorithm: str = "sha256"

    @property
    def name(self) -> str:
        """File name, the last part of the URL."""
        return self.url.rpartition("/")[2]


def _release(project: str, tag: str, name: str, checksums: str) -> Download:
    base = f"{_GITHUB}/{project}/releases/download/{tag}"
    return Download(f"{base}/{name}", f"{base}/{checksums}")


def kubernetes_server(version: str, architecture: str) -> Download:
    """All of Kubernetes' server side: programs and images."""
    url = f"{_KUBERNETES}/v{version}/kubernetes-server-linux-{architecture}.tar.gz"
    return Download(url, f"{url}.sha512", "sha512")


def containerd(architecture: str) -> Download:
    """containerd with ctr and the runc shim."""
    name = f"containerd-{CONTAINERD}-linux-{architecture}.tar.gz"
    return _release("containerd/containerd", f"v{CONTAINERD}", name, f"{name}.sha256sum")


def runc(architecture: str) -> Download:
    """runc, a bare program."""
    return _release("opencontainers/runc", f"v{RUNC}", f"runc.{architecture}", "runc.sha256sum")


def cni(architecture: str) -> Download:
    """The CNI project's plugins."""
    name = f"cni-plugins-linux-{architecture}-v{CNI}.tgz"
    return _release("containernetworking/plugins", f"v{CNI}", name, f"{name}.sha256")


def etcd(architecture: str) -> Download:
    """etcd and etcdctl."""
    return _release("etcd-io/etcd", f"v{ETCD}", f"etcd-v{ETCD}-linux-{architecture}.tar.gz", "SHA256SUMS")


def coredns(version: str, architecture: str) -> Download:
    """CoreDNS, a bare program in an archive."""
    name = f"coredns_{version}_linux_{architecture}.tgz"
    return _release("coredns/coredns", f"v{version}", name, f"{name}.sha256")


def _open(url: str, timeout: float) -> AbstractContextManager[IO[bytes]]:
    # Only the https addresses above come here.
    opened: AbstractContextManager[IO[bytes]] = urllib.request.urlopen(url, timeout=timeout)  # noqa: S310
    return opened


class OfficialSite:
    """Fetches published files into the cache. `opener` is the way out to the network."""

    def __init__(self, cache: Path, report: Report, opener: Opener = _open) -> None:
        self._downloads = cache / "downloads"
        self._report = report
        self._open = opener

    def unreachable(self, version: str, architecture: str) -> str | None:
        """Why the downloads cannot be used from here, in words; None when they can.

        Asks both sites at once for one small file each and waits `REACH_DEADLINE` seconds at most, name
        resolution included. Raises PermanentError when the site says that it has no such Kubernetes version.
        """
        asked = [kubernetes_server(version, architecture), runc(architecture)]
        answers: list[SimpleQueue[Exception | None]] = [SimpleQueue() for _ in asked]
        for download, answer in zip(asked, answers, strict=True):
            # A daemon: the system's resolver cannot be told to give up and must not hold up the end.
            threading.Thread(target=self._try, args=(download, answer), daemon=True).start()
        until = time.monotonic() + REACH_DEADLINE
        for download, answer in zip(asked, answers, strict=True):
            try:
                problem = answer.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                return f"{download.checksum_url}: no answer within {REACH_DEADLINE:.0f} s"
            if isinstance(problem, OSError):
                return f"{download.checksum_url}: {getattr(problem, 'reason', problem)}"
            if problem is not None:
                raise problem
        return None

    def _try(self, download: Download, answer: "SimpleQueue[Exception | None]") -> None:
        try:
            self._checksum(download, REACH_DEADLINE)
        except Exception as problem:  # noqa: BLE001 - told to the thread that asked
            answer.put(problem)
        else:
            answer.put(None)

    def fetch(self, download: Download) -> Path:
        """The file, from the cache or the network, its checksum verified.

        Raises PermanentError when the checksum differs, TemporaryError when the network fails.
        """
        try:
            expected = self._checksum(download, _STALL)
        except OSError as problem:
            raise TemporaryError(
                f"cannot fetch {download.checksum_url}: {problem}; run it again"
            ) from problem
        directory = self._downloads / f"{download.algorithm}-{expected[:32]}"
        return (
            cached(directory, lambda part: self._get(download, expected, part), self._report) / download.name
        )

    def _checksum(self, download: Download, timeout: float) -> str:
        try:
            with self._open(download.checksum_url, timeout) as answer:
                listing = answer.read(_CHUNK).decode("ascii", errors="replace")
        except urllib.error.HTTPError as refused:
            if refused.code == 404:
                raise PermanentError(
                    f"{download.url} is not published; ask for a version that the project has released"
                ) from refused
            raise
        return published_checksum(listing, download)

    def _get(self, download: Download, expected: str, part: Path) -> None:
        self._report(f"fetching {download.url}")
        digest = hashlib.new(download.algorithm)
        size = 0
        try:
            with self._open(download.url, _STALL) as answer, (part / download.name).open("wb") as file:
                while chunk := answer.read(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
                    size += len(chunk)
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as problem:
            raise TemporaryError(f"fetching {download.url} broke off: {problem}; run it again") from problem
        got = digest.hexdigest()
        if got != expected:
            raise PermanentError(
                f"{download.url} is not what its project published: {download.algorithm} {got}, published "
                f"{expected}; try again, and if it stays so, do not use this network"
            )
        self._report(f"fetched {download.name}: {size / 1e6:.0f} MB, checksum as published")


def published_checksum(listing: str, download: Download) -> str:
    """The file's checksum in a published listing. Raises PermanentError when the listing has none."""
    digits = hashlib.new(download.algorithm).digest_size * 2
    lines = [line.split() for line in listing.splitlines() if line.strip()]
    for words in lines:
        named = len(words) > 1 and words[1].removeprefix("*").rpartition("/")[2] == download.name
        alone = len(words) == 1 and len(lines) == 1
        if (named or alone) and re.fullmatch(f"[0-9a-f]{{{digits}}}", words[0]):
            return words[0]
    raise PermanentError(f"{download.checksum_url} holds no {download.algorithm} of {download.name}")


def unpack(archive: Path, wanted: dict[str, str], target: Path) -> None:
    """Writes the wanted members (`{path inside: file name}`) of a .tar.gz into `target`, executable.

    Raises PermanentError when one is missing: the project has changed its layout.
    """
    missing = dict(wanted)
    with tarfile.open(archive, "r:gz") as source:
        for member in source:
            name = missing.pop(member.name.removeprefix("./"), None)
            if name is None:
                continue
            content = source.extractfile(member)
            if content is None:
                raise PermanentError(f"{member.name} in {archive.name} is not a file")
            with (target / name).open("wb") as file:
                while chunk := content.read(_CHUNK):
                    file.write(chunk)
            (target / name).chmod(0o755)
    if missing:
        raise PermanentError(f"{archive.name} holds no {', '.join(missing)}")
