"""What a program asks of the machine's C library."""

import mmap
import re
from collections.abc import Iterable
from pathlib import Path

_SYMBOL_VERSION = re.compile(rb"GLIBC_(\d+)\.(\d+)\b")


def minimum_glibc(programs: Iterable[Path]) -> str | None:
    """The oldest glibc, e.g. `2.34`, that has every symbol version the programs name; None when none does.

    Symbol versions stand as plain strings in a dynamically linked ELF file.
    """
    found: set[tuple[int, int]] = set()
    for program in programs:
        if program.stat().st_size == 0:
            continue
        with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found |= {(int(match[1]), int(match[2])) for match in _SYMBOL_VERSION.finditer(content)}
    if not found:
        return None
    major, minor = max(found)
    return f"{major}.{minor}"
