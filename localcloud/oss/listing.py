"""One page of a bucket's listing: objects and common prefixes in order."""

from __future__ import annotations

from dataclasses import dataclass, field

from localcloud.oss.models import StoredObject
from localcloud.oss.storage import ObjectStorage


@dataclass
class Page:
    """objects and prefixes of the page; `next_after` continues it and is empty when it is the last."""

    objects: list[StoredObject] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next_after: str = ""

    @property
    def count(self) -> int:
        """Entries on the page."""
        return len(self.objects) + len(self.prefixes)


def list_page(
    storage: ObjectStorage, bucket: str, *, prefix: str, delimiter: str, after: str, limit: int
) -> Page:
    """Entries behind `after`; keys that share the part up to the next `delimiter` become one prefix."""
    page = Page()
    if limit == 0:
        return page
    below = first_after_prefix(prefix)
    start = after + "\0" if after.encode() >= prefix.encode() and after else prefix
    last = ""
    while True:
        jump = None
        for stored in storage.scan(bucket, start, below):
            common = _common_prefix(stored.key, prefix, delimiter)
            if common and common.encode() <= after.encode():
                jump = common
                break
            if page.count == limit:
                page.next_after = last
                return page
            last = common or stored.key
            if common:
                page.prefixes.append(common)
                jump = common
                break
            page.objects.append(stored)
        following = first_after_prefix(jump) if jump else None
        if following is None:
            return page
        start = following


def first_after_prefix(prefix: str) -> str | None:
    """The smallest text, by UTF-8 bytes, above all that starts with `prefix`; None when there is none."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            # Surrogates are no characters: the one after U+D7FF is U+E000.
            return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
        prefix = prefix[:-1]
    return None


def _common_prefix(key: str, prefix: str, delimiter: str) -> str:
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: end + len(delimiter)] if end >= 0 else ""
