"""What a pool's spec may not say although its schema lets it through."""

import re
from dataclasses import dataclass

from wdrip.models.node_pool import KEY_PATTERN, NodePoolSpec

REFUSED_ARGUMENTS = {
    "bootstrap-kubeconfig": "the kubelet's unit",
    "kubeconfig": "the kubelet's unit",
    "config": "the kubelet's unit",
    "cert-dir": "kubeadm",
    "client-ca-file": "kubeadm",
    "rotate-certificates": "kubeadm",
    "container-runtime": "kubeadm",
    "container-runtime-endpoint": "kubeadm",
    "image-service-endpoint": "kubeadm",
    "pod-infra-container-image": "kubeadm",
    "network-plugin": "kubeadm",
    "cni-bin-dir": "kubeadm",
    "cni-conf-dir": "kubeadm",
    "cluster-dns": "kubeadm",
    "cluster-domain": "kubeadm",
    "authentication-token-webhook": "kubeadm",
    "authorization-mode": "kubeadm",
    "anonymous-auth": "kubeadm",
    "read-only-port": "kubeadm",
    "tls-cert-file": "kubeadm",
    "tls-private-key-file": "kubeadm",
    "hostname-override": "wdrip, from the machine",
    "node-ip": "wdrip, from the machine",
    "provider-id": "wdrip, from the machine",
    "cgroup-driver": "wdrip, from what the machine allows",
    "cgroups-per-qos": "wdrip, from what the machine allows",
    "enforce-node-allocatable": "wdrip, from what the machine allows",
    "fail-swap-on": "wdrip, from what the machine allows",
    "node-labels": "wdrip, from spec.labels",
    "register-with-taints": "wdrip, from spec.taints",
    "register-node": "wdrip",
    "root-dir": "wdrip",
    "port": "wdrip",
    "healthz-port": "wdrip",
}
"""Flag of the kubelet (without hyphens) to what sets it."""

_ARGUMENT = re.compile(r"[a-z][a-z0-9-]{0,62}")

_OWN_PREFIX = "wdrip/"

_KUBELETS_OWN = ("kubelet.kubernetes.io", "node.kubernetes.io")
"""Label domains of Kubernetes in which a kubelet may name labels of its own (NodeRestriction)."""

_MOST_TAG_KEY = 128
_CLOUDS_PREFIXES = ("aliyun", "acs:")
"""Tag keys may not begin so, nor hold a URL (ECS, TagResources)."""


@dataclass(frozen=True)
class SpecProblem:
    """One thing wrong, in the three words of InvalidInput."""

    field: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}; {self.remedy}"


def spec_problems(spec: NodePoolSpec, cluster_zones: tuple[str, ...]) -> tuple[SpecProblem, ...]:
    """Everything wrong with a spec, in the order of its fields. cluster_zones: those that have a vSwitch."""
    return (
        *_zones(spec, cluster_zones),
        *_tags(spec),
        *_labels(spec),
        *_taints(spec),
        *_arguments(spec),
        *_bounds(spec),
    )


def _zones(spec: NodePoolSpec, cluster_zones: tuple[str, ...]) -> list[SpecProblem]:
    remedy = f"choose of {', '.join(cluster_zones)}, or add the zone to the cluster's configuration"
    return [
        SpecProblem("spec.infra.zones", f"the cluster has no vSwitch in {zone}", remedy)
        for zone in spec.infra.zones
        if zone not in cluster_zones
    ]


def _tags(spec: NodePoolSpec) -> list[SpecProblem]:
    problems = []
    for key, value in spec.infra.tags.items():
        if key.startswith(_OWN_PREFIX):
            problem = f"{key} is one of wdrip's own"
        elif not key or len(key) > _MOST_TAG_KEY:
            problem = f"a key has {len(key)} characters; 1 to {_MOST_TAG_KEY} are possible"
        elif key.lower().startswith(_CLOUDS_PREFIXES):
            problem = f"{key} begins with a word that Alibaba Cloud keeps for itself"
        elif any(scheme in text for text in (key, value) for scheme in ("http://", "https://")):
            problem = f"{key} holds a URL, which Alibaba Cloud does not take"
        else:
            continue
        problems.append(SpecProblem("spec.infra.tags", problem, "choose another key or value"))
    return problems


def _labels(spec: NodePoolSpec) -> list[SpecProblem]:
    problems = []
    for key in spec.labels:
        domain = key.partition("/")[0] if "/" in key else ""
        if not re.fullmatch(KEY_PATTERN, key):
            problem = f"{key!r} is not a label"
        elif domain == "wdrip":
            problem = f"{key} is one of wdrip's own"
        elif _belongs_to_kubernetes(domain):
            problem = f"a kubelet may not give its Node the label {key}"
        else:
            continue
        problems.append(SpecProblem("spec.labels", problem, "choose one such as example.com/tier"))
    return problems


def _belongs_to_kubernetes(domain: str) -> bool:
    """Whether NodeRestriction keeps a label domain from kubelets: one with another's label does not start."""
    if any(domain == own or domain.endswith(f".{own}") for own in _KUBELETS_OWN):
        return False
    return any(domain == whole or domain.endswith(f".{whole}") for whole in ("kubernetes.io", "k8s.io"))


def _taints(spec: NodePoolSpec) -> list[SpecProblem]:
    pairs = [(taint.key, taint.effect) for taint in spec.taints]
    return [
        SpecProblem("spec.taints", f"{key} stands there twice with {effect}", "keep one of them")
        for key, effect in sorted({pair for pair in pairs if pairs.count(pair) > 1})
    ]


def _arguments(spec: NodePoolSpec) -> list[SpecProblem]:
    problems = []
    for name in spec.kubelet_arguments:
        if name in REFUSED_ARGUMENTS:
            problem, remedy = f"{name} is set by {REFUSED_ARGUMENTS[name]}", "leave it out"
        elif not _ARGUMENT.fullmatch(name):
            problem = f"{name!r} is not a flag"
            remedy = "write its name in small letters without the leading hyphens, such as max-pods"
        else:
            continue
        problems.append(SpecProblem("spec.kubeletArguments", problem, remedy))
    return problems


def _bounds(spec: NodePoolSpec) -> list[SpecProblem]:
    bounds = spec.autoscaling
    if bounds is None or bounds.min <= bounds.max:
        return []
    return [
        SpecProblem(
            "spec.autoscaling", f"min {bounds.min} is above max {bounds.max}", "raise max or lower min"
        )
    ]
