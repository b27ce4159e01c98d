"""Stand-ins for the programs of Temporal's admin image: they note each call and answer as they are told."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy" / "temporal"


class FakeProgram:
    """A shell script under a program's name, first on the PATH of the scripts that `run` starts."""

    def __init__(self, folder: Path, name: str, body: str) -> None:
        """`body` is shell; the call's arguments are in `$@`, and `$state` is a folder to keep things in."""
        self._calls = folder / f"{name}.calls"
        self._folder = folder
        script = folder / name
        script.write_text(f'#!/bin/sh\nstate={folder}\necho "$*" >>{self._calls}\n{body}\n', encoding="utf-8")
        script.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """The arguments of each call so far, joined by blanks."""
        return self._calls.read_text(encoding="utf-8").splitlines() if self._calls.exists() else []


def run(script: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script of deploy/temporal with the fakes of `folder` before the system's programs."""
    return subprocess.run(
        ["/bin/sh", str(DEPLOY / script)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={"PATH": f"{folder}:{os.environ['PATH']}", **environment},
    )
