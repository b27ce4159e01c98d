"""What is done on a machine, as text for Cloud Assistant's RunCommand.

A `NodeOperation` is a bash script with its parameters. `launch` wraps it in a launcher that starts the script
as the systemd unit `wdrip-<name>`, or finds the run of it that is under way, waits a while and reports. So a
lost reply, a restarted worker or a RunCommand cut short never runs anything twice at the same time: send the
same command again.
"""

import base64
import hashlib
import ipaddress
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

NO_SUCH_MEMBER = 67
"""Exit code: etcd has no such member, or it is not of the kind that the step needs; the output says which."""

MEMBER_DATA_LOST = 68
"""Exit code: the member has run before, but this machine has not its data; remove it and add it anew."""

INTERRUPTED = 71
"""Exit code (EX_OSERR): the script was ended from outside (power, out of memory); launch it again."""

NOT_IN_TIME = 76
"""Exit code: something did not become healthy before its deadline; the output says what and shows its log."""

MAX_COMMAND_BYTES = 24 * 1024
"""Limit of a RunCommand's content after base64 (Cloud Assistant's RunCommand reference)."""

_END_OF_SCRIPT = "END_OF_WDRIP_SCRIPT"
_UNITS = ("containerd", "kubelet", "etcd")

ETCD_CA_FILE = "/etc/kubernetes/pki/etcd/ca.crt"
ETCD_CLIENT_CERTIFICATE_FILE = "/etc/kubernetes/pki/apiserver-etcd-client.crt"
ETCD_CLIENT_KEY_FILE = "/etc/kubernetes/pki/apiserver-etcd-client.key"
"""Where `receive_secrets` leaves what the API server needs to reach etcd."""

BOOTSTRAP_TOKEN_FILE = "etc/wdrip/bootstrap-token"  # noqa: S105 - a path, not a secret
"""Member of a master's secrets archive: the kubeadm token, one line. It never stands in a command."""

BACKUP_KEY_FILE = "etc/wdrip/backup.key"
"""Member of a master's secrets archive: what its backups are encrypted with when the cluster wants that."""

BOOTSTRAP_CERTIFICATE_FILE = "etc/wdrip/bootstrap.crt"
BOOTSTRAP_KEY_FILE = "etc/wdrip/bootstrap.key"
"""Members of the secrets archive: what a machine that joins shows the API server. A token would expire with
the cluster's first day, and could be used by anyone."""

BOOTSTRAP_GROUP = "system:bootstrappers:kubeadm:default-node-token"
"""The organization in that certificate: kubeadm lets this group ask for a kubelet's certificate."""

DISCOVERY_FILE = "/run/wdrip/discovery.conf"
"""Where a machine keeps, while it joins, the kubeconfig that kubeadm joins with."""

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
    BACKUP_KEY_FILE,
    BOOTSTRAP_TOKEN_FILE,
    BOOTSTRAP_CERTIFICATE_FILE,
    BOOTSTRAP_KEY_FILE,
)
"""Members of a master's secrets archive (tar, regular files, paths relative to `/`)."""

WORKER_SECRET_FILES = ("etc/kubernetes/pki/ca.crt", BOOTSTRAP_CERTIFICATE_FILE, BOOTSTRAP_KEY_FILE)
"""Members of a worker's secrets archive."""


@dataclass(frozen=True)
class NodeOperation:
    """One idempotent piece of work on a machine."""

    name: str
    """Lower-case words with hyphens; the systemd unit is `wdrip-<name>`."""
    script: str
    """The whole bash script."""
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
    if wait_seconds <= 0:
        raise ValueError(f"wait_seconds must be positive, not {wait_seconds}")
    settings = _assignments(
        {
            "NAME": operation.name,
            "DIGEST": operation.digest,
            "WAIT": str(wait_seconds),
            "KEEPS_SUCCESS": "yes" if operation.keeps_success else "no",
        }
    )
    private = "".join(
        f"    printf '%s\\n' {shlex.quote(content)} >\"$private/{name}\"\n"
        for name, content in operation.private.items()
    )
    content = "".join(
        (
            "#!/bin/bash\n",
            settings,
            _body("launcher"),
            f"\nwrite_private() {{\n    :\n{private}}}\n",
            f"\nwrite_script() {{\n    cat <<'{_END_OF_SCRIPT}'\n{operation.script}{_END_OF_SCRIPT}\n}}\n",
            "\nmain\n",
        )
    )
    size = len(base64.b64encode(content.encode()))
    if size > MAX_COMMAND_BYTES:
        raise ValueError(
            f"{operation.name}: {size} bytes are more than RunCommand takes ({MAX_COMMAND_BYTES})"
        )
    return content


def certificate_in(output: str) -> str:
    """The PEM certificate in the output of `prepare_identity`. Raises ValueError when there is none."""
    match = re.search(r"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----", output)
    if match is None:
        raise ValueError("the machine printed no certificate")
    return match[0] + "\n"


