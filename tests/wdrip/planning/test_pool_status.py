"""A pool's status tells how many there are, and in words why there are not as many as there shall be."""

from typing import Any

import pytest

from tests.wdrip.planning.test_node_pools import ZONES, a_pool, attempt, grow_failed, machine, ready, seen
from tests.wdrip.planning.workloads import NOW, ago
from wdrip.models.node_pool import Condition, NodePoolStatus, PoolPhase
from wdrip.models.observation import Attempt, Health, MachineState, Memory, NodePoolState, Outcome
from wdrip.models.step_kind import StepKind
from wdrip.models.workload import PoolOutlook, ScaleVerdict
from wdrip.planning.node_pools import plan_pool
from wdrip.planning.pool_status import pool_status

BLOCKED = attempt(
    "i-1", StepKind.SHRINK_POOL, Outcome.FAILED, 5, detail="pods are left", blocked_by="default/web"
)


def status(
    pool: NodePoolState,
    machines: list[MachineState],
    attempts: tuple[Attempt, ...] = (),
    outlook: PoolOutlook | None = None,
    previous: tuple[Condition, ...] = (),
    **more: Any,
) -> NodePoolStatus:
    observation = seen([pool], machines, **more)
    memory, outlook = Memory(attempts=attempts), outlook or PoolOutlook()
    decision = plan_pool(observation, pool, memory, outlook, ZONES)
    return pool_status(observation, pool, decision, memory, outlook, previous)


@pytest.mark.parametrize(
    ("pool", "machines", "attempts", "phase", "words"),
    [
        (a_pool(1), [machine(1)], (), PoolPhase.READY, ""),
        (a_pool(2), [machine(1)], (), PoolPhase.GROWING, "has 1 of 2 machines"),
        (a_pool(0), [machine(1)], (), PoolPhase.SHRINKING, "has 1 machines and shall have 0"),
        (a_pool(0), [machine(1)], (BLOCKED,), PoolPhase.WAITING, "pods are left; next try at 12:25"),
        (a_pool(1, deleting=True), [machine(1)], (), PoolPhase.DELETING, "pool a is deleted"),
        (a_pool(1, labels={"wdrip/x": ""}), [], (), PoolPhase.REFUSED, "wdrip/x is one of wdrip's own"),
    ],
)
def test_phase_and_message(
    pool: NodePoolState,
    machines: list[MachineState],
    attempts: tuple[Attempt, ...],
    phase: PoolPhase,
    words: str,
) -> None:
    found = status(pool, machines, attempts)
    assert found.phase is phase
    assert words in found.message
    assert bool(found.message) == bool(words)
    condition = found.conditions[0]
    assert (condition.type, condition.status) == ("Ready", "True" if phase is PoolPhase.READY else "False")
    assert (found.observed_generation, condition.observed_generation) == (2, 2)


def test_machines_on_their_way_and_failed_ones_show_in_current_but_not_in_ready() -> None:
    machines = [machine(1), machine(2, minutes=1), machine(3, minutes=20)]
    found = status(a_pool(2), machines, nodes=[ready(machines[0])])
    assert (found.replicas, found.ready_replicas, found.phase) == (3, 1, PoolPhase.REPLACING)
    found = status(a_pool(2), machines[:2], nodes=[ready(machines[0])])
    assert (found.replicas, found.ready_replicas, found.phase) == (2, 1, PoolPhase.GROWING)


def test_the_reason_is_one_word_for_programs() -> None:
    attempts = (grow_failed("i-1", 0.1), grow_failed("i-2", 5))
    assert status(a_pool(1), [], attempts).conditions[0].reason == "LaunchFailed"
    one = machine(1)
    assert status(a_pool(1), [one], nodes=[ready(one, Health.UNKNOWN)]).conditions[0].reason == "NotReady"


def test_the_blocking_budget_is_named_until_the_drain_is_tried_again() -> None:
    found = status(a_pool(0), [machine(1)], (BLOCKED,))
    assert found.blocking_budget == "default/web"
    assert [each.status for each in found.conditions if each.type == "DrainBlocked"] == ["True"]
    later = BLOCKED.model_copy(update={"finished": ago(minutes=30)})
    assert status(a_pool(0), [machine(1)], (later,)).blocking_budget == ""


def test_what_the_workload_told_is_passed_on() -> None:
    outlook = PoolOutlook(
        instance_type="ecs.c6.xlarge", scale=ScaleVerdict(desired=1, reason="every machine is used")
    )
    found = status(a_pool(1, autoscaling={"min": 0, "max": 2}), [machine(1)], outlook=outlook)
    assert (found.instance_type, found.autoscaling_reason) == ("ecs.c6.xlarge", "every machine is used")


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    first = status(a_pool(2), [machine(1)]).conditions
    assert all(each.last_transition_time == NOW for each in first)
    earlier = tuple(each.model_copy(update={"last_transition_time": ago(hours=1)}) for each in first)
    same = status(a_pool(3), [machine(1)], previous=earlier).conditions
    assert [each.last_transition_time for each in same] == [ago(hours=1)] * 2
    changed = status(a_pool(1), [machine(1)], previous=earlier).conditions
    assert [each.last_transition_time for each in changed] == [NOW, ago(hours=1)]
