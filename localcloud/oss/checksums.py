"""MD5 and CRC-64 of a stream.

CRC-64 is computed by crcmod's C extension; without it the checksum header is left out, as pure Python is
hundreds of times slower than a disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from oss2.crc64_combine import mkCombineFun

try:
    import crcmod
    from crcmod import _crcfunext  # noqa: F401
except ImportError:
    crcmod = None

# CRC-64/XZ (ECMA-182), reflected, as the OSS reference names it.
_POLYNOMIAL = 0x142F0E1EBA9EA3693
_ONES = 0xFFFFFFFFFFFFFFFF
_combine = mkCombineFun(_POLYNOMIAL, 0, True, _ONES)


def joined_crc64(pieces: Iterable[tuple[str, int]]) -> str:
    """CRC-64 (decimal) of pieces one after the other, from each one's CRC-64 and size in bytes; empty when
    one is not known."""
    whole = 0
    for crc64, size in pieces:
        if not crc64:
            return ""
        whole = _combine(whole, int(crc64), size)
    return str(whole)


class Checksums:
    """Fed with the bytes in order."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc: Any = None
        if crcmod is not None:
            self._crc = crcmod.Crc(_POLYNOMIAL, initCrc=0, rev=True, xorOut=_ONES)
        self.size = 0

    def update(self, chunk: bytes) -> None:
        """Add the next bytes."""
        self._md5.update(chunk)
        if self._crc is not None:
            self._crc.update(chunk)
        self.size += len(chunk)

    @property
    def md5(self) -> bytes:
        """The MD5 digest."""
        return self._md5.digest()

    @property
    def crc64(self) -> str:
        """The CRC-64 in decimal, empty without the C extension."""
        return "" if self._crc is None else str(self._crc.crcValue)
