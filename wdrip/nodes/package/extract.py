"""Takes single programs out of a package, e.g. kubectl for the person's own machine."""

import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import IO, cast

from wdrip.errors import InvalidInput, PermanentError
from wdrip.nodes.package.build import BuiltPackage


def extract_program(built: BuiltPackage, program: str, target: Path) -> None:
    """Writes a program of the package to `target`, executable; a running older one keeps its own file.

    Raises InvalidInput when the package has no such program, PermanentError when `target` cannot be written.
    """
    there = [path.path for path in built.manifest.files if path.path.startswith("bin/")]
    wanted = f"bin/{program}"
    if wanted not in there:
        names = ", ".join(path.removeprefix("bin/") for path in there)
        raise InvalidInput("--extract", f"the package holds no program {program}", f"choose one of {names}")
    try:
        with (
            tarfile.open(built.archive, "r:gz") as archive,
            tempfile.TemporaryDirectory(dir=target.parent) as folder,
        ):
            # Members stand sorted, programs first: reading on to the end would be wasted.
            member = next(member for member in archive if member.name == wanted)
            part = Path(folder) / program
            with cast("IO[bytes]", archive.extractfile(member)) as content, part.open("wb") as output:
                shutil.copyfileobj(content, output)
            part.chmod(0o755)
            part.rename(target)
    except OSError as problem:
        raise PermanentError(f"cannot write {target}: {problem}") from problem
