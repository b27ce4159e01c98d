"""One OSS request: which bucket and key it speaks of, its query and headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

# `<bucket>.<one of these>` is virtual-host style; a bare one, or any other host, is path style.
_DOMAIN = re.compile(
    r"(?:(?P<bucket>[^.]+)\.)?(?:oss-[a-z]+-[a-z0-9-]+?(?:-internal)?\.aliyuncs\.com|localhost)(?::\d+)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class OssRequest:
    """bucket and key: decoded, empty when the request is for the service or the bucket itself.

    query: decoded pairs in the order sent. headers: by lower-case name.
    """

    method: str
    host: str
    bucket: str
    key: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]

    @property
    def params(self) -> dict[str, str]:
        """The query by name."""
        return dict(self.query)

    def header(self, name: str) -> str:
        """A header's value as sent; empty when absent."""
        return self.headers.get(name.lower(), "")

    @property
    def resource(self) -> str:
        """`/bucket/key`, `/bucket/` or `/`: what signatures are made over, whatever the URL's style."""
        return f"/{self.bucket}/{self.key}" if self.bucket else "/"


def parse_request(method: str, target: str, headers: Mapping[str, str]) -> OssRequest:
    """Read a request line's target (path and query, as sent) and headers. Raises ValueError on bad UTF-8."""
    path, _, query = target.partition("?")
    lowered = {name.lower(): value for name, value in headers.items()}
    host = lowered.get("host", "")
    bucket, key = _address(host, path)
    return OssRequest(
        method=method,
        host=host,
        bucket=unquote(bucket, errors="strict"),
        key=unquote(key, errors="strict"),
        query=tuple(parse_qsl(query, keep_blank_values=True, errors="strict")),
        headers=lowered,
    )


def _address(host: str, path: str) -> tuple[str, str]:
    matched = _DOMAIN.fullmatch(host)
    if matched and matched["bucket"]:
        return matched["bucket"], path.removeprefix("/")
    # Split before decoding: an encoded slash belongs to the key.
    bucket, _, key = path.removeprefix("/").partition("/")
    return bucket, key
