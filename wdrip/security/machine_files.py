"""The files that a machine gets from the cluster's secrets, as one archive."""

import io
import tarfile
from collections.abc import Mapping

from wdrip.nodes.operations import (
    BACKUP_KEY_FILE,
    BOOTSTRAP_CERTIFICATE_FILE,
    BOOTSTRAP_GROUP,
    BOOTSTRAP_KEY_FILE,
    BOOTSTRAP_TOKEN_FILE,
    MASTER_SECRET_FILES,
    WORKER_SECRET_FILES,
)
from wdrip.security import pki
from wdrip.security.bundle import SecretsBundle


def master_archive(bundle: SecretsBundle, node_name: str, private_ip: str) -> bytes:
    """Tar of MASTER_SECRET_FILES for one master.

    etcd's certificates are issued here, for this machine alone: the key of etcd's authority stays in the
    bundle. kubeadm needs the other authorities' keys on the machine.
    """
    hosts = (private_ip, "127.0.0.1", "localhost", node_name)
    lifetime = pki.ETCD_LIFETIME
    server = pki.issue_server_and_client(bundle.etcd_ca, node_name, hosts, lifetime)
    peer = pki.issue_server_and_client(bundle.etcd_ca, node_name, hosts, lifetime)
    client = pki.issue_client(bundle.etcd_ca, "kube-apiserver-etcd-client", ("system:masters",), lifetime)
    files = {
        "etc/kubernetes/pki/ca.crt": bundle.cluster_ca.certificate,
        "etc/kubernetes/pki/ca.key": bundle.cluster_ca.key,
        "etc/kubernetes/pki/front-proxy-ca.crt": bundle.front_proxy_ca.certificate,
        "etc/kubernetes/pki/front-proxy-ca.key": bundle.front_proxy_ca.key,
        "etc/kubernetes/pki/sa.pub": pki.public_pem(bundle.service_account_key),
        "etc/kubernetes/pki/sa.key": bundle.service_account_key,
        "etc/kubernetes/pki/apiserver-etcd-client.crt": client.certificate,
        "etc/kubernetes/pki/apiserver-etcd-client.key": client.key,
        "etc/etcd/pki/ca.crt": bundle.etcd_ca.certificate,
        "etc/etcd/pki/server.crt": server.certificate,
        "etc/etcd/pki/server.key": server.key,
        "etc/etcd/pki/peer.crt": peer.certificate,
        "etc/etcd/pki/peer.key": peer.key,
        BACKUP_KEY_FILE: bundle.backup_key + "\n",
        BOOTSTRAP_TOKEN_FILE: bundle.kubeadm_token + "\n",
        **_bootstrap_certificate(bundle),
    }
    return _archive({name: files[name] for name in MASTER_SECRET_FILES})


def worker_archive(bundle: SecretsBundle) -> bytes:
    """Tar of WORKER_SECRET_FILES: enough to join, nothing that signs."""
    files = {
        "etc/kubernetes/pki/ca.crt": bundle.cluster_ca.certificate,
        **_bootstrap_certificate(bundle),
    }
    return _archive({name: files[name] for name in WORKER_SECRET_FILES})


def _bootstrap_certificate(bundle: SecretsBundle) -> dict[str, str]:
    pair = pki.issue_client(bundle.cluster_ca, "wdrip:bootstrap", (BOOTSTRAP_GROUP,), pki.BOOTSTRAP_LIFETIME)
    return {BOOTSTRAP_CERTIFICATE_FILE: pair.certificate, BOOTSTRAP_KEY_FILE: pair.key}


def _archive(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in files.items():
            content = text.encode()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
