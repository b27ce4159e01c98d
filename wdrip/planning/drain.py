"""How a Node is emptied before its machine goes: whom to ask to leave now, and when to give up.

* DaemonSet and mirror pods stay: they would come back at once, and they end with the machine. So do completed
  ones, and those that came back onto the cordoned Node because they bear the cordon.
* Pods with an `emptyDir` are evicted like others. What lies in it is lost, as it would be at any reschedule;
  the machine goes for good, so that waiting would not save it.
* A pod without a controller is evicted too: the person asked for fewer machines. It is named, because nothing
  makes it anew.
* Evictions go through the eviction API only, so that the API server keeps to the PodDisruptionBudgets.
  Budgets are looked at here to ask in a good order and to name the one that blocks.
* Whatever blocks, there is a deadline.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from wdrip.models.node_pool import DrainPolicy
from wdrip.models.workload import BudgetState, NodeLoad, NodeTaint, PodState
from wdrip.planning.scheduling import selects, tolerates

MOST_EVICTIONS = 20
"""Evictions asked for in one round: enough to be quick, few enough not to flood the scheduler."""

_CORDON = NodeTaint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
_NAMED = 3
"""How many pods a message names."""


class DrainOutcome(StrEnum):
    """What the round means for the drain as a whole."""

    GOES_ON = "GoesOn"
    EMPTY = "Empty"
    """Nothing is left that would have to leave."""
    GAVE_UP = "GaveUp"
    """The deadline has passed: uncordon, keep the machine, come back later."""
    OVERRULED = "Overruled"
    """The deadline has passed and the pool's policy says to delete the machine with what is left on it."""


@dataclass(frozen=True)
class BlockedPod:
    """A pod that may not be evicted now."""

    pod: str
    """`namespace/name`."""
    budget: str
    """`namespace/name` of the PodDisruptionBudget that forbids it."""


@dataclass(frozen=True)
class DrainRound:
    """What to do in one round, and what to say."""

    outcome: DrainOutcome
    evict: tuple[PodState, ...] = ()
    """To be asked to leave now, in this order; each may still be refused by the API server (429)."""
    leaving: tuple[str, ...] = ()
    """Asked already, not gone yet."""
    blocked: tuple[BlockedPod, ...] = ()
    message: str = ""


def must_leave(pod: PodState, cordoned_at: datetime | None = None) -> bool:
    """Whether a drain has to wait for this pod. cordoned_at: when the Node was cordoned for it."""
    if pod.mirror or pod.owner == "DaemonSet" or pod.phase in ("Succeeded", "Failed"):
        return False
    came_back = cordoned_at is not None and pod.created > cordoned_at
    return not (came_back and any(tolerates(each, _CORDON) for each in pod.tolerations))


def node_load(pods: Iterable[PodState]) -> NodeLoad:
    """The load of the Node whose pods these are."""
    leaving = [pod for pod in pods if must_leave(pod)]
    return NodeLoad(pods=len(leaving), bare=sum(not pod.owner for pod in leaving))


def loads(pods: Iterable[PodState]) -> Mapping[str, NodeLoad]:
    """The load of every Node that has pods, by its name."""
    by_node: dict[str, list[PodState]] = {}
    for pod in pods:
        if pod.node:
            by_node.setdefault(pod.node, []).append(pod)
    return {node: node_load(there) for node, there in by_node.items()}


def plan_drain(
    pods: Sequence[PodState],
    budgets: Sequence[BudgetState],
    policy: DrainPolicy,
    cordoned_at: datetime,
    now: datetime,
    kubelet_answers: bool = True,
) -> DrainRound:
    """One round of a drain.

    pods: all of the Node. budgets: all of the cluster. kubelet_answers: False when the Node is not Ready;
    then nobody can confirm that a pod has ended, and being asked to leave counts as having left.
    """
    there = [pod for pod in pods if must_leave(pod, cordoned_at)]
    leaving = tuple(sorted(pod.full_name for pod in there if pod.deleting))
    staying = [pod for pod in there if not pod.deleting]
    if not staying and (not leaving or not kubelet_answers):
        return DrainRound(DrainOutcome.EMPTY, leaving=leaving, message="nothing is left to evict")
    admitted, blocked = admit(staying, budgets)
    evict = admitted[:MOST_EVICTIONS]
    until = cordoned_at + timedelta(seconds=policy.timeout_seconds)
    if now >= until:
        return _ended(policy, leaving, blocked, staying)
    message = f"{_waits(leaving, blocked, evict)}, until {until:%H:%M:%S} UTC"
    return DrainRound(DrainOutcome.GOES_ON, evict, leaving, blocked, message)


