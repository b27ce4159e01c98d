"""Every way in which machines, Nodes and members break, and what is done about it."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wdrip.planning.control_planes import ControlPlane, Machine
from tests.wdrip.planning.test_masters import settled
from wdrip.models.observation import MASTERS, Attempt, Health, Memory, Outcome
from wdrip.planning.decision import Hold, QuorumLost, Settled, StepKind
from wdrip.planning.healing import plan_healing
from wdrip.planning.ladder import ILL_AFTER, PATIENCE, RUNGS, next_rung
from wdrip.planning.memory import refreshed

LADDER = [StepKind.RESTART_SERVICES, StepKind.REBOOT, StepKind.REPLACE_SYSTEM_DISK, StepKind.DELETE_MACHINE]


def rungs(plane: ControlPlane, machine: Machine | None = None) -> list[StepKind]:
    """The rungs that were climbed, of one machine or of all."""
    return [
        each.step
        for each in plane.log
        if each.step in LADDER and (machine is None or each.target.instance_id == machine.id)
    ]


def held(plane: ControlPlane, turns: int = 60) -> Hold:
    """What the loop ends up waiting for, when it never settles."""
    holds = [each for each in (plane.turn() for _ in range(turns)) if isinstance(each, Hold)]
    assert holds
    return holds[-1]


# Workers.


def pool_of(size: int) -> tuple[ControlPlane, list[Machine]]:
    plane = ControlPlane.of(3)
    return plane, [plane.worker("a") for _ in range(size)]


@pytest.mark.parametrize("cure", LADDER)
def test_a_worker_climbs_the_ladder_until_it_is_well(cure: StepKind) -> None:
    plane, (machine, *_) = pool_of(5)
    machine.fault = cure
    assert plane.run() == Settled()
    assert rungs(plane) == LADDER[: LADDER.index(cure) + 1]
    assert machine.id in plane.machines or cure is StepKind.DELETE_MACHINE
    assert not plane.stale_nodes
    assert not machine.cordoned or machine.id not in plane.machines


def test_the_first_rung_comes_two_heartbeats_after_the_mark() -> None:
    plane, (machine, *_) = pool_of(5)
    machine.fault = StepKind.RESTART_SERVICES
    begin = plane.now
    plane.run()
    first = next(each for each in plane.memory.attempts if each.step is StepKind.RESTART_SERVICES)
    assert first.started - begin == ILL_AFTER == timedelta(seconds=80)


def test_a_rung_is_given_time() -> None:
    plane, (machine, *_) = pool_of(5)
    machine.fault = StepKind.DELETE_MACHINE
    plane.run()
    climbed = [each for each in plane.memory.attempts if each.step in RUNGS]
    for lower, higher in pairwise(climbed):
        assert higher.started - lower.finished >= PATIENCE[lower.step]


def test_a_worker_is_drained_once_before_it_is_rebooted() -> None:
    plane, (machine, *_) = pool_of(5)
    machine.fault = StepKind.REBOOT
    plane.run()
    steps = plane.steps()
    assert steps.count(StepKind.DRAIN) == 1
    assert steps.index(StepKind.DRAIN) < steps.index(StepKind.REBOOT) < steps.index(StepKind.UNCORDON)
    assert not machine.cordoned


def test_a_new_disk_is_followed_by_a_join() -> None:
    plane, (machine, *_) = pool_of(5)
    machine.fault = StepKind.REPLACE_SYSTEM_DISK
    plane.run()
    steps = plane.steps()
    assert steps[steps.index(StepKind.REPLACE_SYSTEM_DISK) + 1] is StepKind.JOIN_WORKER


def test_the_brake_stops_what_is_destructive_above_two_fifths() -> None:
    plane, machines = pool_of(5)
    for each in machines[:3]:
        each.fault = StepKind.DELETE_MACHINE
    assert held(plane).condition == "StormBrake"
    assert set(rungs(plane)) == {StepKind.RESTART_SERVICES}


def test_two_of_five_are_below_the_brake() -> None:
    plane, machines = pool_of(5)
    for each in machines[:2]:
        each.fault = StepKind.DELETE_MACHINE
    assert plane.run() == Settled()
    assert all(each.id not in plane.machines for each in machines[:2])


def test_the_brake_counts_over_all_pools() -> None:
    plane = ControlPlane.of(1)
    machines = [plane.worker(pool) for pool in "abcd"]
    for each in machines[:2]:
        each.fault = StepKind.REBOOT
    assert held(plane).condition == "StormBrake"
    assert StepKind.REBOOT not in rungs(plane)


def test_a_pool_of_one_is_healed() -> None:
    plane, (machine,) = pool_of(1)
    machine.fault = StepKind.REBOOT
    assert plane.run() == Settled()
    assert machine.works


def test_deleting_one_node_is_consent_also_in_a_storm() -> None:
    plane, machines = pool_of(4)
    for each in machines[1:]:
        each.fault = StepKind.DELETE_MACHINE
    held(plane)
    machines[1].ready = None
    plane.run(20)
    assert machines[1].id not in plane.machines
    assert all(each.id in plane.machines for each in machines[2:])


def test_the_throttle_lets_three_in_an_hour_go() -> None:
    plane, machines = pool_of(20)
    for each in machines[:6]:
        each.fault = StepKind.DELETE_MACHINE
    begin = plane.now
    assert plane.run(600) == Settled()
    gone = [each.finished for each in plane.memory.attempts if each.step is StepKind.DELETE_MACHINE]
    assert len(gone) == 6
    assert gone[3] - begin > timedelta(hours=1)


def test_what_was_tried_is_forgotten_after_an_hour() -> None:
    plane, (machine, *_) = pool_of(5)
    tried = Attempt(
        subject=machine.id,
        step=StepKind.REBOOT,
        started=plane.now,
        finished=plane.now,
        outcome=Outcome.DONE,
    )
    memory = Memory().record(tried)
    soon, later = plane.now + timedelta(minutes=59), plane.now + timedelta(minutes=61)
    assert next_rung(memory, machine.id, soon).step is StepKind.REPLACE_SYSTEM_DISK
    assert next_rung(memory, machine.id, later).step is StepKind.RESTART_SERVICES


def test_a_stopped_worker_is_started() -> None:
    plane, (machine, *_) = pool_of(2)
    machine.status = "Stopped"
    assert plane.run() == Settled()
    assert plane.steps() == [StepKind.START_MACHINE]


def test_a_worker_that_does_not_start_is_deleted() -> None:
    plane, (machine, *_) = pool_of(2)
    machine.status = "Stopped"
    plane.failing = {StepKind.START_MACHINE: 3}
    assert plane.run() == Settled()
    assert machine.id not in plane.machines


def test_the_node_of_a_released_worker_is_deleted() -> None:
    plane, (machine, *_) = pool_of(2)
    plane.release(machine)
    assert plane.run() == Settled()
    assert plane.steps() == [StepKind.DELETE_NODE]


def test_a_machine_missing_from_one_list_is_not_gone() -> None:
    plane, (machine, *_) = pool_of(2)
    plane.release(machine)
    assert isinstance(plane.decide(), Hold)
    plane.machines[machine.id] = machine
    plane.stale_nodes.clear()
    assert plane.run() == Settled()
    assert plane.log == []


def test_a_strangers_node_is_left_alone() -> None:
    plane, _ = pool_of(2)
    plane.stale_nodes.add("virtual-kubelet")
    plane.run(5)
    assert plane.log == []


def test_a_deleted_node_is_replaced_with_its_machine() -> None:
    plane, (machine, *_) = pool_of(3)
    plane.decide()
    machine.ready = None
    assert plane.run() == Settled()
    assert plane.steps() == [StepKind.DELETE_MACHINE]


def test_many_nodes_gone_at_once_register_again() -> None:
    """As after a restore from an old backup."""
    plane, machines = pool_of(5)
    plane.decide()
    for each in machines:
        each.ready = None
    assert plane.run() == Settled()
    assert rungs(plane) == [StepKind.RESTART_SERVICES] * 5
    assert all(each.ready for each in machines)


def test_a_machine_that_never_joined_is_the_pools() -> None:
    plane, _ = pool_of(2)
    plane.launch(plane.zones[0], "a")
    plane.now += timedelta(hours=1)
    assert plane.run() == Settled()
    assert plane.log == []


def test_nobody_is_judged_while_the_api_is_away() -> None:
    plane, machines = pool_of(3)
    machines[0].fault = StepKind.REBOOT
    plane.decide()
    plane.api_out_of_reach = True
    plane.now += timedelta(hours=1)
    plane.run(40)
    assert {each.target.instance_id for each in plane.log} <= {each.id for each in plane.masters()}
    plane.api_out_of_reach = False
    # Patience begins anew: kubelets need a moment, too.
    plane.memory = Memory(joined=plane.memory.joined)
    assert isinstance(plane.decide(), Hold)


def test_a_kubelet_that_renews_its_lease_is_not_ill() -> None:
    """The controller manager has lost sight of it; it has not."""
    plane, (machine, *_) = pool_of(2)
    machine.fault = StepKind.REBOOT
    seen = plane.look()
    renewed = tuple(each.model_copy(update={"lease_renewed": plane.now}) for each in seen.nodes or ())
    memory = refreshed(plane.memory, seen.model_copy(update={"nodes": renewed}))
    assert not any("unready" in each for each in memory.first_seen)


# Masters.


@pytest.mark.parametrize("masters", [3, 5, 7])
@pytest.mark.parametrize("etcd_hit", [True, False])
@pytest.mark.parametrize("cure", LADDER)
def test_a_master_climbs_the_ladder_until_it_is_well(masters: int, etcd_hit: bool, cure: StepKind) -> None:
    plane = ControlPlane.of(masters)
    machine = plane.masters()[1]
    machine.fault, machine.etcd_hit = cure, etcd_hit
    settled(plane)
    assert rungs(plane, machine) == LADDER[: LADDER.index(cure) + 1]
    assert machine.id in plane.machines or cure is StepKind.DELETE_MACHINE


@pytest.mark.parametrize("masters", [1, 2])
def test_a_master_that_quorum_cannot_spare_is_replaced_by_a_new_one_first(masters: int) -> None:
    """Its etcd is well, its kubelet is not to be had: no rung takes it away before another is there."""
    plane = ControlPlane.of(masters)
    machine = plane.masters()[-1]
    machine.fault, machine.etcd_hit = StepKind.DELETE_MACHINE, False
    if masters == 1:
        # The only API server there is stays up with its containers.
        plane.serves = plane.quorate  # type: ignore[method-assign]
    settled(plane)
    steps = plane.steps()
    assert StepKind.REBOOT not in steps and StepKind.REPLACE_SYSTEM_DISK not in steps
    assert steps.index(StepKind.PROMOTE_MEMBER) < steps.index(StepKind.REMOVE_MEMBER)
    assert machine.id not in plane.machines


def test_two_of_five_masters_broken_are_healed_one_at_a_time() -> None:
    """kubernetes-sigs/cluster-api#10125: five masters, two lost, stuck."""
    plane = ControlPlane.of(5)
    broken = plane.masters()[1:3]
    for each in broken:
        each.fault = StepKind.DELETE_MACHINE
    settled(plane)
    destroyed = [
        each.target.instance_id for each in plane.log if each.step in (*LADDER[1:], StepKind.REMOVE_MEMBER)
    ]
    first = destroyed[0]
    assert destroyed == sorted(destroyed, key=lambda each: each != first)


