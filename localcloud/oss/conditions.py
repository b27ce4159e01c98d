"""Conditional and partial reads: If-Match and its kin, Range."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from localcloud.oss.errors import OssError, precondition_failed
from localcloud.oss.models import StoredObject
from localcloud.oss.request import OssRequest

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def check_conditions(request: OssRequest, stored: StoredObject, prefix: str = "") -> None:
    """Raises PreconditionFailed (412), or NotModified (304). `prefix`: `x-oss-copy-source-` for copies."""
    wanted = request.header(f"{prefix}if-match")
    if wanted and not _names(wanted, stored):
        raise precondition_failed("If-Match")
    unchanged_since = _date(request.header(f"{prefix}if-unmodified-since"))
    if unchanged_since and _seconds(stored) > unchanged_since:
        raise precondition_failed("If-Unmodified-Since")
    unwanted = request.header(f"{prefix}if-none-match")
    if unwanted and _names(unwanted, stored):
        raise _not_modified()
    changed_since = _date(request.header(f"{prefix}if-modified-since"))
    if changed_since and _seconds(stored) <= changed_since:
        raise _not_modified()


@dataclass(frozen=True)
class Slice:
    """The bytes to send: `length` of them from `start`; `partial` when that is an answer to Range."""

    start: int
    length: int
    partial: bool


def requested_slice(request: OssRequest, size: int) -> Slice:
    """What Range asks for.

    As documented, a range that does not lie within the object gives the whole object, unless the request
    says `x-oss-range-behavior: standard`: then it is cut to the object, or InvalidRange (416).
    """
    whole = Slice(0, size, partial=False)
    matched = _RANGE.fullmatch(request.header("range"))
    if matched is None or matched.group(1, 2) == ("", ""):
        return whole
    first, last = matched.group(1, 2)
    start = int(first) if first else size - int(last)
    end = int(last) if first and last else size - 1
    within = 0 <= start <= end < size
    if not within and request.header("x-oss-range-behavior") == "standard":
        start, end = max(start, 0), min(end, size - 1)
        if start > end:
            raise OssError(
                416,
                "InvalidRange",
                "The requested range cannot be satisfied.",
                details={"ActualObjectSize": str(size), "RangeRequested": request.header("range")},
            )
        within = True
    return Slice(start, end - start + 1, partial=True) if within else whole


def _names(header: str, stored: StoredObject) -> bool:
    return header == "*" or header.strip('"').upper() == stored.etag


def _date(header: str) -> datetime | None:
    if not header:
        return None
    try:
        parsed = parsedate_to_datetime(header)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _seconds(stored: StoredObject) -> datetime:
    # HTTP dates have no fractions.
    return stored.modified.replace(microsecond=0)


def _not_modified() -> OssError:
    return OssError(304, "NotModified", "The object was not modified.")
