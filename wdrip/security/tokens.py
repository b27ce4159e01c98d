"""kubeadm bootstrap tokens."""

import secrets
import string

_ALPHABET = string.ascii_lowercase + string.digits


def new_token() -> str:
    """A fresh token `[a-z0-9]{6}.[a-z0-9]{16}`: the first part names it, the second is the secret."""
    return f"{_letters(6)}.{_letters(16)}"


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))
