"""A pool comes to its number step by step, whatever fails on the way, and never goes beyond it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wdrip.planning.workloads import NOW, ago
from wdrip.models.node_pool import NodePoolSpec
from wdrip.models.observation import (
    Attempt,
    ClusterObservation,
    Health,
    MachineState,
    Memory,
    NodePoolState,
    NodeState,
    Outcome,
    pool_group,
)
from wdrip.models.step_kind import StepKind
from wdrip.models.workload import NodeLoad, PoolOutlook, ScaleVerdict
from wdrip.planning.decision import Act, Decision, Hold, Settled
from wdrip.planning.node_pools import (
    MOST_LAUNCHES,
    MOST_REMOVALS,
    plan_pool,
    plan_pools,
    pool_machines,
    still_to_go,
)

K, H, J = "cn-hangzhou-k", "cn-hangzhou-h", "cn-hangzhou-j"
ZONES = (K, H, J)


def machine(number: int, pool: str = "a", zone: str = K, minutes: float = 60) -> MachineState:
    """Started some minutes ago."""
    return MachineState(
        instance_id=f"i-{number}",
        private_ip=f"192.168.0.{number}",
        zone_id=zone,
        role="worker",
        node_pool=pool,
        status="Running",
        created=ago(minutes=minutes),
    )


def ready(machine: MachineState, health: Health = Health.HEALTHY, **more: Any) -> NodeState:
    return NodeState(name=machine.node_name, ready=health, created=machine.created, **more)


def a_pool(desired: int, name: str = "a", deleting: bool = False, **spec: Any) -> NodePoolState:
    infra = {"desiredCapacity": desired, **spec.pop("infra", {})}
    return NodePoolState(
        name=name,
        generation=2,
        desired=desired,
        deleting=deleting,
        spec=NodePoolSpec.read({"infra": infra, **spec}),
    )


def seen(
    pools: list[NodePoolState],
    machines: list[MachineState],
    nodes: list[NodeState] | None = None,
    **more: Any,
) -> ClusterObservation:
    """By default every machine has a Ready Node."""
    return ClusterObservation(
        **{
            "at": NOW,
            "api": Health.HEALTHY,
            "machines": tuple(machines),
            "nodes": tuple(nodes if nodes is not None else map(ready, machines)),
            "node_pools": tuple(pools),
            **more,
        }
    )


def attempt(subject: str, step: StepKind, outcome: Outcome, minutes: float, **more: Any) -> Attempt:
    """One that ended some minutes ago, a minute after its start."""
    return Attempt(
        subject=subject,
        group=pool_group("a"),
        step=step,
        started=ago(minutes=minutes + 1),
        finished=ago(minutes=minutes),
        outcome=outcome,
        **more,
    )


def grow_failed(subject: str, minutes: float, **more: Any) -> Attempt:
    return attempt(subject, StepKind.GROW_POOLS, Outcome.FAILED, minutes, **more)


def planned(
    pool: NodePoolState,
    machines: list[MachineState],
    nodes: list[NodeState] | None = None,
    attempts: tuple[Attempt, ...] = (),
    joined: tuple[str, ...] = (),
    outlook: PoolOutlook | None = None,
) -> Decision:
    memory = Memory(attempts=attempts, joined=joined)
    return plan_pool(seen([pool], machines, nodes), pool, memory, outlook or PoolOutlook(), ZONES)


def launched(decision: Decision) -> list[str]:
    assert isinstance(decision, Act), decision
    assert decision.step is StepKind.GROW_POOLS
    return [each.zone_id for each in decision.target.launches]


def removed(decision: Decision) -> list[str]:
    assert isinstance(decision, Act), decision
    assert decision.step is StepKind.SHRINK_POOL
    return list(decision.target.instance_ids)


def held(decision: Decision) -> Hold:
    assert isinstance(decision, Hold), decision
    return decision


# Growth


def test_a_pool_that_is_as_it_shall_be_is_settled() -> None:
    assert planned(a_pool(2), [machine(1), machine(2)]) == Settled()
    assert planned(a_pool(0), []) == Settled()


@pytest.mark.parametrize(
    ("there", "desired", "zones"),
    [
        ([], 1, [K]),
        ([], 4, [K, H, J, K]),
        ([K, K], 5, [H, J, H]),
        ([K, H, J], 4, [K]),
        ([], 25, [K, H, J] * 3 + [K]),
    ],
)
def test_growth_is_one_bounded_batch_spread_over_the_zones(
    there: list[str], desired: int, zones: list[str]
) -> None:
    machines = [machine(number, zone=zone) for number, zone in enumerate(there)]
    assert launched(planned(a_pool(desired), machines)) == zones
    assert len(zones) <= MOST_LAUNCHES


def test_a_pools_own_zones_win() -> None:
    assert launched(planned(a_pool(3, infra={"zones": [J, H]}), [])) == [J, H, J]


def test_machines_on_their_way_are_counted_and_bound_the_batch() -> None:
    young = [machine(number, minutes=1) for number in range(8)]
    joined = tuple(attempt(each.instance_id, StepKind.GROW_POOLS, Outcome.DONE, 0) for each in young)
    assert len(launched(planned(a_pool(20), young, nodes=[], attempts=joined))) == MOST_LAUNCHES - 8
    waiting = held(planned(a_pool(8), young, nodes=[], attempts=joined))
    assert waiting.until == NOW + timedelta(minutes=9)
    assert "i-0, i-1, i-2 and 5 more shall be Ready by 12:09:00 UTC" in waiting.reason


def test_machines_whose_growth_was_broken_off_are_taken_up_with_those_that_are_missing() -> None:
    there = [machine(1), machine(2, zone=H, minutes=1), machine(3, zone=J, minutes=1)]
    nodes = [ready(there[0]), ready(there[1], Health.UNHEALTHY)]
    decision = planned(a_pool(4), there, nodes)
    assert isinstance(decision, Act)
    assert decision.step is StepKind.GROW_POOLS
    assert [(each.instance_id, each.zone_id) for each in decision.target.launches] == [
        ("i-2", H),
        ("i-3", J),
        ("", K),
    ]
    assert "pool a has 3 of 4 machines; the growth that brought i-2, i-3 was broken off" in decision.reason
    complete = planned(a_pool(3), there, nodes)
    assert launched(complete) == [H, J]
    # One that is not wanted any more is not helped in.
    assert removed(planned(a_pool(2), there, nodes)) == ["i-2"]


def test_machines_that_are_taken_up_bound_the_batch_and_wait_after_failures() -> None:
    young = [machine(number, minutes=1) for number in range(12)]
    assert len(launched(planned(a_pool(20), young, nodes=[]))) == MOST_LAUNCHES
    broken = (grow_failed("", 3), grow_failed("", 0.1))
    assert held(planned(a_pool(12), young, nodes=[], attempts=broken)).condition == "LaunchFailed"


# What fails


@pytest.mark.parametrize(
    ("minutes", "node", "attempts", "joined", "state"),
    [
        (1, None, (), (), "joining"),
        (9.9, None, (), (), "joining"),
        (10, None, (), (), "failed"),
        (1, None, (grow_failed("i-1", 0),), (), "failed"),
        (60, None, (), ("i-1",), "ailing"),
        (1, Health.UNHEALTHY, (), (), "joining"),
        (60, Health.UNHEALTHY, (), (), "ailing"),
        (60, Health.UNKNOWN, (), (), "ailing"),
        (1, Health.UNHEALTHY, (grow_failed("i-1", 0),), (), "failed"),
        (60, Health.HEALTHY, (grow_failed("i-1", 50),), (), "ready"),
        (5, Health.UNHEALTHY, (attempt("i-1", StepKind.GROW_POOLS, Outcome.DONE, 1),), (), "ailing"),
    ],
)
def test_how_a_machine_is(
    minutes: float,
    node: Health | None,
    attempts: tuple[Attempt, ...],
    joined: tuple[str, ...],
    state: str,
) -> None:
    one = machine(1, minutes=minutes)
    nodes = [] if node is None else [ready(one, node)]
    found = pool_machines(seen([], [one], nodes), "a", Memory(attempts=attempts, joined=joined))
    assert getattr(found, state) == (one,)
    assert found.all == (one,)


def test_a_machine_that_was_ready_after_its_failed_launch_is_healings() -> None:
    one = machine(1)
    nodes = [ready(one, Health.UNKNOWN, ready_changed=ago(minutes=5))]
    memory = Memory(attempts=(grow_failed("i-1", 50),))
    assert pool_machines(seen([], [one], nodes), "a", memory).ailing == (one,)


def test_a_failed_machine_goes_and_another_comes() -> None:
    machines = [machine(1), machine(2, minutes=11)]
    decision = planned(a_pool(2), machines, nodes=[ready(machines[0])])
    assert removed(decision) == ["i-2"]
    assert launched(planned(a_pool(2), machines[:1])) == [H]


def test_a_failed_machine_that_cannot_be_deleted_does_not_hold_the_pool_up() -> None:
    machines = [machine(1), machine(2, minutes=20)]
    undeletable = (attempt("i-2", StepKind.SHRINK_POOL, Outcome.FAILED, 5),)
    assert launched(planned(a_pool(2), machines, [ready(machines[0])], undeletable)) == [H]


def test_a_machine_that_healing_has_to_see_to_is_neither_replaced_nor_forgotten() -> None:
    machines = [machine(1), machine(2)]
    decision = planned(a_pool(2), machines, [ready(machines[0]), ready(machines[1], Health.UNKNOWN)])
    assert held(decision).condition == "NotReady"


@pytest.mark.parametrize(
    ("failures", "last", "pause"),
    [(1, 0.1, None), (2, 0.5, 1), (2, 1.0, None), (3, 1.5, 2), (5, 7, 8), (9, 29, 30), (9, 30, None)],
)
def test_launches_that_keep_failing_wait_longer_and_longer(
    failures: int, last: float, pause: float | None
) -> None:
    attempts = tuple(
        grow_failed(f"i-{number}", last + 40 * (failures - 1 - number), detail="OutOfStock")
        for number in range(failures)
    )
    decision = planned(a_pool(1), [], attempts=attempts)
    if pause is None:
        assert launched(decision)
        return
    waiting = held(decision)
    assert waiting.until == ago(minutes=last) + timedelta(minutes=pause)
    assert (waiting.condition, "OutOfStock" in waiting.reason) == ("LaunchFailed", True)


def test_a_batch_that_fails_counts_once_and_a_success_or_a_new_spec_ends_the_pauses() -> None:
    batch = tuple(grow_failed(f"i-{number}", 0.1) for number in range(5))
    earlier = (grow_failed("i-9", 5),)
    good = (attempt("i-8", StepKind.GROW_POOLS, Outcome.DONE, 2),)
    assert launched(planned(a_pool(1), [], attempts=batch))
    assert held(planned(a_pool(1), [], attempts=(*earlier, *batch)))
    assert launched(planned(a_pool(1), [], attempts=(*earlier, *good, *batch)))
    mended = PoolOutlook(changed=ago(minutes=0.05))
    assert launched(planned(a_pool(1), [], attempts=(*earlier, *batch), outlook=mended))


# Shrinking


def test_the_order_of_going() -> None:
    """Broken, cordoned, empty, without bare pods, newest: each alone decides."""
    machines = [machine(number, minutes=100 - number) for number in range(1, 7)]
    nodes = [
        ready(machines[0], Health.UNHEALTHY),
        ready(machines[1], unschedulable=True),
        *map(ready, machines[2:]),
    ]
    loads = {
        machines[0].node_name: NodeLoad(pods=9, bare=9),
        machines[1].node_name: NodeLoad(pods=9, bare=9),
        machines[3].node_name: NodeLoad(pods=2, bare=0),
        machines[4].node_name: NodeLoad(pods=1, bare=0),
        machines[5].node_name: NodeLoad(pods=1, bare=1),
    }
    order: list[str] = []
    for desired in range(5, 0, -1):
        (gone,) = removed(planned(a_pool(desired), machines, nodes, outlook=PoolOutlook(loads=loads)))
        order.append(gone)
        keep = [i for i, each in enumerate(machines) if each.instance_id != gone]
        machines, nodes = [machines[i] for i in keep], [nodes[i] for i in keep]
    assert order == ["i-1", "i-2", "i-3", "i-5", "i-4"]
    assert machines[0].instance_id == "i-6"


def test_shrinking_goes_in_bounded_batches() -> None:
    machines = [machine(number) for number in range(12)]
    assert len(removed(planned(a_pool(0), machines))) == MOST_REMOVALS
    assert len(removed(planned(a_pool(10), machines))) == 2


def test_a_blocked_machine_is_left_alone_and_another_goes() -> None:
    machines = [machine(1, minutes=10), machine(2, minutes=20)]
    blocked = attempt(
        "i-1", StepKind.SHRINK_POOL, Outcome.FAILED, 5, detail="budget default/web holds default/w"
    )
    assert removed(planned(a_pool(1), machines, attempts=(blocked,))) == ["i-2"]
    decision = held(planned(a_pool(0), machines[:1], attempts=(blocked,)))
    assert decision.until == NOW + timedelta(minutes=25)
    assert "budget default/web holds default/w; next try at 12:25:00 UTC" in decision.reason
    later = blocked.model_copy(update={"finished": ago(minutes=30)})
    assert removed(planned(a_pool(0), machines[:1], attempts=(later,))) == ["i-1"]
    changed = PoolOutlook(changed=ago(minutes=1))
    assert removed(planned(a_pool(0), machines[:1], attempts=(blocked,), outlook=changed)) == ["i-1"]


def test_a_number_that_was_raised_during_a_drain_spares_the_machines() -> None:
    machines = [machine(number) for number in range(3)]
    ids = ["i-2", "i-1"]
    for desired, due in ((1, ("i-2", "i-1")), (2, ("i-2",)), (3, ()), (9, ())):
        assert still_to_go(seen([a_pool(desired)], machines), "a", ids, Memory()) == due
    assert still_to_go(seen([a_pool(3, deleting=True)], machines), "a", ids, Memory()) == ("i-2", "i-1")
    assert still_to_go(seen([], machines), "a", ids, Memory()) == ()
    blind = seen([a_pool(1)], machines).model_copy(update={"nodes": None})
    assert still_to_go(blind, "a", ids, Memory()) == ()


def test_a_machine_that_is_gone_already_is_not_counted_again() -> None:
    """Two were to go; one is gone: the other one still goes, and no third."""
    machines = [machine(0), machine(1)]
    assert still_to_go(seen([a_pool(1)], machines), "a", ["i-2", "i-1"], Memory()) == ("i-1",)


# Deleted pools


def test_a_deleted_pool_gives_its_machines_back_and_is_then_released() -> None:
    pool = a_pool(3, deleting=True)
    assert set(removed(planned(pool, [machine(1), machine(2, minutes=1)]))) == {"i-1", "i-2"}
    decision = planned(pool, [])
    assert isinstance(decision, Act)
    assert (decision.step, decision.target.node_pool) == (StepKind.RELEASE_POOL, "a")


def test_a_deleted_pool_with_a_wrong_spec_still_goes() -> None:
    assert removed(planned(a_pool(1, deleting=True, autoscaling={"min": 2, "max": 1}), [machine(1)]))


# What cannot be done


def test_a_wrong_spec_changes_nothing_and_says_what_to_do() -> None:
    decision = held(planned(a_pool(5, autoscaling={"min": 2, "max": 1}), [machine(1)]))
    assert decision.condition == "Refused"
    assert "min 2 is above max 1; raise max or lower min" in decision.reason


def test_what_the_cloud_does_not_sell_stops_growth_only() -> None:
    outlook = PoolOutlook(refusal="spec.infra: no instance type with 3 vCPU")
    assert held(planned(a_pool(1), [], outlook=outlook)).condition == "Refused"
    assert removed(planned(a_pool(0), [machine(1)], outlook=outlook)) == ["i-1"]


@pytest.mark.parametrize("blind", [{"nodes": None}, {"api": Health.UNKNOWN}, {"api": Health.UNHEALTHY}])
def test_without_the_api_nothing_is_done(blind: dict[str, Any]) -> None:
    observation = seen([a_pool(9)], [machine(1)]).model_copy(update=blind)
    decision = plan_pools(observation, Memory(), {}, ZONES)
    assert held(decision).condition == "ApiUnreachable"
    nothing = observation.model_copy(update={"node_pools": None})
    assert held(plan_pools(nothing, Memory(), {}, ZONES)).condition == "ApiUnreachable"


# Autoscaling


def scaled(desired: int, verdict: ScaleVerdict, machines: list[MachineState], **more: Any) -> Decision:
    pool = a_pool(desired, autoscaling={"min": 0, "max": 10})
    return planned(pool, machines, outlook=PoolOutlook(scale=verdict), **more)


def test_the_autoscaler_first_writes_its_number_down() -> None:
    decision = scaled(1, ScaleVerdict(desired=3, reason="pod default/p found no room"), [machine(1)])
    assert isinstance(decision, Act)
    assert (decision.step, decision.target.desired) == (StepKind.SET_DESIRED, 3)
    assert decision.reason == "pod default/p found no room"


def test_the_autoscaler_says_which_machine_goes() -> None:
    machines = [machine(1), machine(2)]
    verdict = ScaleVerdict(desired=1, remove=(machines[0].node_name,), reason="under-used")
    decision = scaled(2, verdict, machines)
    assert removed(decision) == ["i-1"]
    assert isinstance(decision, Act)
    assert decision.target.desired == 1


def test_a_verdict_on_machines_that_are_gone_is_not_followed() -> None:
    verdict = ScaleVerdict(desired=0, remove=("gone",), reason="under-used")
    assert scaled(1, verdict, [machine(1)]) == Settled()


def test_a_pool_without_autoscaling_is_left_to_the_person() -> None:
    outlook = PoolOutlook(scale=ScaleVerdict(desired=5, reason="stale"))
    assert planned(a_pool(1), [machine(1)], outlook=outlook) == Settled()


# Several pools


def test_pools_grow_together_in_one_bounded_step() -> None:
    observation = seen([a_pool(8, "b"), a_pool(2, "a"), a_pool(0, "c")], [])
    decision = plan_pools(observation, Memory(), {}, ZONES)
    assert isinstance(decision, Act)
    assert [each.node_pool for each in decision.target.launches] == ["a"] * 2 + ["b"] * 8
    assert "pool a has 0 of 2 machines; pool b has 0 of 8 machines" in decision.reason


def test_a_pool_that_waits_holds_up_no_other() -> None:
    wrong = a_pool(1, "a", autoscaling={"min": 2, "max": 1})
    decision = plan_pools(seen([wrong, a_pool(1, "b")], []), Memory(), {}, ZONES)
    assert launched(decision) == [K]
    alone = plan_pools(seen([wrong, a_pool(0, "b")], []), Memory(), {}, ZONES)
    assert held(alone).condition == "Refused"


def test_machines_of_an_unknown_pool_are_told_and_left() -> None:
    decision = held(plan_pools(seen([], [machine(1, "lost")]), Memory(), {}, ZONES))
    assert decision.condition == "StrayMachines"
    assert "i-1 carry the tag of lost" in decision.reason


# Always


@settings(max_examples=150, deadline=None)
@given(
    ages=st.lists(st.sampled_from([1, 9, 11, 60]), max_size=15),
    nodes=st.lists(st.sampled_from([None, *Health]), min_size=15, max_size=15),
    desired=st.integers(0, 20),
    failed=st.sets(st.integers(0, 14), max_size=4),
)
def test_whatever_is_found_the_pool_comes_to_its_number_and_never_beyond(
    ages: list[int], nodes: list[Health | None], desired: int, failed: set[int]
) -> None:
    """Steps are carried out as they should be; healing makes Ready what is its own."""
    machines = [machine(number, minutes=age) for number, age in enumerate(ages)]
    states = {
        each.instance_id: ready(each, health)
        for each, health in zip(machines, nodes, strict=False)
        if health is not None
    }
    attempts = tuple(grow_failed(f"i-{number}", 0) for number in failed)
    number = 100
    for _ in range(40):
        observation = seen([a_pool(desired)], machines, list(states.values()))
        memory = Memory(attempts=attempts)
        decision = plan_pool(observation, observation.node_pools[0], memory, PoolOutlook(), ZONES)  # type: ignore[index]
        found = pool_machines(observation, "a", memory)
        if isinstance(decision, Settled):
            break
        if isinstance(decision, Hold):
            assert decision.condition in ("NotReady", "Joining")
            states |= {each.instance_id: ready(each) for each in (*found.ailing, *found.joining)}
            continue
        assert isinstance(decision, Act)
        if decision.step is StepKind.GROW_POOLS:
            taken_up = {launch.instance_id for launch in decision.target.launches if launch.instance_id}
            assert taken_up <= {each.instance_id for each in found.joining}
            assert len(found.there) + len(decision.target.launches) - len(taken_up) <= desired
            states |= {each.instance_id: ready(each) for each in machines if each.instance_id in taken_up}
            for launch in decision.target.launches:
                if launch.instance_id:
                    continue
                number += 1
                machines.append(machine(number, zone=launch.zone_id, minutes=0))
                states[machines[-1].instance_id] = ready(machines[-1])
        else:
            gone = set(decision.target.instance_ids)
            healthy = gone & {each.instance_id for each in found.there}
            assert not healthy or len(found.there) - len(healthy) >= desired
            machines = [each for each in machines if each.instance_id not in gone]
            states = {key: node for key, node in states.items() if key not in gone}
    assert len(machines) == desired
    assert all(states[each.instance_id].ready is Health.HEALTHY for each in machines)
