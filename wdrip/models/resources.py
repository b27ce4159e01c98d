"""The custom resources through which people state what they want with kubectl: MasterSet and NodePool.

Both are cluster-scoped: there is one control plane, and a pool's machines belong to no namespace. kubectl
accepts them with and without `-n kube-system`, as the guide writes it.
"""

from collections.abc import Mapping
from typing import Any

GROUP = "alibabacloud.com"
VERSION = "v1"
API_VERSION = f"{GROUP}/{VERSION}"

MASTER_SET_NAME = "masterset"
"""The one MasterSet of a cluster; another name means nothing."""

DEFAULT_NODE_POOL = "default-nodepool"

_Schema = dict[str, Any]


def master_set_definition() -> dict[str, Any]:
    """The CustomResourceDefinition of MasterSet, with status and scale."""
    spec: _Schema = {
        "type": "object",
        "description": "What the control plane shall be.",
        "required": ["replicas"],
        "properties": {
            "replicas": {
                "type": "integer",
                "format": "int32",
                "minimum": 1,
                "description": "Number of masters. Odd numbers up to 7 are advised: an even one bears no "
                "more failures than the odd one below it.",
            }
        },
    }
    return _definition(
        kind="MasterSet",
        plural="mastersets",
        short_names=["ms"],
        spec=spec,
        desired_path=".spec.replicas",
        columns=[("Desired", "integer", ".spec.replicas")],
    )


def node_pool_definition() -> dict[str, Any]:
    """The CustomResourceDefinition of NodePool, with status and scale."""
    text = {"type": "string"}
    infra: _Schema = {
        "type": "object",
        "description": "The machines of the pool.",
        "required": ["desiredCapacity"],
        "properties": {
            "desiredCapacity": {
                "type": "integer",
                "format": "int32",
                "minimum": 0,
                "description": "Number of machines.",
            },
            "cpu": {
                "type": "integer",
                "format": "int32",
                "minimum": 1,
                "description": "Virtual CPUs of each machine; with memory it chooses the instance type.",
            },
            "memory": {
                "type": "integer",
                "format": "int32",
                "minimum": 1,
                "description": "Memory of each machine, in GiB.",
            },
            "imageId": {**text, "description": "Image of the machines; the cluster's when empty."},
        },
    }
    spec: _Schema = {
        "type": "object",
        "description": "What the pool shall be.",
        "required": ["infra"],
        "properties": {
            "id": {**text, "description": "An identifier of the person's own; wdrip only keeps it."},
            "infra": infra,
        },
    }
    return _definition(
        kind="NodePool",
        plural="nodepools",
        short_names=["np"],
        spec=spec,
        desired_path=".spec.infra.desiredCapacity",
        columns=[
            ("Desired", "integer", ".spec.infra.desiredCapacity"),
            ("CPU", "integer", ".spec.infra.cpu"),
            ("Memory", "integer", ".spec.infra.memory"),
        ],
    )


def master_set(replicas: int = 1) -> dict[str, Any]:
    """The cluster's MasterSet."""
    return _object("MasterSet", MASTER_SET_NAME, {"replicas": replicas})


def default_node_pool() -> dict[str, Any]:
    """The pool that every cluster has from the start: empty, to be raised with kubectl."""
    return _object("NodePool", DEFAULT_NODE_POOL, {"infra": {"desiredCapacity": 0}})


def _object(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}


def _definition(
    kind: str,
    plural: str,
    short_names: list[str],
    spec: _Schema,
    desired_path: str,
    columns: list[tuple[str, str, str]],
) -> dict[str, Any]:
    status_columns = [
        ("Current", "integer", ".status.replicas"),
        ("Ready", "integer", ".status.readyReplicas"),
        ("Phase", "string", ".status.phase"),
        ("Message", "string", ".status.message"),
        ("Age", "date", ".metadata.creationTimestamp"),
    ]
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "required": ["spec"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": spec,
                    "status": _status(),
                },
            }
        },
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": desired_path, "statusReplicasPath": ".status.replicas"},
        },
        "additionalPrinterColumns": [
            {"name": name, "type": type_, "jsonPath": path}
            for name, type_, path in [*columns, *status_columns]
        ],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": short_names,
                "categories": ["wdrip"],
            },
            "versions": [version],
        },
    }


def _status() -> _Schema:
    text = {"type": "string"}
    condition: _Schema = {
        "type": "object",
        "required": ["type", "status"],
        "properties": {
            "type": text,
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": text,
            "message": text,
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "observedGeneration": {"type": "integer", "format": "int64"},
        },
    }
    return {
        "type": "object",
        "description": "What is, and why it is not yet what shall be.",
        "properties": {
            "observedGeneration": {"type": "integer", "format": "int64"},
            "replicas": {"type": "integer", "format": "int32", "description": "Machines there are."},
            "readyReplicas": {"type": "integer", "format": "int32", "description": "Machines that work."},
            "phase": text,
            "message": {**text, "description": "What is waited for, in words."},
            "conditions": {
                "type": "array",
                "items": condition,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        },
    }