def held(pods: Sequence[PodState], budgets: Sequence[BudgetState]) -> tuple[BlockedPod, ...]:
    """The pods of a Node that is being drained which a budget does not let go now."""
    return admit([pod for pod in pods if must_leave(pod) and not pod.deleting], budgets)[1]


def budgets_of(pod: PodState, budgets: Iterable[BudgetState]) -> list[BudgetState]:
    """The budgets that an eviction of this pod has to keep to. Pods that do not run yet are free of them."""
    if pod.phase == "Pending":
        return []
    return [
        budget
        for budget in budgets
        if budget.namespace == pod.namespace
        and budget.selector is not None
        and selects(budget.selector, pod.labels)
    ]


def admit(
    pods: Iterable[PodState], budgets: Sequence[BudgetState]
) -> tuple[tuple[PodState, ...], tuple[BlockedPod, ...]]:
    """Those that may be evicted together now, in order, and those that may not.

    The least important first, so that what others depend on leaves last. Each eviction uses its budget up.
    """
    allowed = {budget.full_name: budget.disruptions_allowed for budget in budgets}
    evict: list[PodState] = []
    blocked: list[BlockedPod] = []
    for pod in sorted(pods, key=lambda each: (each.priority, each.full_name)):
        holding = _holding(budgets_of(pod, budgets), allowed)
        if holding is None:
            evict.append(pod)
        else:
            blocked.append(BlockedPod(pod.full_name, holding))
    return tuple(evict), tuple(blocked)


def _holding(budgets: Sequence[BudgetState], allowed: dict[str, int]) -> str | None:
    """The budget that forbids an eviction; None, and the eviction counted, when there is none.

    The API server evicts no pod that stands under two budgets, whatever they allow.
    """
    if len(budgets) > 1:
        return " and ".join(sorted(budget.full_name for budget in budgets))
    for budget in budgets:
        if allowed[budget.full_name] <= 0:
            return budget.full_name
        allowed[budget.full_name] -= 1
    return None


def _ended(
    policy: DrainPolicy,
    leaving: tuple[str, ...],
    blocked: tuple[BlockedPod, ...],
    staying: Sequence[PodState],
) -> DrainRound:
    minutes = policy.timeout_seconds / 60
    left = f"after {minutes:g} minutes {len(leaving) + len(staying)} pods are left; {_why(leaving, blocked)}"
    if policy.on_timeout == "Delete":
        return DrainRound(DrainOutcome.OVERRULED, (), leaving, blocked, f"{left}; they go with the machine")
    remedy = "the machine stays; let the budget allow an eviction, or set drain.onTimeout to Delete"
    return DrainRound(DrainOutcome.GAVE_UP, (), leaving, blocked, f"{left}; {remedy}")


def _waits(leaving: tuple[str, ...], blocked: tuple[BlockedPod, ...], evict: tuple[PodState, ...]) -> str:
    bare = [pod.full_name for pod in evict if not pod.owner]
    lost = f"; {_some(bare)} {'has' if len(bare) == 1 else 'have'} no controller and will not come back"
    return f"{len(evict)} pods are asked to leave, {_why(leaving, blocked)}" + (lost if bare else "")


def _why(leaving: tuple[str, ...], blocked: tuple[BlockedPod, ...]) -> str:
    parts = []
    if blocked:
        by_budget: dict[str, list[str]] = {}
        for each in blocked:
            by_budget.setdefault(each.budget, []).append(each.pod)
        parts += [
            f"PodDisruptionBudget {budget} holds {_some(held)}" for budget, held in sorted(by_budget.items())
        ]
    if leaving:
        parts.append(f"{_some(leaving)} {'is' if len(leaving) == 1 else 'are'} still ending")
    return "; ".join(parts) or "nothing holds them"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
