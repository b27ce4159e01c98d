"""What is done on a machine, as text for Cloud Assistant's RunCommand.

A `NodeOperation` is a bash script with its parameters. `launch` wraps it in a launcher that starts the script
as the systemd unit `wdrip-<name>`, or finds the run of it that is under way, waits a while and reports. So a
lost reply, a restarted worker or a RunCommand cut short never runs anything twice at the same time: send the
same command again.
"""

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType

STILL_RUNNING = 75
"""Exit code (EX_TEMPFAIL of sysexits.h): the operation goes on; launch it again to see its end."""

PACKAGE_CORRUPTED = 65
"""Exit code (EX_DATAERR): the package in the bucket does not have the sha256 of the index."""

SECRETS_CORRUPTED = 66
"""Exit code: the secrets could not be decrypted with this machine's key, or are not those that were sent."""

DOWNLOAD_FAILED = 69
"""Exit code (EX_UNAVAILABLE): a pre-signed URL could not be read; worth another try with a new URL."""

INTERRUPTED = 71
"""Exit code (EX_OSERR): the script was ended from outside (power, out of memory); launch it again."""

NOT_IN_TIME = 76
"""Exit code: something did not become healthy before its deadline; the output says what and shows its log."""

MAX_SCRIPT_BYTES = 16 * 1024
"""Limit of an operation's script, so that the command with its launcher stays within Cloud Assistant's."""

MAX_COMMAND_BYTES = 24 * 1024
"""Limit of a RunCommand's content after base64 (Cloud Assistant's RunCommand reference)."""

CERTIFICATE_BEGIN = "-----BEGIN CERTIFICATE-----"
CERTIFICATE_END = "-----END CERTIFICATE-----"

ETCD_CA_FILE = "/etc/kubernetes/pki/etcd/ca.crt"
ETCD_CLIENT_CERTIFICATE_FILE = "/etc/kubernetes/pki/apiserver-etcd-client.crt"
ETCD_CLIENT_KEY_FILE = "/etc/kubernetes/pki/apiserver-etcd-client.key"
"""Where `receive_secrets` leaves what the API server needs to reach etcd."""

BOOTSTRAP_TOKEN_FILE = "etc/wdrip/bootstrap-token"  # noqa: S105 - a path, not a secret
"""Member of the secrets archive: the kubeadm token, one line. It never stands in a command."""

MASTER_SECRET_FILES = (
    "etc/kubernetes/pki/ca.crt",
    "etc/kubernetes/pki/ca.key",
    "etc/kubernetes/pki/front-proxy-ca.crt",
    "etc/kubernetes/pki/front-proxy-ca.key",
    "etc/kubernetes/pki/sa.pub",
    "etc/kubernetes/pki/sa.key",
    "etc/kubernetes/pki/apiserver-etcd-client.crt",
    "etc/kubernetes/pki/apiserver-etcd-client.key",
    "etc/etcd/pki/ca.crt",
    "etc/etcd/pki/server.crt",
    "etc/etcd/pki/server.key",
    "etc/etcd/pki/peer.crt",
    "etc/etcd/pki/peer.key",
    BOOTSTRAP_TOKEN_FILE,
)
"""Members of a master's secrets archive (tar, regular files, paths relative to `/`)."""

WORKER_SECRET_FILES = ("etc/kubernetes/pki/ca.crt", BOOTSTRAP_TOKEN_FILE)
"""Members of a worker's secrets archive."""


@dataclass(frozen=True)
class NodeOperation:
    """One idempotent piece of work on a machine."""

    name: str
    """Lower-case words with hyphens; the systemd unit is `wdrip-<name>`."""
    script: str
    """The whole bash script, at most MAX_SCRIPT_BYTES of UTF-8."""
    private: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """File name -> content of what differs from one launch to the next (a pre-signed URL). Written 0600 under
    /run, outside the digest: a command renewed with a fresh URL is still the same operation."""
    keeps_success: bool = True
    """Whether a success with the same digest answers later launches. False for looks, which run anew."""

    @property
    def digest(self) -> str:
        """sha256 (hex) of the script: two launches with one digest are one operation."""
        return hashlib.sha256(self.script.encode()).hexdigest()


