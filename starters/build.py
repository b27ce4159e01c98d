"""`wdrip build`: the software package that machines install."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from starters.run import DONE, run

if TYPE_CHECKING:
    from wdrip.nodes.package import BuiltPackage


@click.command(name="build")
@click.option(
    "--version",
    "version",
    help="Kubernetes version, e.g. 1.20.2; without it the one that any machine can make.",
)
@click.option(
    "--upload", is_flag=True, help="Put it into the bucket, and into the bucket's index of packages."
)
@click.option(
    "--extract",
    type=(str, click.Path(path_type=Path, dir_okay=False)),
    metavar="PROGRAM FILE",
    help="Write one of its programs, e.g. kubectl, to FILE.",
)
def command(version: str | None, upload: bool, extract: tuple[str, Path] | None) -> int:
    """Make the software package that machines install, unless the cache has it; print the archive's path.

    Kubernetes comes from the official downloads where they can be reached, else it is built from the
    distribution's source; progress goes to stderr.
    """
    from wdrip.nodes.package import DEFAULT_VERSION, build_package
    from wdrip.nodes.package.extract import extract_program

    package = build_package(_cache(), version or DEFAULT_VERSION, _report)
    if extract:
        extract_program(package, *extract)
    if upload:
        _upload(package)
    print(package.archive)
    return DONE


def _upload(package: "BuiltPackage") -> None:
    from starters.log import log
    from starters.session import load_config, open_bucket
    from wdrip.nodes.package.publish import publish

    publish(package, open_bucket(load_config().provider()), log)


def _cache() -> Path:
    """Where packages are kept: WDRIP_CACHE, else `wdrip` in the XDG cache directory."""
    chosen = os.environ.get("WDRIP_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(chosen) if chosen else Path(base).expanduser() / "wdrip"


def _report(line: str) -> None:
    print(f"package: {line}", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip build")


if __name__ == "__main__":
    sys.exit(main())