def prepare_identity(machine_name: str) -> NodeOperation:
    """Make the machine's RSA key and self-signed certificate once; print the certificate (PEM)."""
    return render("prepare-identity", {"MACHINE_NAME": machine_name})


def install_package(
    url: str, sha256: str, version: str, image_repository: str, *, control_plane: bool = True
) -> NodeOperation:
    """Fetch the software package, verify, install it, start containerd, import the container images: all, or
    without those of the control plane, which are most of the package.

    url: pre-signed GET URL, read by curl from a file, with resume; sha256: hex, of the package file; version:
    Kubernetes version for the log, e.g. `v1.20.2`; image_repository: the prefix under which kubeadm will ask
    for images. Fails with PACKAGE_CORRUPTED or DOWNLOAD_FAILED.
    """
    return render(
        "install-package",
        {
            "SHA256": sha256,
            "VERSION": version,
            "IMAGE_REPOSITORY": image_repository,
            "CONTROL_PLANE": "yes" if control_plane else "",
            "PREPARE_HOST": _text("scripts", "prepare-host.sh"),
            **{f"{unit.upper()}_UNIT": _text("units", f"{unit}.service") for unit in _UNITS},
        },
        parts=("fetch", "capabilities"),
        url=url,
    )


def receive_secrets(url: str, digest: str) -> NodeOperation:
    """Fetch a CMS EnvelopedData (DER) made to this machine's certificate, decrypt it, put the files in place.

    url: pre-signed GET URL; digest: sha256 hex of the tar archive inside, which authenticates it. The archive
    has MASTER_SECRET_FILES or WORKER_SECRET_FILES; other paths are refused. Files become root's, mode 0600.
    Fails with SECRETS_CORRUPTED or DOWNLOAD_FAILED.
    """
    return render("receive-secrets", {"SHA256": digest}, parts=("fetch",), url=url)


def set_endpoint_address(endpoint_name: str, address: str) -> NodeOperation:
    """Resolve the API server's name to `address` in /etc/hosts: a master's own address, a worker's VIP."""
    return render(
        "set-endpoint-address", {"ENDPOINT_NAME": endpoint_name, "ADDRESS": address}, parts=("endpoint",)
    )


def start_first_etcd(member_name: str, ip: str, cluster_token: str) -> NodeOperation:
    """Start etcd as a cluster of one (clients `https://<ip>:2379`, peers `https://<ip>:2380`) until healthy.

    Needs `install_package` and `receive_secrets`. Fails with NOT_IN_TIME and etcd's log.
    """
    return render(
        "start-first-etcd",
        {"MEMBER_NAME": member_name, "IP": ip, "CLUSTER_TOKEN": cluster_token},
        parts=("etcd",),
    )


def init_control_plane(kubeadm_yaml: str, node_name: str) -> NodeOperation:
    """Make this machine the first control plane node: `kubeadm init` until the API server is healthy.

    kubeadm_yaml: `wdrip.nodes.kubeadm.init_config`, without token (merged on the machine). CoreDNS is left
    out, and said so, when the package has no image of it. Prints a line `kube-proxy: asked …, actual …`.
    """
    return render(
        "init-control-plane", {"KUBEADM_YAML": kubeadm_yaml, "NODE_NAME": node_name}, parts=("kubeadm",)
    )


def join_control_plane(
    kubeadm_yaml: str, node_name: str, endpoint_name: str, endpoint_address: str, ip: str
) -> NodeOperation:
    """Make this machine one more control plane node, until its own API server is ready.

    kubeadm_yaml: `wdrip.nodes.kubeadm.join_config`. Its etcd member must run and have a vote. The API
    server's name resolves to `endpoint_address` (the load balancer, or a master that serves) while joining,
    to its own `ip` afterwards. Needs `receive_secrets` within the last BOOTSTRAP_LIFETIME. Fails with
    NOT_IN_TIME.
    """
    return _join("join-control-plane", kubeadm_yaml, node_name, endpoint_name, endpoint_address, ip)


def join_worker(
    kubeadm_yaml: str, node_name: str, endpoint_name: str, endpoint_address: str
) -> NodeOperation:
    """Make this machine a worker, which reaches the API server at `endpoint_address` (the load balancer).

    kubeadm_yaml: `wdrip.nodes.kubeadm.join_config`. Needs `receive_secrets` within the last
    BOOTSTRAP_LIFETIME.
    """
    return _join("join-worker", kubeadm_yaml, node_name, endpoint_name, endpoint_address, "")


POD_NETWORK_SECONDS = 300
"""For a Node's range, once it is registered: the controller manager gives it within seconds of its start."""


