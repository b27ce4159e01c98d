"""The bytes of objects and parts: files that are complete and on disk before anything refers to them."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from localcloud.oss.checksums import Checksums

_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Blob:
    """A stored file: its name, size in bytes, MD5 and CRC-64 (decimal, may be empty)."""

    name: str
    size: int
    md5: bytes
    crc64: str


class Blobs:
    """A directory of blobs. A kill may leave a file that nothing refers to, never half a file that is."""

    def __init__(self, directory: Path) -> None:
        self._complete = directory / "blobs"
        self._incoming = directory / "incoming"
        for each in (self._complete, self._incoming):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def write(self, chunks: AsyncIterator[bytes], *, after: Iterable[str] = ()) -> Blob:
        """Store a stream, `after` the contents of other blobs, in constant memory.

        An exception from the stream leaves nothing behind and is raised on.
        """
        name = uuid.uuid4().hex
        path = self._incoming / name
        try:
            with path.open("xb") as file:
                sums = await asyncio.to_thread(self._copy, list(after), file)
                async for chunk in chunks:
                    await asyncio.to_thread(_append, file, sums, chunk)
                await asyncio.to_thread(self._settle, file, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Blob(name, sums.size, sums.md5, sums.crc64)

    def open(self, names: Iterable[str]) -> list[BinaryIO]:
        """The files for reading; they stay readable when the blobs are removed meanwhile."""
        return [(self._complete / name).open("rb") for name in names]

    def remove(self, names: Iterable[str]) -> None:
        """Remove blobs that nothing refers to any more."""
        for name in names:
            (self._complete / name).unlink(missing_ok=True)

    def remove_all_but(self, names: set[str]) -> None:
        """Clear what a kill left behind: unfinished files, and blobs outside `names`."""
        for path in self._incoming.iterdir():
            path.unlink()
        for path in self._complete.iterdir():
            if path.name not in names:
                path.unlink()

    def _copy(self, names: list[str], target: BinaryIO) -> Checksums:
        sums = Checksums()
        for file in self.open(names):
            with file:
                while chunk := file.read(_CHUNK):
                    _append(target, sums, chunk)
        return sums

    def _settle(self, file: BinaryIO, path: Path) -> None:
        file.flush()
        os.fsync(file.fileno())
        path.rename(self._complete / path.name)
        directory = os.open(self._complete, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


async def read(files: Iterable[BinaryIO], start: int, length: int) -> AsyncIterator[bytes]:
    """The bytes from `start`, `length` of them, of what the files are one after the other; closes them."""
    with ExitStack() as opened:
        for file in [opened.enter_context(each) for each in files]:
            size = os.fstat(file.fileno()).st_size
            file.seek(min(start, size))
            start -= min(start, size)
            while length > 0 and (chunk := await asyncio.to_thread(file.read, min(_CHUNK, length))):
                length -= len(chunk)
                yield chunk


async def nothing() -> AsyncIterator[bytes]:
    """An empty stream."""
    no_chunks: tuple[bytes, ...] = ()
    for chunk in no_chunks:
        yield chunk


def _append(file: BinaryIO, sums: Checksums, chunk: bytes) -> None:
    file.write(chunk)
    sums.update(chunk)
