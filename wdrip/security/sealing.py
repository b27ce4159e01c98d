"""Sealed objects: what may lie in a bucket although it is secret.

An envelope: a random data key encrypts the content (AES-256-GCM), the master key encrypts the data key. The
master key is a file of the person's or the worker's own and never enters the bucket.
"""

import base64
import hashlib
import json
import os
from binascii import Error as Base64Error
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wdrip.errors import PermanentError
from wdrip.models.provider_config import Provider

_VERSION = 1
_KEY_BYTES = 32
# 96 bits, the size that AES-GCM is specified for; random, since every key seals one thing.
_NONCE_BYTES = 12


@dataclass(frozen=True, repr=False)
class MasterKey:
    """The key that wraps data keys. Its id, a hash, tells keys apart without telling anything of them."""

    key: bytes

    @property
    def id(self) -> str:
        """First 16 hex digits of the key's sha256."""
        return hashlib.sha256(self.key).hexdigest()[:16]


def load_key(provider: Provider) -> MasterKey:
    """The provider's master key. Raises as `key_from`."""
    return key_from(provider.encryption_key_file)


def key_from(path: Path) -> MasterKey:
    """The master key in a file, which is made (mode 0600) when there is none.

    Raises PermanentError when the file cannot be read or is not a key.
    """
    try:
        _create(path)
        text = path.read_text(encoding="ascii")
        key = base64.b64decode(text, validate=False)
    except (OSError, ValueError) as error:
        raise PermanentError(f"encryptionKeyFile: {path} cannot be read ({error}); restore it") from error
    if len(key) != _KEY_BYTES:
        raise PermanentError(
            f"encryptionKeyFile: {path} holds no key of {_KEY_BYTES} bytes in base64; restore it from a copy"
        )
    return MasterKey(key)


def seal(content: bytes, key: MasterKey, purpose: str) -> bytes:
    """The sealed form of `content`. `purpose` (its bucket key) is bound in: it opens only under the same."""
    data_key = AESGCM.generate_key(_KEY_BYTES * 8)
    bound = _bound(key.id, purpose)
    return json.dumps(
        {
            "version": _VERSION,
            "keyId": key.id,
            "dataKey": _encrypt(key.key, data_key, bound),
            "content": _encrypt(data_key, content, bound),
        }
    ).encode()


def unseal(sealed: bytes, key: MasterKey, purpose: str) -> bytes:
    """What was sealed.

    Raises PermanentError when it was sealed with another key, for another purpose, or is damaged.
    """
    try:
        envelope = json.loads(sealed)
        version, key_id = envelope["version"], envelope["keyId"]
        data_key, content = (
            base64.b64decode(envelope[part], validate=True) for part in ("dataKey", "content")
        )
    except (ValueError, KeyError, TypeError, Base64Error) as error:
        raise PermanentError(f"{purpose} is damaged: not a sealed object") from error
    if version != _VERSION:
        raise PermanentError(f"{purpose} was sealed by a newer wdrip (format {version}); use that one")
    if key_id != key.id:
        raise PermanentError(
            f"{purpose} was sealed with another key (id {key_id}, this one is {key.id}); "
            "set encryptionKeyFile to the key file that was in use when the cluster was created"
        )
    bound = _bound(key.id, purpose)
    try:
        return _decrypt(_decrypt(key.key, data_key, bound), content, bound)
    except InvalidTag as error:
        raise PermanentError(f"{purpose} is damaged, or is not the object that was sealed there") from error


def _bound(key_id: str, purpose: str) -> bytes:
    return f"wdrip/{_VERSION}/{key_id}/{purpose}".encode()


def _encrypt(key: bytes, content: bytes, bound: bytes) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, content, bound)).decode()


def _decrypt(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound)


def _create(path: Path) -> None:
    """Make the key file unless it is there; of two makers at once, one wins and both read its key."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(base64.b64encode(os.urandom(_KEY_BYTES)).decode() + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    try:
        # A link fails when the name is taken, where a rename would replace the other's key.
        os.link(own, path)
    except FileExistsError:
        return
    finally:
        own.unlink()
