"""Which bucket and object names OSS accepts (OSS API reference, naming conventions)."""

from __future__ import annotations

import re

from localcloud.oss.errors import OssError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_MAX_KEY_BYTES = 1023


def check_bucket_name(name: str) -> None:
    """3 to 63 lower-case letters, digits and inner hyphens. Raises InvalidBucketName (400)."""
    if _BUCKET.fullmatch(name) is None:
        raise OssError(
            400,
            "InvalidBucketName",
            "The specified bucket is not valid.",
            ec="0015-00000001",
            details={"BucketName": name},
        )


def check_key(key: str) -> None:
    """1 to 1023 bytes of UTF-8, not starting with a slash or backslash. Raises InvalidObjectName (400)."""
    if len(key.encode()) > _MAX_KEY_BYTES or key.startswith(("/", "\\")):
        raise OssError(
            400, "InvalidObjectName", "The specified object is not valid.", details={"ObjectName": key}
        )
