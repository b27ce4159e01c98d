"""The signed parts of an HTTP request as they came over the wire, and the encoding that signatures use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote


@dataclass(frozen=True)
class WireRequest:
    """method; path as sent; query and form as decoded pairs in the order sent; headers by lower-case name."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first value of a header, stripped; empty when absent."""
        values = self.headers.get(name.lower(), ())
        return values[0].strip() if values else ""


def percent_encode(text: str) -> str:
    """Percent-encode UTF-8, leaving only letters, digits and `-_.~`."""
    return quote(text, safe="-_.~")


def canonical_query(pairs: list[tuple[str, str]]) -> str:
    """`key=value` joined by `&`, both encoded, sorted by raw key (and value) in code-point order."""
    return "&".join(f"{percent_encode(key)}={percent_encode(value)}" for key, value in sorted(pairs))