def test_a_released_master_is_replaced() -> None:
    plane = ControlPlane.of(3)
    plane.release(plane.masters()[1])
    settled(plane)
    steps = plane.steps()
    assert steps.index(StepKind.REMOVE_MEMBER) < steps.index(StepKind.LAUNCH_MASTER)


def test_two_released_of_five_are_replaced() -> None:
    plane = ControlPlane.of(5)
    for each in plane.masters()[:2]:
        plane.release(each)
    settled(plane)


def test_a_stopped_master_is_started() -> None:
    plane = ControlPlane.of(3)
    plane.masters()[0].status = "Stopped"
    settled(plane)
    assert plane.steps() == [StepKind.START_MACHINE]


def test_a_master_that_does_not_start_is_replaced() -> None:
    plane = ControlPlane.of(3)
    machine = plane.masters()[0]
    machine.status = "Stopped"
    plane.failing = {StepKind.START_MACHINE: 3}
    settled(plane)
    assert machine.id not in plane.machines


@pytest.mark.parametrize("masters", [1, 2, 3, 5])
def test_a_master_whose_node_was_deleted_is_replaced_by_a_new_one_first(masters: int) -> None:
    plane = ControlPlane.of(masters)
    plane.decide()
    machine = plane.masters()[0]
    machine.ready = None
    if masters == 1:
        plane.serves = plane.quorate  # type: ignore[method-assign]
    settled(plane)
    steps = plane.steps()
    assert machine.id not in plane.machines
    assert steps.index(StepKind.PROMOTE_MEMBER) < steps.index(StepKind.REMOVE_MEMBER)