def launch(operation: NodeOperation, wait_seconds: int) -> str:
    """The RunCommand content that starts `operation`, or attaches to its run, and waits up to `wait_seconds`.

    Exit code: the script's own, STILL_RUNNING, or INTERRUPTED. Output: at most 16 KB, the end of the log.
    A success is kept and answers every later launch of the same digest at once; a failure is told once, and
    the launch after that tries again. A run of the same operation with another digest is waited for first.
    Raises ValueError when the content would be over MAX_COMMAND_BYTES or `wait_seconds` is not positive.
    """
    raise NotImplementedError


def prepare_identity(machine_name: str) -> NodeOperation:
    """Make the machine's RSA key and self-signed certificate once; print the certificate (PEM)."""
    raise NotImplementedError


def certificate_in(output: str) -> str:
    """The PEM certificate in the output of `prepare_identity`. Raises ValueError when there is none."""
    raise NotImplementedError


def install_package(url: str, sha256: str, version: str, image_repository: str) -> NodeOperation:
    """Fetch the software package, verify, install it, start containerd, import the container images.

    url: pre-signed GET URL, read by curl from a file, with resume; sha256: hex, of the package file; version:
    Kubernetes version for the log, e.g. `v1.20.2`; image_repository: the prefix under which kubeadm will ask
    for images. Fails with PACKAGE_CORRUPTED or DOWNLOAD_FAILED.
    """
    raise NotImplementedError


def receive_secrets(url: str, digest: str) -> NodeOperation:
    """Fetch a CMS EnvelopedData (DER) made to this machine's certificate, decrypt it, put the files in place.

    url: pre-signed GET URL; digest: sha256 hex of the tar archive inside, which authenticates it. The archive
    has MASTER_SECRET_FILES or WORKER_SECRET_FILES; other paths are refused. Files become root's, mode 0600.
    Fails with SECRETS_CORRUPTED or DOWNLOAD_FAILED.
    """
    raise NotImplementedError


def set_endpoint_address(endpoint_name: str, address: str) -> NodeOperation:
    """Resolve the API server's name to `address` in /etc/hosts: a master's own address, a worker's VIP."""
    raise NotImplementedError


def start_first_etcd(member_name: str, ip: str, cluster_token: str) -> NodeOperation:
    """Start etcd as a cluster of one (clients `https://<ip>:2379`, peers `https://<ip>:2380`) until healthy.

    Needs `install_package` and `receive_secrets`. Fails with NOT_IN_TIME and etcd's log.
    """
    raise NotImplementedError


def join_etcd(member_name: str, ip: str, cluster_token: str, endpoints: Sequence[str]) -> NodeOperation:
    """Add this machine to the etcd cluster at `endpoints` (client URLs) as a learner, start it, promote it.

    Promotion waits until the learner has caught up. Safe to repeat at any point. Fails with NOT_IN_TIME.
    """
    raise NotImplementedError


def init_control_plane(kubeadm_yaml: str, node_name: str) -> NodeOperation:
    """Make this machine the first control plane node: `kubeadm init` until the API server is healthy.

    kubeadm_yaml: `wdrip.nodes.kubeadm.init_config`, without token (merged on the machine). CoreDNS is left
    out, and said so, when the package has no image of it. Prints lines `kube-proxy: asked …, actual …`.
    """
    raise NotImplementedError


def join_control_plane(kubeadm_yaml: str, node_name: str) -> NodeOperation:
    """Make this machine one more control plane node; its etcd member must be there (`join_etcd`)."""
    raise NotImplementedError


def join_worker(kubeadm_yaml: str, node_name: str) -> NodeOperation:
    """Make this machine a worker of the cluster (kubeadm_yaml: `wdrip.nodes.kubeadm.join_config`)."""
    raise NotImplementedError


def configure_pod_network(node_name: str, pod_cidr: str) -> NodeOperation:
    """Write the bridge CNI configuration from the Node's own podCIDR; `pod_cidr` is the cluster's range."""
    raise NotImplementedError


def wait_node_ready(node_name: str, deadline_seconds: int) -> NodeOperation:
    """Wait until the Node is Ready; on NOT_IN_TIME the output has its conditions and the kubelet's log."""
    raise NotImplementedError


def collect_diagnostics() -> NodeOperation:
    """Print the ends of the logs of kubelet, containerd, etcd and static pods, with every unit's state."""
    raise NotImplementedError


def wipe_machine() -> NodeOperation:
    """Undo everything but the machine's identity and the installed software, for a new attempt."""
    raise NotImplementedError
