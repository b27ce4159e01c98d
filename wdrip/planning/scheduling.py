"""Whether a pod fits on a Node, by the rules of the scheduler that depend on nothing but these two.

Covered: requests against what is allocatable, node selector, required node affinity, taints and tolerations,
cordons. Rules between pods (anti-affinity, topology spread), volumes and host ports are not: a pod that has
one says so in `PodState.bound_otherwise`, and whoever asks decides what that means.
"""

from collections.abc import Iterable, Mapping

from wdrip.models.workload import Amounts, NodeRoom, NodeTaint, PodState, Requirement, Selector, Toleration

PODS = "pods"
"""The resource of which every pod takes one."""

UNBEARABLE = ("NoSchedule", "NoExecute")
"""Effects of a taint that keep a new pod away."""


def takes(pod: PodState) -> dict[str, int]:
    """What a pod takes of a Node, itself counted."""
    return {**pod.requests, PODS: 1}


def free(node: NodeRoom, pods: Iterable[PodState]) -> dict[str, int]:
    """What is left of a Node beside `pods`; completed ones take nothing."""
    left = dict(node.allocatable)
    for pod in pods:
        if pod.phase not in ("Succeeded", "Failed"):
            subtract(left, takes(pod))
    return left


def subtract(left: dict[str, int], amounts: Amounts) -> None:
    """Take `amounts` away from `left`, in place."""
    for name, amount in amounts.items():
        left[name] = left.get(name, 0) - amount


def misfit(pod: PodState, node: NodeRoom, left: Amounts) -> str:
    """Why the pod cannot go to a Node with `left` to give; empty when it can."""
    if node.unschedulable:
        return "the node is cordoned"
    unborne = next((each for each in node.taints if not _borne(each, pod.tolerations)), None)
    if unborne is not None:
        return f"does not tolerate the taint {unborne.key}"
    wrong = next((key for key, value in pod.node_selector.items() if node.labels.get(key) != value), None)
    if wrong is not None:
        return f"wants the label {wrong}={pod.node_selector[wrong]}"
    labels = node.labels
    if pod.node_affinity and not any(selects(term, labels) for term in pod.node_affinity):
        return "its node affinity asks for something else"
    short = next((name for name, amount in takes(pod).items() if amount > left.get(name, 0) and amount), None)
    return f"asks for more {short} than there is" if short is not None else ""


def selects(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether every requirement holds for these labels."""
    return all(_holds(each, labels) for each in selector.requirements)


def tolerates(toleration: Toleration, taint: NodeTaint) -> bool:
    """Whether a pod with this toleration bears the taint."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if not toleration.key:
        return toleration.operator == "Exists"
    if toleration.key != taint.key:
        return False
    return toleration.operator == "Exists" or toleration.value == taint.value


def _borne(taint: NodeTaint, tolerations: Iterable[Toleration]) -> bool:
    return taint.effect not in UNBEARABLE or any(tolerates(each, taint) for each in tolerations)


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Gt":
            return _compares(value, requirement.values) > 0
        case "Lt":
            return _compares(value, requirement.values) < 0


def _compares(value: str | None, bounds: tuple[str, ...]) -> int:
    """-1, 0 or 1 as a label's number is to the bound; 0 when either is no number, so that nothing holds."""
    try:
        number, bound = int(value or ""), int(bounds[0])
    except (ValueError, IndexError):
        return 0
    return (number > bound) - (number < bound)
