"""Makes the machine image with mmdebstrap."""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from localcloud.images.debian import archive_entries, require_program
from localcloud.images.recipe import Recipe, machine_recipe
from localcloud.images.store import ImageError, exclusive, image_directory, publish

Report = Callable[[str], None]
Bootstrap = Callable[[Recipe, Path, Report], None]
"""Fills an absent directory with the recipe's packages."""

_BOOTSTRAP_DEADLINE = 1800
"""Seconds; it took 33 s with two idle cores and a near archive mirror, two minutes on a busy host."""

_UNNEEDED = ("usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*", "usr/share/info/*")


def prepare(
    cache: Path, report: Report, recipe: Recipe | None = None, bootstrap: Bootstrap | None = None
) -> Path:
    """The image's root file system, made now unless the cache has it. Raises ImageError when that fails."""
    recipe = recipe or machine_recipe()
    directory = image_directory(cache, recipe)
    if directory.is_dir():
        return directory / "rootfs"
    with exclusive(directory, report):
        if not directory.is_dir():
            report("making the machine image; this takes one to three minutes, once")
            started = time.monotonic()
            publish(directory, lambda temporary: _build(recipe, temporary, report, bootstrap or _mmdebstrap))
            report(f"machine image made in {time.monotonic() - started:.0f} s")
    return directory / "rootfs"


def _build(recipe: Recipe, temporary: Path, report: Report, bootstrap: Bootstrap) -> None:
    target = temporary / "rootfs"
    bootstrap(recipe, target, report)
    customise(target, recipe)
    (temporary / "packages.txt").write_text("\n".join(recipe.packages) + "\n")


def customise(root: Path, recipe: Recipe) -> None:
    """Puts the recipe's files and unit choices into a root file system."""
    for path in recipe.removed:
        (root / path).unlink(missing_ok=True)
    for file in recipe.files:
        target = root / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        # A link would be followed, possibly out of the image.
        target.unlink(missing_ok=True)
        target.write_text(file.content)
        target.chmod(file.mode)
    units = root / "etc/systemd/system"
    for unit in recipe.masked_units:
        _link(units / unit, "/dev/null")
    for unit in recipe.enabled_units:
        for wanted_by in _wanted_by(units / unit):
            _link(units / f"{wanted_by}.wants" / unit, f"/etc/systemd/system/{unit}")


def _wanted_by(unit: Path) -> list[str]:
    lines = unit.read_text().splitlines()
    return [line.removeprefix("WantedBy=") for line in lines if line.startswith("WantedBy=")]


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _mmdebstrap(recipe: Recipe, target: Path, report: Report) -> None:
    if os.geteuid() != 0:
        raise ImageError("the machine image holds files of several users: make it as root")
    require_program("mmdebstrap", "mmdebstrap", report)
    with tempfile.NamedTemporaryFile("w", suffix=".list") as sources:
        sources.write("\n".join(archive_entries(recipe.codename)) + "\n")
        sources.flush()
        command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"]
        command += [f"--include={','.join(recipe.packages)}", '--aptopt=Acquire::Languages "none"']
        command += [f"--dpkgopt=path-exclude={pattern}" for pattern in _UNNEEDED]
        # The image names no archive: it stays usable where this host's mirror is not.
        command += ['--customize-hook=rm -rf "$1"/etc/apt/sources.list.d/* "$1"/etc/apt/sources.list']
        _run_reporting([*command, recipe.codename, str(target), sources.name], report)


def _run_reporting(command: list[str], report: Report) -> None:
    """Runs mmdebstrap, passing its own stage lines (`I: …`) on; its last words become the error."""
    last: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        if process.stderr is None:
            raise ImageError("mmdebstrap has no output")
        timer = threading.Timer(_BOOTSTRAP_DEADLINE, process.terminate)
        timer.start()
        try:
            for line in process.stderr:
                text = line.rstrip()
                last = [*last[-7:], text]
                if text.startswith("I: "):
                    report(text.removeprefix("I: "))
        except BaseException:
            process.terminate()
            raise
        finally:
            timer.cancel()
    if process.returncode != 0:
        tail = "\n".join(last)
        raise ImageError(f"mmdebstrap failed with exit code {process.returncode}:\n{tail}")
