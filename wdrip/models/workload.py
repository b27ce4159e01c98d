"""What runs on the Nodes, as far as drains and the autoscaler must know it: pods and disruption budgets.

These lists can be long. They stay inside the activity that reads them: what leaves it for a workflow are the
short answers of `wdrip/planning/drain.py` and `wdrip/planning/autoscaling.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
"""Annotation by which a pod's owner says whether the autoscaler may move it; known from Kubernetes' own
one."""

Amounts = Mapping[str, int]
"""Resource name to amount: `cpu` in thousandths, everything else in whole units (memory in bytes, `pods`)."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Requirement(_Model):
    """One expression of a selector, of labels or of Nodes."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: tuple[str, ...] = ()


class Selector(_Model):
    """A label selector: every requirement must hold. Without any, it holds for everything."""

    requirements: tuple[Requirement, ...] = ()


class Toleration(_Model):
    """A taint that a pod bears. Empty key with `Exists`: every taint. Empty effect: every effect."""

    key: str = ""
    operator: Literal["Exists", "Equal"] = "Equal"
    value: str = ""
    effect: str = ""


class NodeTaint(_Model):
    """A taint of a Node."""

    key: str
    value: str = ""
    effect: str


class PodState(_Model):
    """A pod."""

    namespace: str
    name: str
    node: str = ""
    """Name of its Node; empty while it has none."""
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]
    created: datetime
    labels: dict[str, str] = Field(default_factory=dict)
    owner: str = ""
    """Kind of its controller, e.g. `ReplicaSet`; empty when nothing would make it anew."""
    mirror: bool = False
    """Made by a kubelet from a file (annotation `kubernetes.io/config.mirror`)."""
    deleting: bool = False
    safe_to_evict: bool | None = None
    """What the annotation SAFE_TO_EVICT says; None when it is not there."""
    priority: int = 0
    requests: dict[str, int] = Field(default_factory=dict)
    """Sum over its containers, see Amounts; without `pods`."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    node_affinity: tuple[Selector, ...] = ()
    """Required terms, of which one must hold; none: everything will do."""
    tolerations: tuple[Toleration, ...] = ()
    bound_otherwise: str = ""
    """A required rule that no simulation here covers, e.g. `pod anti-affinity`, `topology spread`, `host
    port`, `volume in one zone`; empty when there is none."""
    unschedulable_since: datetime | None = None
    """Since when the scheduler has found no Node for it (condition PodScheduled, reason Unschedulable)."""

    @property
    def full_name(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


class BudgetState(_Model):
    """A PodDisruptionBudget."""

    namespace: str
    name: str
    selector: Selector | None = None
    """None matches no pod; one without requirements every pod of the namespace (policy/v1)."""
    disruptions_allowed: int = 0
    """How many of its pods may be evicted now, as the API server last counted."""

    @property
    def full_name(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


class NodeRoom(_Model):
    """A Node, or the kind of Node that a pool would add, as the scheduler sees it."""

    name: str
    pool: str = ""
    """Its node pool; empty for masters and strangers."""
    ready: bool = True
    unschedulable: bool = False
    allocatable: dict[str, int]
    """See Amounts; `pods` is the most pods it takes."""
    labels: dict[str, str] = Field(default_factory=dict)
    taints: tuple[NodeTaint, ...] = ()
    created: datetime | None = None


class NodeLoad(_Model):
    """How much a drain of a Node would move: a short form that a workflow may carry."""

    pods: int
    """Pods that would have to leave."""
    bare: int
    """Of these, those that nothing makes anew."""


class ScaleVerdict(_Model):
    """What the autoscaler says about one pool."""

    desired: int
    """Machines that the pool shall have from now on; the present number when nothing is to change."""
    remove: tuple[str, ...] = ()
    """Names of the Nodes that shall go; empty unless `desired` is below the present number."""
    reason: str
    """In words, also when nothing changes."""
    under_used_since: dict[str, datetime] = Field(default_factory=dict)
    """To be remembered and given back at the next look: since when each Node has been under-used."""
    look_again: datetime | None = None
    """When a cool-down or a Node's patience ends; None when only a change of the workload matters."""


class PoolOutlook(_Model):
    """What the activity that reads the workload tells of one pool."""

    loads: dict[str, NodeLoad] = Field(default_factory=dict)
    """By name of the Node; a Node that is missing here has nothing to move."""
    scale: ScaleVerdict | None = None
    """None when the pool has no autoscaling."""
    refusal: str = ""
    """Why the cloud cannot make such machines (`wdrip/planning/instance_types.py`); empty when it can."""
    instance_type: str = ""
    """The one that new machines get."""
    changed: datetime | None = None
    """When this generation of the spec was first seen: failures before it say nothing about it."""
