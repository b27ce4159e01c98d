"""The custom resources through which people state what they want with kubectl: MasterSet and NodePool.

Both are cluster-scoped: there is one control plane, and a pool's machines belong to no namespace. kubectl
accepts them with and without `-n kube-system`, as the guide writes it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wdrip.models import node_pool
from wdrip.models.cluster_config import DISK_TYPES

GROUP = "alibabacloud.com"
VERSION = "v1"
API_VERSION = f"{GROUP}/{VERSION}"

MASTER_SET_NAME = "masterset"
"""The one MasterSet of a cluster; its definition refuses every other name."""

DEFAULT_NODE_POOL = "default-nodepool"

POOL_FINALIZER = f"{GROUP}/machines"
"""Keeps a deleted NodePool until its machines are gone."""

POOL_FINALIZER = f"{GROUP}/machines"
"""Keeps a deleted NodePool until its machines are gone; set before the first of them is made."""

_Schema = dict[str, Any]
_EMPTY_TEXT: _Schema = {"type": "string", "nullable": True}
"""A text that may be empty. The API server of the software package (1.20.2, built with a newer Go than its
own release) takes an empty text for null when it validates, and refuses it where null is not allowed."""

_Column = tuple[str, str, str]
"""Title, type and path of a column of `kubectl get`."""


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
        status=_status(),
        desired_path=".spec.replicas",
        # A schema may restrict an object's name; nothing else of its metadata.
        only_name=MASTER_SET_NAME,
    )


def node_pool_definition() -> dict[str, Any]:
    """The CustomResourceDefinition of NodePool, with status and scale."""
    spec: _Schema = {
        "type": "object",
        "description": "What the pool shall be.",
        "required": ["infra"],
        "properties": {
            "id": _text(
                "An identifier of the person's own; wdrip only keeps it.", most=node_pool.IDENTIFIER_LENGTH
            ),
            "infra": _infrastructure(),
            "labels": {
                "type": "object",
                "description": "Labels of the pool's Nodes.",
                "maxProperties": node_pool.MOST_LABELS,
                "additionalProperties": {**_EMPTY_TEXT, "pattern": node_pool.LABEL_VALUE_PATTERN},
            },
            "taints": _taints(),
            "kubeletArguments": {
                "type": "object",
                "description": 'Flags of the kubelet without the leading hyphens, e.g. max-pods: "64". Those '
                "that wdrip sets itself are refused.",
                "maxProperties": node_pool.MOST_ARGUMENTS,
                "additionalProperties": {
                    **_EMPTY_TEXT,
                    "pattern": node_pool.ARGUMENT_VALUE_PATTERN,
                    "maxLength": node_pool.ARGUMENT_VALUE_LENGTH,
                },
            },
            "autoscaling": {
                "type": "object",
                "description": "Lets wdrip change desiredCapacity itself: up for pods that find no room, "
                "down for machines that are hardly used.",
                "required": ["min", "max"],
                "properties": {
                    "min": _count("The fewest machines."),
                    "max": _count("The most machines; not below min."),
                },
            },
            "drain": {
                "type": "object",
                "description": "How a machine is emptied before it goes.",
                "properties": {
                    "timeoutSeconds": _whole(
                        f"How long evictions are tried; {node_pool.DRAIN_SECONDS} when missing.",
                        1,
                        node_pool.LONGEST_DRAIN_SECONDS,
                    ),
                    "onTimeout": {
                        "type": "string",
                        "enum": list(node_pool.ON_TIMEOUT),
                        "description": "Stop (the default): the machine stays, and another try comes later. "
                        "Delete: it goes, with the pods that a PodDisruptionBudget still holds.",
                    },
                },
            },
        },
    }
    return _definition(
        kind="NodePool",
        plural="nodepools",
        short_names=["np"],
        spec=spec,
        status=_status(
            instanceType=_text("The instance type that cpu and memory chose."),
            blockingBudget=_text("namespace/name of the PodDisruptionBudget that holds a drain up."),
            autoscalingReason=_text("Why the autoscaler did last what it did, or why it does nothing."),
        ),
        desired_path=".spec.infra.desiredCapacity",
        columns=[("Type", "string", ".status.instanceType")],
        wide_columns=[
            ("CPU", "integer", ".spec.infra.cpu"),
            ("Memory", "integer", ".spec.infra.memory"),
            ("Min", "integer", ".spec.autoscaling.min"),
            ("Max", "integer", ".spec.autoscaling.max"),
            ("Blocked-By", "string", ".status.blockingBudget"),
            ("Autoscaling", "string", ".status.autoscalingReason"),
        ],
    )


def _infrastructure() -> _Schema:
    return {
        "type": "object",
        "description": "The machines of the pool.",
        "required": ["desiredCapacity"],
        "properties": {
            "desiredCapacity": _count("Number of machines."),
            "cpu": _whole(
                "Virtual CPUs of each machine; with memory it chooses the instance type.",
                1,
                node_pool.MOST_CPU,
            ),
            "memory": _whole("Memory of each machine, in GiB.", 1, node_pool.MOST_MEMORY),
            "instanceType": _text(
                "The instance type by name, e.g. ecs.c6.xlarge, in place of cpu and memory.",
                node_pool.INSTANCE_TYPE_PATTERN,
            ),
            "imageId": _text("Image of the machines; the cluster's when empty.", node_pool.IMAGE_PATTERN),
            "zones": {
                "type": "array",
                "description": "Zones to spread the machines over; all those of the cluster when empty.",
                "maxItems": node_pool.MOST_ZONES,
                "items": {"type": "string", "pattern": node_pool.ZONE_PATTERN},
            },
            "disk": {
                "type": "object",
                "description": "System disk; the cluster's when missing.",
                "required": ["size", "type"],
                "properties": {
                    "size": _text("Size in GiB, e.g. 40G; 20G to 2048G.", node_pool.DISK_SIZE_PATTERN),
                    "type": {
                        "type": "string",
                        "enum": list(DISK_TYPES),
                        "description": "Disk category, e.g. cloud_essd.",
                    },
                },
            },
            "tags": {
                "type": "object",
                "description": "Tags of the machines in the cloud, beside those of wdrip.",
                "maxProperties": node_pool.MOST_TAGS,
                "additionalProperties": {**_EMPTY_TEXT, "maxLength": node_pool.TAG_VALUE_LENGTH},
            },
        },
    }


def _taints() -> _Schema:
    return {
        "type": "array",
        "description": "Taints that the pool's Nodes are registered with.",
        "maxItems": node_pool.MOST_TAINTS,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["key", "effect"],
        "items": {
            "type": "object",
            "required": ["key", "effect"],
            "properties": {
                "key": {"type": "string", "pattern": node_pool.KEY_PATTERN},
                "value": {**_EMPTY_TEXT, "pattern": node_pool.LABEL_VALUE_PATTERN},
                "effect": {"type": "string", "enum": list(node_pool.EFFECTS)},
            },
        },
    }


def _text(description: str, pattern: str | None = None, most: int | None = None) -> _Schema:
    """A text; it may be empty where the pattern allows it, or there is none."""
    limits = {"pattern": pattern, "maxLength": most}
    may_be_empty = pattern is None or re.fullmatch(pattern, "") is not None
    return {
        **(_EMPTY_TEXT if may_be_empty else {"type": "string"}),
        "description": description,
        **{name: limit for name, limit in limits.items() if limit is not None},
    }


def _whole(description: str, least: int, most: int) -> _Schema:
    return {
        "type": "integer",
        "format": "int32",
        "minimum": least,
        "maximum": most,
        "description": description,
    }


def _count(description: str) -> _Schema:
    return _whole(description, 0, node_pool.MOST_MACHINES)


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
    status: _Schema,
    desired_path: str,
    columns: Sequence[_Column] = (),
    wide_columns: Sequence[_Column] = (),
    only_name: str | None = None,
) -> dict[str, Any]:
    metadata: _Schema = {"type": "object"}
    if only_name is not None:
        metadata["properties"] = {"name": {"type": "string", "pattern": f"^{only_name}$"}}
    all_columns = (
        ("Desired", "integer", desired_path),
        ("Current", "integer", ".status.replicas"),
        ("Ready", "integer", ".status.readyReplicas"),
        ("Phase", "string", ".status.phase"),
        *columns,
        ("Message", "string", ".status.message"),
        ("Age", "date", ".metadata.creationTimestamp"),
    )
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
                    "metadata": metadata,
                    "spec": spec,
                    "status": status,
                },
            }
        },
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": desired_path, "statusReplicasPath": ".status.replicas"},
        },
        # Priority 1: shown by `kubectl get -o wide` only.
        "additionalPrinterColumns": [
            *({"name": name, "type": type_, "jsonPath": path} for name, type_, path in all_columns),
            *(
                {"name": name, "type": type_, "jsonPath": path, "priority": 1}
                for name, type_, path in wide_columns
            ),
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


def _status(**more: _Schema) -> _Schema:
    text = _EMPTY_TEXT
    condition: _Schema = {
        "type": "object",
        "required": ["type", "status"],
        "properties": {
            "type": {"type": "string"},
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
            **more,
            "conditions": {
                "type": "array",
                "items": condition,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        },
    }