def test_a_wiped_data_directory_goes_straight_to_a_fresh_disk() -> None:
    plane = ControlPlane.of(3)
    machine = plane.masters()[1]
    member = plane.member_of(machine)
    assert member is not None
    member.data = False
    settled(plane)
    assert rungs(plane) == [StepKind.REPLACE_SYSTEM_DISK]
    assert machine.id in plane.machines
    assert member.id not in plane.etcd


def test_a_master_without_its_etcd_gets_no_requests_until_it_is_well() -> None:
    plane = ControlPlane.of(3)
    machine = plane.masters()[1]
    machine.fault, machine.kubelet_hit = StepKind.RESTART_SERVICES, False
    settled(plane)
    out, cure, back = plane.log
    assert (out.step, cure.step, back.step) == (
        StepKind.SET_BACKENDS,
        StepKind.RESTART_SERVICES,
        StepKind.SET_BACKENDS,
    )
    assert machine.id not in out.target.instance_ids
    assert machine.id in back.target.instance_ids


def test_the_last_master_stays_behind_the_load_balancer_however_it_is() -> None:
    plane = ControlPlane.of(1)
    plane.masters()[0].fault = StepKind.RESTART_SERVICES
    settled(plane)
    assert plane.steps() == [StepKind.RESTART_SERVICES]


