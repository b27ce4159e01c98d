"""Identifiers of resources, shaped as the real ones of cn-hangzhou, e.g. `vpc-bp1` + 17 letters or digits."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_lowercase + string.digits
_RANDOM_LENGTH = 17


def new_id(prefix: str) -> str:
    """A fresh identifier, e.g. `i-bp12a2wcmbrd4383cai3d` for the prefix `i`."""
    return f"{prefix}-bp1" + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
