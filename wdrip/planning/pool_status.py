"""What a pool's status says: for `kubectl get nodepool`, and for whoever asks why it waits."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from wdrip.models.node_pool import Condition, NodePoolStatus, PoolPhase
from wdrip.models.observation import ClusterObservation, Memory, NodePoolState, Outcome
from wdrip.models.workload import PoolOutlook
from wdrip.planning.decision import Act, Decision, Hold, StepKind
from wdrip.planning.drain import BlockedPod
from wdrip.planning.node_pools import PAUSE_AFTER_STUCK_DRAIN, PoolMachines, pool_machines

READY = "Ready"
DRAIN_BLOCKED = "DrainBlocked"
_REFUSED = "Refused"


def pool_status(
    observation: ClusterObservation,
    pool: NodePoolState,
    decision: Decision,
    memory: Memory,
    outlook: PoolOutlook,
    previous: Iterable[Condition] = (),
    blocked: Sequence[BlockedPod] = (),
) -> NodePoolStatus:
    """The status after a look. decision: of `plan_pool` for this pool. previous: the conditions that it has.
    blocked: the pods that hold up a drain that goes on.

    The observation must have Nodes.
    """
    machines = pool_machines(observation, pool.name, memory)
    phase = _phase(pool, decision, machines)
    message = "" if phase is PoolPhase.READY else getattr(decision, "reason", "")
    budget = _blocking_budget(machines, memory, observation.at)
    if blocked:
        budget = blocked[0].budget
        message += f"; PodDisruptionBudget {budget} holds {blocked[0].pod}"
    conditions = [
        Condition(
            type=READY,
            status="True" if phase is PoolPhase.READY else "False",
            reason=decision.condition if isinstance(decision, Hold) else phase.value,
            message=message,
        ),
        Condition(
            type=DRAIN_BLOCKED,
            status="True" if budget else "False",
            reason="PodDisruptionBudget" if budget else "NothingBlocks",
            message=f"PodDisruptionBudget {budget} allows no eviction" if budget else "",
        ),
    ]
    return NodePoolStatus(
        observed_generation=pool.generation,
        replicas=len(machines.all),
        ready_replicas=len(machines.ready),
        phase=phase,
        message=message,
        instance_type=outlook.instance_type,
        blocking_budget=budget,
        autoscaling_reason=outlook.scale.reason if outlook.scale is not None else "",
        conditions=dated(conditions, previous, pool.generation, observation.at),
    )


def dated(
    conditions: Iterable[Condition], previous: Iterable[Condition], generation: int, now: datetime
) -> list[Condition]:
    """The conditions with the time at which each took its present status."""
    before = {each.type: each for each in previous}
    result = []
    for condition in conditions:
        old = before.get(condition.type)
        same = old is not None and old.status == condition.status and old.last_transition_time is not None
        since = old.last_transition_time if same and old is not None else now
        result.append(
            condition.model_copy(update={"last_transition_time": since, "observed_generation": generation})
        )
    return result


def _phase(pool: NodePoolState, decision: Decision, machines: PoolMachines) -> PoolPhase:
    if pool.deleting:
        return PoolPhase.DELETING
    if isinstance(decision, Act):
        return _acting(decision, machines)
    if isinstance(decision, Hold):
        by_condition = {_REFUSED: PoolPhase.REFUSED, "Joining": PoolPhase.GROWING}
        return by_condition.get(decision.condition, PoolPhase.WAITING)
    return PoolPhase.READY


def _acting(decision: Act, machines: PoolMachines) -> PoolPhase:
    failed = {machine.instance_id for machine in machines.failed}
    if failed & set(decision.target.instance_ids):
        return PoolPhase.REPLACING
    return PoolPhase.SHRINKING if decision.step is StepKind.SHRINK_POOL else PoolPhase.GROWING


def _blocking_budget(machines: PoolMachines, memory: Memory, now: datetime) -> str:
    """The budget that held the newest drain up that was given up and is not yet tried again."""
    given_up = [
        last
        for machine in machines.all
        if (last := memory.last(machine.instance_id, StepKind.SHRINK_POOL)) is not None
        and last.outcome is Outcome.FAILED
        and now < last.finished + PAUSE_AFTER_STUCK_DRAIN
    ]
    newest = max(given_up, key=lambda each: each.finished, default=None)
    return newest.blocked_by if newest is not None else ""
