"""Where images are kept: one directory per recipe, complete or absent."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.images.recipe import Recipe, machine_recipe

_LOCK_DEADLINE = 1800
"""Seconds to wait for another run that makes the same image; making one takes a few minutes."""


class ImageError(Exception):
    """The image cannot be made or is not there; the message says what to do."""


def default_cache() -> Path:
    """The cache directory of this user: WDRIP_CACHE, else `wdrip` in the XDG cache directory."""
    if chosen := os.environ.get("WDRIP_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wdrip"


def image_directory(cache: Path, recipe: Recipe) -> Path:
    """The directory of a recipe's image; it exists only when the image is complete."""
    return cache / "images" / recipe.digest()


def rootfs(cache: Path | None = None) -> Path:
    """The root file system that machines boot from, to be used read-only.

    Raises ImageError when it has not been prepared.
    """
    found = image_directory(cache or default_cache(), machine_recipe()) / "rootfs"
    if not found.is_dir():
        raise ImageError(f"no machine image at {found}; make it with: python -m localcloud.images prepare")
    return found


@contextmanager
def exclusive(
    directory: Path, report: Callable[[str], None], deadline: float = _LOCK_DEADLINE
) -> Iterator[None]:
    """Holds the one lock for making `directory`; waits up to `deadline` seconds for another run.

    The kernel drops the lock when its holder dies, so a killed run blocks nobody.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    with (directory.parent / f".{directory.name}.lock").open("w") as handle:
        until = time.monotonic() + deadline
        told = False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as held:
                if time.monotonic() > until:
                    raise ImageError(f"another run has held {handle.name} for {deadline:.0f} s") from held
                if not told:
                    report("another run is making this image; waiting for it")
                    told = True
                time.sleep(0.2)
        yield


def publish(directory: Path, build: Callable[[Path], None]) -> None:
    """Makes `directory` by `build(temporary directory)` and one rename: it appears whole or not at all.

    Call it under `exclusive`. What earlier, killed runs left half-made is removed first.
    """
    prefix = f".{directory.name}.part-"
    for leftover in directory.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover)
    temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=directory.parent))
    try:
        build(temporary)
        temporary.chmod(0o755)
        temporary.rename(directory)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
