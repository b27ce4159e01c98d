"""What runs that were killed have left on this host: each tells how to remove it, the next run does so.

Servers, clouds and machines outlive the process that started them, and no `finally` runs after SIGKILL. So
whoever starts one keeps a file locked, with the command that removes it, until it has removed it itself. A
file that nobody locks is of a run that died.
"""

import fcntl
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

FOLDER = Path(tempfile.gettempdir()) / f"wdrip-runs-{os.getuid()}"
_REMOVAL_SECONDS = 300
_NOT_FOUND = 127
"""How `env` says that there is no such program (POSIX)."""
_ROOT = Path(__file__).parents[1]


@contextmanager
def told(*removal: object, folder: Path = FOLDER) -> Iterator[None]:
    """Whoever finds this process dead before the block ends runs the command `removal`, which must bear that
    there is nothing to remove."""
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / uuid4().hex
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump([str(each) for each in removal], file)
        file.flush()
        yield
        # Not in a `finally`: what could not be removed is the next run's.
        path.unlink()


def remove_abandoned(folder: Path = FOLDER) -> list[str]:
    """Remove what runs that died have left; the commands that did it. A command that fails raises
    CalledProcessError and will be tried again by the next run."""
    done = []
    for path in sorted(folder.glob("*")):
        # A run that ends right now removes its own; one whose checkout is gone cannot be helped from here.
        with suppress(FileNotFoundError, BlockingIOError), path.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            removal = file.read()
            # Empty: locked and written in the next moment, or killed in that moment and nothing started.
            if removal:
                ended = subprocess.run(json.loads(removal), cwd=_ROOT, check=False, timeout=_REMOVAL_SECONDS)
                if ended.returncode == _NOT_FOUND:
                    continue
                ended.check_returncode()
                path.unlink()
                done.append(removal)
    return done
