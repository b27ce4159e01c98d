"""`python -m localcloud.images prepare`: makes the machine image unless the cache has it."""

import argparse
import sys
from pathlib import Path

from localcloud.images.prepare import prepare
from localcloud.images.store import ImageError, default_cache


def _tell(line: str) -> None:
    sys.stderr.write(f"image: {line}\n")
    sys.stderr.flush()


def main() -> int:
    """Prints progress on stderr and the root file system's path on stdout; 1 when it cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.images", description=__doc__)
    parser.add_argument("action", choices=["prepare"])
    parser.add_argument("--cache", type=Path, default=default_cache(), help="cache directory (%(default)s)")
    arguments = parser.parse_args()
    try:
        root = prepare(arguments.cache, _tell)
    except ImageError as problem:
        _tell(str(problem))
        return 1
    except OSError as problem:
        _tell(f"{problem}; check free space and permissions of {arguments.cache}")
        return 1
    sys.stdout.write(f"{root}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