def configure_pod_network(
    node_name: str, pod_cidr: str, node_mask: int | None = None, deadline_seconds: int = POD_NETWORK_SECONDS
) -> NodeOperation:
    """Start the service that keeps this node's pod network as the cluster's Nodes say, until it has done so.

    It writes the bridge CNI configuration from the Node's own podCIDR and keeps a VXLAN way to every other
    node's pods. pod_cidr: the cluster's range. node_mask: prefix length of one node's range; given for the
    first node, which then need not wait for the controller manager: while it is the only node it takes the
    first range. deadline_seconds: 0 does not wait, on a machine that has yet to join. Fails with NOT_IN_TIME.
    """
    first = ""
    if node_mask is not None:
        first = str(next(ipaddress.ip_network(pod_cidr).subnets(new_prefix=node_mask)))
    return render(
        "configure-pod-network",
        {
            "NODE_NAME": node_name,
            "POD_CIDR": pod_cidr,
            "FIRST_RANGE": first,
            "SECONDS": str(deadline_seconds),
            "PROGRAM": "#!/bin/bash\n" + _without_comments(_body("pod-network")),
            "UNIT": _text("units", "pod-network.service"),
        },
    )


def wait_node_ready(node_name: str, deadline_seconds: int) -> NodeOperation:
    """Wait until the Node is Ready; on NOT_IN_TIME the output has its conditions and the kubelet's log."""
    return render(
        "wait-node-ready", {"NODE_NAME": node_name, "DEADLINE": str(deadline_seconds)}, keeps_success=False
    )


def list_nodes() -> NodeOperation:
    """Print the names of all Nodes, on a master; `names_in` reads them."""
    return render("list-nodes", {}, keeps_success=False)


def names_in(output: str) -> tuple[str, ...]:
    """The Nodes' names in the output of `list_nodes`."""
    return tuple(re.findall(r"^wdrip-node (\S+)$", output, re.MULTILINE))


def collect_diagnostics() -> NodeOperation:
    """Print the ends of the logs of kubelet, containerd, etcd and static pods, with every unit's state."""
    return render("collect-diagnostics", {}, keeps_success=False)


def restart_services() -> NodeOperation:
    """Restart containerd and kubelet, and start etcd where it has stopped; containers live on.

    Fails with NOT_IN_TIME.
    """
    return render("restart-services", {}, keeps_success=False)


def leave_cluster() -> NodeOperation:
    """Stop and disable kubelet, etcd and all containers, and remove every key: for a machine that is to go.

    Its etcd member has to be removed before. Nothing on the machine comes back by a restart.
    """
    return render("leave-cluster", {}, parts=("containers",), keeps_success=False)


def wipe_machine() -> NodeOperation:
    """Undo everything but the machine's identity and the installed software, for a new attempt."""
    return render("wipe-machine", {}, parts=("containers",), keeps_success=False)


def _join(
    name: str, kubeadm_yaml: str, node_name: str, endpoint_name: str, endpoint_address: str, ip: str
) -> NodeOperation:
    return render(
        name,
        {
            "KUBEADM_YAML": kubeadm_yaml,
            "NODE_NAME": node_name,
            "ENDPOINT_NAME": endpoint_name,
            "ENDPOINT_ADDRESS": endpoint_address,
            "IP": ip,
            "DISCOVERY_FILE": DISCOVERY_FILE,
        },
        script="join-cluster",
        parts=("endpoint", "kubeadm"),
    )


def render(
    name: str,
    parameters: Mapping[str, str],
    *,
    script: str | None = None,
    parts: Sequence[str] = (),
    url: str | None = None,
    private: Mapping[str, str] = MappingProxyType({}),
    keeps_success: bool = True,
) -> NodeOperation:
    """The operation `name` of scripts/<script or name>.sh, with shared `parts` and WDRIP_* parameters.

    url: becomes the private file `url`, as curl's configuration, beside those of `private`.
    """
    bodies = "".join(_without_comments(_body(part)) for part in ("common", *parts, script or name))
    return NodeOperation(
        name=name,
        script=f"#!/bin/bash\n{_assignments(parameters)}{bodies}",
        private=MappingProxyType({**private, **({} if url is None else {"url": curl_config(url)})}),
        keeps_success=keeps_success,
    )


def _assignments(parameters: Mapping[str, str]) -> str:
    return "".join(f"WDRIP_{name}={shlex.quote(value)}\n" for name, value in parameters.items())


def curl_config(url: str) -> str:
    """A file for `curl --config` with a pre-signed URL. Raises ValueError when it could end its quotes."""
    if re.search(r"""[\s"\\]""", url):
        raise ValueError("a URL has no white space, quote or backslash")
    return f'url = "{url}"'


def _body(script: str) -> str:
    """A script without its first line, which only the whole has."""
    return _text("scripts", f"{script}.sh").split("\n", 1)[1]


def _without_comments(script: str) -> str:
    """Whole-line comments stay at home: RunCommand's content is small."""
    return re.sub(r"(?m)^\s*#.*\n", "", script)


def _text(folder: str, name: str) -> str:
    return resources.files("wdrip.nodes").joinpath(folder, name).read_text(encoding="utf-8")
