"""The cache of what was fetched and built: each result is a directory that is complete or absent.

A directory's name carries a digest of what it was made from, so nothing in it ever changes; `checksums.json`
inside tells whether it is still whole.
"""

import fcntl
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wdrip.errors import PermanentError

CHECKSUMS = "checksums.json"

Report = Callable[[str], None]

_LOCK_DEADLINE = 3600
"""Seconds to wait for another run that makes the same thing; the longest, a build on one core, takes less."""


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def recorded_sha256(path: Path) -> str:
    """Digest of a file directly in a cached directory, as noted when it was made."""
    checksums: dict[str, str] = json.loads((path.parent / CHECKSUMS).read_text())
    return checksums[path.name]


def damaged(directory: Path) -> str | None:
    """What is wrong with a cached directory, in words; None when every file is as it was made."""
    try:
        checksums: dict[str, str] = json.loads((directory / CHECKSUMS).read_text())
        for name, expected in checksums.items():
            if sha256_of(directory / name) != expected:
                return f"{name} has changed"
    except (OSError, ValueError, AttributeError) as problem:
        return str(problem)
    return None


def cached(directory: Path, build: Callable[[Path], None], report: Report) -> Path:
    """`directory`, made by `build(temporary directory)` unless it is there and whole.

    Runs at the same time wait for each other. A damaged directory is made anew, and said to be. Raises what
    `build` raises (a full disk as PermanentError); then nothing appears under the name.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(directory, report):
        if directory.exists():
            problem = damaged(directory)
            if problem is None:
                return directory
            report(f"{directory.name} in the cache is damaged ({problem}); making it anew")
            shutil.rmtree(directory)
        _publish(directory, build)
    return directory


@contextmanager
def exclusive(directory: Path, report: Report, deadline: float = _LOCK_DEADLINE) -> Iterator[None]:
    """Holds the one lock for making `directory`; waits for another run at most `deadline` seconds, saying so.

    The kernel drops the lock when its holder dies, so a killed run blocks nobody.
    """
    with (directory.parent / f".{directory.name}.lock").open("w") as handle:
        until = time.monotonic() + deadline
        told = False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as held:
                if time.monotonic() > until:
                    raise PermanentError(
                        f"another run has been making {directory.name} for {deadline:.0f} s; see who holds "
                        f"{handle.name}"
                    ) from held
                if not told:
                    report(f"another run is making {directory.name}; waiting for it")
                    told = True
                time.sleep(0.2)
        yield


def _publish(directory: Path, build: Callable[[Path], None]) -> None:
    prefix = f".{directory.name}.part-"
    for leftover in directory.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover)
    temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=directory.parent))
    try:
        build(temporary)
        files = [path for path in sorted(temporary.rglob("*")) if path.is_file() and not path.is_symlink()]
        checksums = {path.relative_to(temporary).as_posix(): sha256_of(path) for path in files}
        (temporary / CHECKSUMS).write_text(json.dumps(checksums, indent=1))
        temporary.rename(directory)
    except OSError as problem:
        raise PermanentError(
            f"cannot write {directory}: {problem}; check free space (a build needs 6 GB) and permissions"
        ) from problem
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
