"""kubeadm's configuration file, in the API version that the Kubernetes version reads.

Pure rendering. No token stands in it: the machine adds the bootstrap token from its secrets
(`operations.init_control_plane`). What depends on the machine itself (cgroup driver and the like) is not in
it either: the machine gives that to its kubelet as flags.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import yaml

from wdrip.errors import InvalidInput
from wdrip.models.node_pool import Taint
from wdrip.nodes.operations import (
    DISCOVERY_FILE,
    ETCD_CA_FILE,
    ETCD_CLIENT_CERTIFICATE_FILE,
    ETCD_CLIENT_KEY_FILE,
)

API_PORT = 6443
"""Port of the API server, on the machines and on the load balancer."""

LOCAL_ETCD = "https://127.0.0.1:2379"
"""Every API server uses the etcd member of its own machine, so that no change of the members touches it."""

MAX_PODS = 110
"""The kubelet's own default of pods per node; a node with a smaller pod range gets fewer."""

ADDRESSES_NOT_FOR_PODS = 3
"""Of a node's pod range: the network's, the bridge's and the broadcast address."""

_V1BETA2, _V1BETA3, _V1BETA4 = (f"kubeadm.k8s.io/v1beta{n}" for n in (2, 3, 4))
_OLDEST_MINOR = 15
_FIRST_MINOR_OF_V1BETA3 = 22
_FIRST_MINOR_OF_V1BETA4 = 31
_CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
# kube-proxy's own defaults; the machine writes 0 ("leave the kernel's") where it may not set them.
_CONNTRACK = {"maxPerCore": 32768, "min": 131072}

_KUBELETS_OWN_LABEL_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")
_KUBELETS_OWN_LABELS = frozenset(
    {
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)

_SURELY_TEXT = re.compile(r"[A-Za-z/][A-Za-z0-9./:_-]+")

_Document = dict[str, Any]


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
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Labels that the Node is registered with; of Kubernetes' own only those that `kubelet_may_set`."""
    taints: tuple[Taint, ...] | None = None
    """Taints that the Node is registered with; None leaves kubeadm's own: the control plane's, or none."""


@dataclass(frozen=True)
class KubeadmInput:
    """Everything that decides the first control plane node's configuration."""

    cluster_name: str
    kubernetes_version: str
    """Version of the package, e.g. `v1.20.2`."""
    endpoint_name: str
    """Host name of the API server inside the cluster."""
    sans: tuple[str, ...]
    """Further names and addresses for the API server's certificate: those asked for, both endpoints."""
    pod_cidr: str
    service_cidr: str
    """Both without host bits, e.g. `172.16.0.0/16`."""
    dns_domain: str
    node_mask: int
    """Prefix length of the pod range of one node (`network.netMask`), e.g. 25."""
    proxy_mode: str
    """`ipvs` or `iptables`, as asked."""
    image_repository: str
    node: NodeIdentity


@dataclass(frozen=True)
class JoinInput:
    """Everything that decides the configuration of a node that joins."""

    kubernetes_version: str
    node: NodeIdentity
    control_plane: bool


def api_version(kubernetes_version: str) -> str:
    """`kubeadm.k8s.io/v1beta2` (1.15–1.21), `v1beta3` (1.22–1.30) or `v1beta4` (from 1.31).

    The versions in which kubeadm first reads each, from the kubeadm configuration reference. Raises
    InvalidInput for anything older or unreadable.
    """
    minor = _minor(kubernetes_version)
    if minor >= _FIRST_MINOR_OF_V1BETA4:
        return _V1BETA4
    return _V1BETA3 if minor >= _FIRST_MINOR_OF_V1BETA3 else _V1BETA2


def init_config(given: KubeadmInput) -> str:
    """YAML documents InitConfiguration, ClusterConfiguration, KubeletConfiguration, KubeProxyConfiguration.

    Raises InvalidInput when the version is unknown.
    """
    version = api_version(given.kubernetes_version)
    return _documents(
        _init(given, version), _cluster(given, version), _kubelet(given.node_mask), _kube_proxy(given)
    )


def join_config(given: JoinInput) -> str:
    """YAML document JoinConfiguration. Raises InvalidInput when the version is unknown, or a label is not the
    kubelet's to set.

    How the API server is found and trusted is in DISCOVERY_FILE, which the machine makes of its secrets.
    """
    version = api_version(given.kubernetes_version)
    document: _Document = {
        "apiVersion": version,
        "kind": "JoinConfiguration",
        "discovery": {"file": {"kubeConfigPath": DISCOVERY_FILE}},
        "nodeRegistration": _registration(given.node, version),
    }
    if given.control_plane:
        document["controlPlane"] = {
            "localAPIEndpoint": {"advertiseAddress": given.node.ip, "bindPort": API_PORT}
        }
    return _documents(document)


def _minor(kubernetes_version: str) -> int:
    match = re.fullmatch(r"v?1\.(\d+)(\.\d+.*)?", kubernetes_version)
    if match is None or int(match[1]) < _OLDEST_MINOR:
        raise InvalidInput(
            "kubernetes.version",
            f"no kubeadm configuration is known for {kubernetes_version!r}",
            f"ask for 1.{_OLDEST_MINOR} or newer",
        )
    return int(match[1])


def _init(given: KubeadmInput, version: str) -> _Document:
    return {
        "apiVersion": version,
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": given.node.ip, "bindPort": API_PORT},
        "nodeRegistration": _registration(given.node, version),
    }


def _cluster(given: KubeadmInput, version: str) -> _Document:
    return {
        "apiVersion": version,
        "kind": "ClusterConfiguration",
        "clusterName": given.cluster_name,
        "kubernetesVersion": given.kubernetes_version,
        "controlPlaneEndpoint": f"{given.endpoint_name}:{API_PORT}",
        "imageRepository": given.image_repository,
        "networking": {
            "podSubnet": given.pod_cidr,
            "serviceSubnet": given.service_cidr,
            "dnsDomain": given.dns_domain,
        },
        "etcd": {
            "external": {
                "endpoints": [LOCAL_ETCD],
                "caFile": ETCD_CA_FILE,
                "certFile": ETCD_CLIENT_CERTIFICATE_FILE,
                "keyFile": ETCD_CLIENT_KEY_FILE,
            }
        },
        "apiServer": {"certSANs": _unique((*given.sans, given.endpoint_name, given.node.ip))},
        "controllerManager": {
            "extraArgs": _arguments({"node-cidr-mask-size": str(given.node_mask)}, version)
        },
    }


def _kubelet(node_mask: int) -> _Document:
    addresses = ipaddress.ip_network(f"0.0.0.0/{node_mask}").num_addresses
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "maxPods": max(1, min(MAX_PODS, addresses - ADDRESSES_NOT_FOR_PODS)),
        # A new node is Ready at the first look that finds its pod network. Without a change nothing is sent
        # until it is time to report. (Defaults: 10 s and 5 min; the second follows the first if that is set.)
        "nodeStatusUpdateFrequency": "3s",
        "nodeStatusReportFrequency": "5m",
    }