def test_an_unstarted_member_of_a_lost_machine_is_removed_before_anyone_joins() -> None:
    plane = ControlPlane.of(3, 4)
    ghost = plane.launch(plane.zones[0])
    plane.add_member(ghost)
    plane.release(ghost)
    settled(plane)
    steps = plane.steps()
    assert steps.index(StepKind.REMOVE_MEMBER) < steps.index(StepKind.JOIN_ETCD)


def test_masters_replaced_too_often_are_throttled() -> None:
    plane = ControlPlane.of(3)
    for number in range(3):
        done = Attempt(
            subject=f"i-old-{number}",
            group=MASTERS,
            step=StepKind.DELETE_MACHINE,
            started=plane.now,
            finished=plane.now,
            outcome=Outcome.DONE,
        )
        plane.memory = plane.memory.record(done)
    plane.masters()[0].fault = StepKind.DELETE_MACHINE
    begin = plane.now
    while StepKind.REPLACE_SYSTEM_DISK not in plane.steps() and plane.now - begin < timedelta(hours=3):
        plane.turn()
    assert plane.now - begin > timedelta(hours=1)
    settled(plane)


def test_an_etcd_that_is_down_under_a_ready_node_is_healed() -> None:
    plane = ControlPlane.of(3)
    machine = plane.masters()[1]
    machine.fault, machine.kubelet_hit = StepKind.REPLACE_SYSTEM_DISK, False
    settled(plane)
    assert rungs(plane) == LADDER[:3]
    assert machine.id in plane.machines


# The whole control plane.


@pytest.mark.parametrize("masters", [1, 2, 3, 5])
def test_stopped_machines_are_started_and_nothing_is_restored(masters: int) -> None:
    plane = ControlPlane.of(masters)
    plane.decide()
    for each in plane.masters():
        each.status = "Stopped"
    settled(plane)
    assert set(plane.steps()) == {StepKind.START_MACHINE}


@pytest.mark.parametrize("cure", [StepKind.RESTART_SERVICES, StepKind.REBOOT])
@pytest.mark.parametrize("masters", [1, 2, 3, 5])
def test_processes_that_are_down_are_brought_back(masters: int, cure: StepKind) -> None:
    plane = ControlPlane.of(masters)
    plane.decide()
    for each in plane.masters():
        each.fault = cure
    settled(plane)
    assert set(rungs(plane)) <= {StepKind.RESTART_SERVICES, StepKind.REBOOT}
    assert StepKind.REMOVE_MEMBER not in plane.steps()


@pytest.mark.parametrize(("masters", "lost"), [(1, 1), (2, 1), (3, 2), (3, 3), (5, 3)])
def test_released_majorities_are_a_lost_quorum(masters: int, lost: int) -> None:
    plane = ControlPlane.of(masters)
    plane.decide()
    for each in plane.masters()[:lost]:
        plane.release(each)
    decision = plane.run()
    assert isinstance(decision, QuorumLost)
    assert plane.log == []
    assert sum("its machine is gone" in each for each in decision.evidence) == lost
    assert set(decision.survivors) == set(plane.machines)
    assert len(decision.members) == masters


def test_a_lost_majority_of_data_is_a_lost_quorum() -> None:
    plane = ControlPlane.of(3)
    plane.decide()
    for each in list(plane.etcd.values())[:2]:
        each.data = False
    decision = plane.run()
    assert isinstance(decision, QuorumLost)
    assert sum("its data is gone" in each for each in decision.evidence) == 2
    assert not any(each in LADDER[1:] for each in plane.steps())


