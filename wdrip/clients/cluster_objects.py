"""The API server's JSON, read into wdrip's models."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from wdrip.clients.quantities import amount
from wdrip.models.node_pool import NodePoolSpec
from wdrip.models.observation import Health, MasterSetState, NodePoolState, NodeState
from wdrip.models.workload import (
    SAFE_TO_EVICT,
    BudgetState,
    NodeRoom,
    NodeTaint,
    PodState,
    Requirement,
    Selector,
    Toleration,
)

Json = Mapping[str, Any]

_HEALTH = {"True": Health.HEALTHY, "False": Health.UNHEALTHY}
_MIRROR = "kubernetes.io/config.mirror"


def node_state(node: Json, lease_renewed: datetime | None) -> NodeState:
    """A Node, with the time of its kubelet's last lease."""
    ready = _condition(node, "Ready")
    return NodeState(
        name=node["metadata"]["name"],
        ready=_HEALTH.get(ready.get("status", ""), Health.UNKNOWN),
        ready_changed=_time(ready.get("lastTransitionTime")),
        unschedulable=bool(node.get("spec", {}).get("unschedulable")),
        created=_time(node["metadata"].get("creationTimestamp")),
        kubelet_version=node.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", ""),
        lease_renewed=lease_renewed,
    )


def lease_renewal(lease: Json) -> datetime | None:
    """When the holder of a lease last renewed it."""
    return _time(lease.get("spec", {}).get("renewTime"))


def node_room(node: Json, pool: str) -> NodeRoom:
    """A Node as the scheduler sees it; `pool` names its node pool."""
    spec, status = node.get("spec", {}), node.get("status", {})
    return NodeRoom(
        name=node["metadata"]["name"],
        pool=pool,
        ready=_condition(node, "Ready").get("status") == "True",
        unschedulable=bool(spec.get("unschedulable")),
        allocatable={key: amount(key, value) for key, value in status.get("allocatable", {}).items()},
        labels=node["metadata"].get("labels") or {},
        taints=tuple(
            NodeTaint(key=each["key"], value=each.get("value", ""), effect=each["effect"])
            for each in spec.get("taints") or ()
        ),
        created=_time(node["metadata"].get("creationTimestamp")),
    )


def pod_state(pod: Json) -> PodState:
    """A pod."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    annotations = metadata.get("annotations") or {}
    owner: Json = next((each for each in metadata.get("ownerReferences") or () if each.get("controller")), {})
    required = _path(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    return PodState(
        namespace=metadata["namespace"],
        name=metadata["name"],
        node=spec.get("nodeName") or "",
        phase=status.get("phase") or "Pending",
        created=metadata["creationTimestamp"],
        labels=metadata.get("labels") or {},
        owner=owner.get("kind", ""),
        mirror=_MIRROR in annotations,
        deleting="deletionTimestamp" in metadata,
        safe_to_evict={"true": True, "false": False}.get(annotations.get(SAFE_TO_EVICT, "")),
        priority=spec.get("priority") or 0,
        requests=_requests(spec),
        node_selector=spec.get("nodeSelector") or {},
        node_affinity=tuple(
            Selector(requirements=_requirements(term.get("matchExpressions")))
            for term in required.get("nodeSelectorTerms") or ()
        ),
        tolerations=tuple(
            Toleration(
                key=each.get("key", ""),
                operator=each.get("operator") or "Equal",
                value=each.get("value", ""),
                effect=each.get("effect", ""),
            )
            for each in spec.get("tolerations") or ()
        ),
        bound_otherwise=_bound_otherwise(spec),
        unschedulable_since=_unschedulable_since(pod),
    )


def budget_state(budget: Json) -> BudgetState:
    """A PodDisruptionBudget, of policy/v1 or v1beta1."""
    selector = budget["spec"].get("selector")
    # In v1beta1 an empty selector matches nothing, in v1 everything.
    if selector is not None and not selector and str(budget.get("apiVersion", "")).endswith("v1beta1"):
        selector = None
    return BudgetState(
        namespace=budget["metadata"]["namespace"],
        name=budget["metadata"]["name"],
        selector=None if selector is None else _selector(selector),
        disruptions_allowed=budget.get("status", {}).get("disruptionsAllowed") or 0,
    )


def master_set_state(found: Json) -> MasterSetState:
    """The MasterSet."""
    return MasterSetState(
        replicas=found["spec"]["replicas"],
        generation=found["metadata"].get("generation", 0),
        observed_generation=found.get("status", {}).get("observedGeneration") or 0,
    )


def node_pool_state(found: Json) -> NodePoolState:
    """A NodePool. Raises InvalidInput when its spec says what this wdrip does not know."""
    spec = NodePoolSpec.read(found["spec"])
    bounds = spec.autoscaling
    return NodePoolState(
        name=found["metadata"]["name"],
        generation=found["metadata"].get("generation", 0),
        desired=spec.infra.desired_capacity,
        minimum=bounds.min if bounds else None,
        maximum=bounds.max if bounds else None,
        deleting="deletionTimestamp" in found["metadata"],
        spec=spec,
    )


def _selector(selector: Json) -> Selector:
    labels = tuple(
        Requirement(key=key, operator="In", values=(value,))
        for key, value in (selector.get("matchLabels") or {}).items()
    )
    return Selector(requirements=(*labels, *_requirements(selector.get("matchExpressions"))))


def _requirements(expressions: Iterable[Json] | None) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(key=each["key"], operator=each["operator"], values=tuple(each.get("values") or ()))
        for each in expressions or ()
    )


def _requests(spec: Json) -> dict[str, int]:
    """What the scheduler counts: the containers together, or the largest init container if that is more."""
    total: dict[str, int] = {}
    for each in spec.get("containers") or ():
        for key, value in _path(each, "resources", "requests").items():
            total[key] = total.get(key, 0) + amount(key, value)
    for each in spec.get("initContainers") or ():
        for key, value in _path(each, "resources", "requests").items():
            total[key] = max(total.get(key, 0), amount(key, value))
    return total


def _bound_otherwise(spec: Json) -> str:
    """See `PodState.bound_otherwise`."""
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    if _path(spec, "affinity", "podAntiAffinity").get(required):
        return "pod anti-affinity"
    if _path(spec, "affinity", "podAffinity").get(required):
        return "pod affinity"
    if any(
        each.get("whenUnsatisfiable") == "DoNotSchedule" for each in _list(spec, "topologySpreadConstraints")
    ):
        return "topology spread"
    if any(port.get("hostPort") for each in _list(spec, "containers") for port in _list(each, "ports")):
        return "host port"
    if any("persistentVolumeClaim" in each for each in _list(spec, "volumes")):
        return "volume in one zone"
    return ""


def _unschedulable_since(pod: Json) -> datetime | None:
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") != "False" or scheduled.get("reason") != "Unschedulable":
        return None
    return _time(scheduled.get("lastTransitionTime"))


def _condition(item: Json, kind: str) -> Json:
    conditions = item.get("status", {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == kind), {})


def _list(item: Json, key: str) -> list[Any]:
    return item.get(key) or []


def _path(item: Json, *keys: str) -> Json:
    """The mapping at the end of the keys; empty when one is missing or null on the way."""
    for key in keys:
        item = item.get(key) or {}
    return item


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
