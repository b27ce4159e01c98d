"""kubeadm's configuration file, in the API version that the Kubernetes version reads.

Pure rendering. No token stands in it: the machine adds the bootstrap token from its secrets
(`operations.init_control_plane`). What depends on the machine itself (cgroup driver and the like) is not in it
either: the machine gives that to its kubelet as flags.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

API_PORT = 6443
"""Port of the API server, on the machines and on the load balancer."""


@dataclass(frozen=True)
class NodeIdentity:
    """How one machine enters the cluster."""

    name: str
    """Node name, e.g. `192.168.0.77.i-bp12a2wcmbrd4383cai3`."""
    ip: str
    """Its private IPv4 address."""
    provider_id: str
    """E.g. `cn-hangzhou.i-bp12a2wcmbrd4383cai3`."""
    kubelet_arguments: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """More kubelet flags, without the leading hyphens; they win over the derived ones."""


@dataclass(frozen=True)
class KubeadmInput:
    """Everything that decides the first control plane node's configuration."""

    cluster_name: str
    kubernetes_version: str
    """Version of the package, e.g. `v1.20.2`."""
    endpoint_name: str
    """Host name of the API server inside the cluster."""
    sans: tuple[str, ...]
    """Further names and addresses of the API server's certificate: asked ones, private and public endpoint."""
    pod_cidr: str
    service_cidr: str
    """Both without host bits, e.g. `172.16.0.0/16`."""
    dns_domain: str
    node_mask: int
    """Prefix length of the pod range of one node (`network.netMask`), e.g. 25."""
    proxy_mode: str
    """`ipvs` or `iptables`, as asked."""
    image_repository: str
    etcd_endpoints: tuple[str, ...]
    """Client URLs, e.g. `https://192.168.0.77:2379`."""
    node: NodeIdentity


@dataclass(frozen=True)
class JoinInput:
    """Everything that decides the configuration of a node that joins."""

    kubernetes_version: str
    endpoint_name: str
    ca_certificate_hash: str
    """`sha256:<hex>` of the cluster CA's public key (`kubeadm join --discovery-token-ca-cert-hash`)."""
    node: NodeIdentity
    control_plane: bool


def api_version(kubernetes_version: str) -> str:
    """`kubeadm.k8s.io/v1beta2` (1.15–1.21), `v1beta3` (1.22–1.30) or `v1beta4` (from 1.31).

    The versions in which kubeadm first reads each, from the kubeadm configuration reference. Raises
    InvalidInput for anything older or unreadable.
    """
    raise NotImplementedError


def init_config(given: KubeadmInput) -> str:
    """YAML documents InitConfiguration, ClusterConfiguration, KubeletConfiguration, KubeProxyConfiguration.

    Raises InvalidInput when the version is unknown.
    """
    raise NotImplementedError


def join_config(given: JoinInput) -> str:
    """YAML document JoinConfiguration. Raises InvalidInput when the version is unknown."""
    raise NotImplementedError