def test_a_majority_that_nothing_brings_back_is_a_lost_quorum() -> None:
    plane = ControlPlane.of(3)
    for each in plane.masters()[:2]:
        each.fault = StepKind.DELETE_MACHINE
    decision = plane.run()
    assert isinstance(decision, QuorumLost)
    assert "in vain" in decision.reason
    assert set(plane.steps()) == {StepKind.RESTART_SERVICES, StepKind.REBOOT}
    assert len(decision.survivors) == 3


def test_quorum_is_not_lost_by_one_short_list() -> None:
    plane = ControlPlane.of(3)
    plane.decide()
    gone = plane.masters()[:2]
    for each in gone:
        plane.release(each)
    assert isinstance(plane.turn(), Hold)
    for each in gone:
        plane.machines[each.id] = each
        plane.stale_nodes.clear()
    assert plane.run() == Settled()


def test_an_api_out_of_reach_breaks_nothing() -> None:
    """The way to it is broken, not the masters: etcd is well."""
    plane = ControlPlane.of(3)
    plane.api_out_of_reach = True
    holds = [each for each in (plane.turn() for _ in range(12)) if isinstance(each, Hold)]
    assert {each.condition for each in holds} == {"ApiUnreachable"}
    assert any("wdrip recover" in each.reason for each in holds)
    assert set(plane.steps()) == {StepKind.RESTART_SERVICES}


def test_an_empty_load_balancer_is_filled_first() -> None:
    plane = ControlPlane.of(3)
    plane.backends = []
    settled(plane)
    assert plane.steps() == [StepKind.SET_BACKENDS]


def test_members_that_cannot_be_asked_are_not_lost_while_the_api_answers() -> None:
    """The Cloud Assistant is away; etcd is not."""
    plane = ControlPlane.of(3)
    plane.unseen = set(plane.etcd)
    plane.run(100)
    assert plane.log == []
    hold = plane.decide()
    assert isinstance(hold, Hold) and hold.condition == "EtcdUnknown"


def test_without_any_master_nothing_is_left_to_bring_back() -> None:
    plane = ControlPlane.of(1)
    plane.decide()
    plane.release(plane.masters()[0])
    decision = plane.run()
    assert isinstance(decision, QuorumLost)
    assert decision.survivors == ()


def test_healing_alone_holds_with_a_reason_while_the_api_is_unknown() -> None:
    plane = ControlPlane.of(1)
    seen = plane.look().model_copy(update={"api": Health.UNKNOWN, "members": None, "nodes": None})
    decision = plan_healing(seen, refreshed(Memory(), seen))
    assert isinstance(decision, Hold) and decision.reason and decision.until


# Anything at all.

FAULTS = st.sampled_from([*LADDER, "stopped", "released", "node deleted", "data", "etcd only"])


@given(
    masters=st.integers(3, 7),
    target=st.integers(1, 7),
    trouble=st.lists(st.tuples(st.integers(0, 30), FAULTS), max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_trouble_at_any_time_ends_well(
    masters: int, target: int, trouble: list[tuple[int, StepKind | str]]
) -> None:
    """Whatever breaks while masters come and go: no rule is broken, and the target is reached in the end,
    unless the quorum was taken from outside."""
    plane = ControlPlane.of(masters, target)
    plane.decide()
    for turns, what in trouble:
        plane.run(turns)
        victim = plane.masters()[turns % len(plane.masters())]
        if not _bearable(plane, victim):
            continue
        _break(plane, victim, what)
    for _ in range(8):
        # Throttles and longest pauses last an hour; a new day forgets them.
        decision = plane.run(150)
        if decision == Settled():
            break
        plane.now += timedelta(hours=1)
    settled(plane)


def _bearable(plane: ControlPlane, victim: Machine) -> bool:
    """Whether quorum survives that this machine goes."""
    votes = plane.voters()
    left = [each for each in votes if plane.well(each) and each.name != victim.name]
    behind = [each for each in plane.backends if each != victim.id and each in plane.machines]
    return len(left) > len(votes) // 2 and any(
        plane.machines[each].works and plane.machines[each].ready for each in behind
    )


def _break(plane: ControlPlane, victim: Machine, what: StepKind | str) -> None:
    member = plane.member_of(victim)
    match what:
        case "stopped":
            victim.status = "Stopped"
        case "released":
            plane.release(victim)
        case "node deleted":
            victim.ready = None
        case "data" if member is not None:
            member.data = False
        case "etcd only" if member is not None:
            victim.fault, victim.kubelet_hit = StepKind.REPLACE_SYSTEM_DISK, False
        case StepKind():
            victim.fault = what