def _kube_proxy(given: KubeadmInput) -> _Document:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": given.proxy_mode,
        "clusterCIDR": given.pod_cidr,
        "conntrack": dict(_CONNTRACK),
    }


def kubelet_may_set(label: str) -> bool:
    """Whether a kubelet may give its own Node a label of this key.

    Of the names below kubernetes.io and k8s.io only some, from the kubelet's flag reference
    (`--node-labels`); with any other the kubelet would not start.
    """
    prefix, _, _ = label.rpartition("/")
    reserved = any(
        prefix == domain or prefix.endswith(f".{domain}") for domain in ("kubernetes.io", "k8s.io")
    )
    own = any(prefix == domain or prefix.endswith(f".{domain}") for domain in _KUBELETS_OWN_LABEL_DOMAINS)
    return not reserved or own or label in _KUBELETS_OWN_LABELS


def _registration(node: NodeIdentity, version: str) -> _Document:
    arguments = {"node-ip": node.ip, "provider-id": node.provider_id, **node.kubelet_arguments}
    if node.labels:
        for label in node.labels:
            if not kubelet_may_set(label):
                raise InvalidInput(
                    f"labels[{label}]", "a kubelet may not set this label itself", "use a prefix of your own"
                )
        arguments["node-labels"] = ",".join(f"{key}={value}" for key, value in node.labels.items())
    # Before 1.22 kubeadm looks for a path; later versions ask for a URL.
    scheme = "" if version == _V1BETA2 else "unix://"
    registration: _Document = {
        "name": node.name,
        "criSocket": f"{scheme}{_CONTAINERD_SOCKET}",
        "kubeletExtraArgs": _arguments(arguments, version),
    }
    if node.taints is not None:
        registration["taints"] = [taint.model_dump() for taint in node.taints]
    return registration


def _arguments(arguments: Mapping[str, str], version: str) -> dict[str, str] | list[dict[str, str]]:
    """v1beta4 turned every map of extra arguments into a list, so that one can be given twice."""
    if version == _V1BETA4:
        return [{"name": name, "value": value} for name, value in arguments.items()]
    return dict(arguments)


def _unique(names: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name))


class _Dumper(yaml.SafeDumper):
    """Quotes what kubeadm's YAML reader could take for something else than text, such as `y` or `1e3`."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if _SURELY_TEXT.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def _documents(*documents: _Document) -> str:
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, explicit_start=True)
