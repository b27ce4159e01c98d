"""A cluster's secrets: its identity, without which no backup of it can be brought back to life."""

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from typing import Self

from wdrip.errors import PermanentError
from wdrip.security import pki
from wdrip.security.pki import KeyPair


@dataclass(frozen=True, repr=False)
class SecretsBundle:
    """Authorities, service account key, bootstrap token. Lives sealed in the bucket, never in a payload."""

    cluster_ca: KeyPair
    front_proxy_ca: KeyPair
    etcd_ca: KeyPair
    service_account_key: str
    """PEM private key that signs service account tokens."""
    kubeadm_token: str
    """Bootstrap token with which machines join."""

    @property
    def backup_key(self) -> str:
        """The key that backups are encrypted with (64 hex digits), made of the key of etcd's authority, which
        no machine has: nothing leads back from the one to the other."""
        purpose = b"wdrip/backup-encryption/1"
        return hmac.new(self.etcd_ca.key.encode(), purpose, hashlib.sha256).hexdigest()

    @classmethod
    def new(cls, kubeadm_token: str) -> Self:
        """Fresh authorities and keys."""
        return cls(
            cluster_ca=pki.new_authority("kubernetes"),
            front_proxy_ca=pki.new_authority("front-proxy-ca"),
            etcd_ca=pki.new_authority("etcd-ca"),
            service_account_key=pki.private_pem(pki.new_private_key()),
            kubeadm_token=kubeadm_token,
        )

    def to_bytes(self) -> bytes:
        """Plain JSON, to be sealed at once."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The bundle that `to_bytes` wrote. Raises PermanentError when it is not one."""
        try:
            fields = json.loads(content)
            authorities = {
                name: KeyPair(**fields[name]) for name in ("cluster_ca", "front_proxy_ca", "etcd_ca")
            }
            return cls(**{**fields, **authorities})
        except (ValueError, KeyError, TypeError):
            # Not chained: the exception could quote the content.
            raise PermanentError("the cluster's secrets bundle is damaged") from None
