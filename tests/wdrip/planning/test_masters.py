"""Masters come and go one step at a time, whatever happens in the middle."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wdrip.planning.control_planes import ZONES, ControlPlane, config
from wdrip.models.observation import Health, MasterSetState, Memory, Outcome
from wdrip.planning.decision import Act, Hold, Settled, StepKind
from wdrip.planning.masters import judge_target, plan_masters
from wdrip.planning.memory import refreshed

SIZES = range(1, 8)

VOTE = [StepKind.BACK_UP, StepKind.JOIN_ETCD, StepKind.PROMOTE_MEMBER]
SERVE = [StepKind.JOIN_CONTROL_PLANE, StepKind.SET_BACKENDS]
GROWTH = [StepKind.LAUNCH_MASTER, *VOTE, *SERVE]
SHRINK = [
    StepKind.SET_BACKENDS,
    StepKind.DRAIN,
    StepKind.BACK_UP,
    StepKind.REMOVE_MEMBER,
    StepKind.DELETE_MACHINE,
    StepKind.DELETE_NODE,
]


def settled(plane: ControlPlane) -> None:
    """The target is reached, and nothing is left over."""
    assert plane.run() == Settled()
    machines = plane.masters()
    assert len(machines) == plane.target
    assert {each.name for each in plane.etcd.values()} == {each.name for each in machines}
    assert not any(each.learner for each in plane.etcd.values())
    assert set(plane.backends) == {each.id for each in machines}
    assert all(each.works and each.ready and not each.cordoned for each in machines)
    assert not plane.stale_nodes


@pytest.mark.parametrize("begin", SIZES)
@pytest.mark.parametrize("end", SIZES)
def test_every_size_reaches_every_size(begin: int, end: int) -> None:
    plane = ControlPlane.of(begin, end)
    settled(plane)
    per_master = len(GROWTH) if end > begin else len(SHRINK)
    assert len(plane.log) <= abs(end - begin) * per_master


def test_growth_goes_by_two_whose_votes_come_one_after_the_other() -> None:
    plane = ControlPlane.of(1, 6)
    settled(plane)
    by_two = [StepKind.LAUNCH_MASTER, *VOTE, *VOTE, *SERVE]
    assert plane.steps() == [*by_two, *by_two, *GROWTH]


def test_a_newcomer_does_not_wait_for_one_whose_join_is_tried_again_later() -> None:
    plane = ControlPlane.of(3, 5)
    plane.failing = {StepKind.JOIN_ETCD: 1}
    settled(plane)
    one, other = (each.id for each in plane.masters()[3:])
    joins = [each.target.instance_id for each in plane.log if each.step is StepKind.JOIN_ETCD]
    assert joins == [one, other, one]


def test_two_newcomers_of_which_one_does_not_join_the_control_plane() -> None:
    plane = ControlPlane.of(1, 3)
    while StepKind.JOIN_CONTROL_PLANE not in plane.steps():
        plane.turn()
    both, (one, other) = plane.log[-1].target.instance_ids, plane.masters()[1:]
    assert both == (one.id, other.id)
    one.ready = None
    failed = plane.memory.attempts[-2].model_copy(update={"outcome": Outcome.FAILED})
    plane.memory = plane.memory.model_copy(
        update={"joined": (), "attempts": (*plane.memory.attempts[:-2], failed, plane.memory.attempts[-1])}
    )
    settled(plane)
    alone = [each.target.instance_ids for each in plane.log if each.step is StepKind.JOIN_CONTROL_PLANE]
    assert alone == [both, (one.id,)]


def test_shrinking_goes_by_one_in_this_order() -> None:
    plane = ControlPlane.of(3, 1)
    settled(plane)
    assert plane.steps() == SHRINK * 2


def test_new_masters_go_where_fewest_are() -> None:
    plane = ControlPlane.of(1, 5)
    settled(plane)
    zones = [each.zone for each in plane.masters()]
    assert sorted(zones.count(zone) for zone in ZONES) == [1, 2, 2]


def test_the_leader_stays_while_another_will_do() -> None:
    plane = ControlPlane.of(5, 1)
    leader = plane.etcd[plane.leader].name
    settled(plane)
    assert StepKind.MOVE_LEADER not in plane.steps()
    assert [each.name for each in plane.masters()] == [leader]


def test_a_broken_leader_hands_over_before_it_goes() -> None:
    """Its kubelet is gone, its etcd is well: it is the first to go, and it leads."""
    plane = ControlPlane.of(3, 2)
    leader = next(each for each in plane.masters() if each.name == plane.etcd[plane.leader].name)
    leader.fault, leader.etcd_hit = StepKind.DELETE_MACHINE, False
    settled(plane)
    steps = plane.steps()
    assert leader.id not in plane.machines
    assert steps.index(StepKind.MOVE_LEADER) < steps.index(StepKind.REMOVE_MEMBER)


def test_the_fullest_zone_gives_first_then_the_newest_goes() -> None:
    plane = ControlPlane.of(4, 3)
    settled(plane)
    assert sorted(each.zone for each in plane.masters()) == sorted(ZONES)
    assert "i-0001" in plane.machines


@given(first=st.integers(1, 7), second=st.integers(1, 7), third=st.integers(1, 7), after=st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_a_target_changed_in_the_middle(first: int, second: int, third: int, after: int) -> None:
    plane = ControlPlane.of(first, second)
    plane.run(after)
    plane.target = third
    settled(plane)


@pytest.mark.parametrize("after", range(1, 12))
def test_a_shrink_taken_back_leaves_no_cordon(after: int) -> None:
    plane = ControlPlane.of(3, 1)
    plane.run(after)
    plane.target = 3
    settled(plane)


@pytest.mark.parametrize("bad", [1, 2, 3])
def test_a_machine_that_never_joins_is_replaced(bad: int) -> None:
    plane = ControlPlane.of(3, 5)
    plane.bad_joins = bad
    settled(plane)


@pytest.mark.parametrize("step", [*GROWTH, StepKind.PROMOTE_MEMBER])
@pytest.mark.parametrize("times", [1, 2, 4])
def test_a_growing_step_that_fails_is_tried_again_or_gone_round(step: StepKind, times: int) -> None:
    plane = ControlPlane.of(1, 3)
    plane.failing = {step: times}
    settled(plane)


@pytest.mark.parametrize("step", SHRINK)
@pytest.mark.parametrize("times", [1, 2, 4])
def test_a_shrinking_step_that_fails_is_tried_again(step: StepKind, times: int) -> None:
    plane = ControlPlane.of(3, 1)
    plane.failing = {step: times}
    plane.run()
    assert len(plane.masters()) == 1
    assert len(plane.etcd) == 1


def test_a_zone_without_stock_is_gone_round() -> None:
    plane = ControlPlane.of(1, 2)
    plane.failing = {StepKind.LAUNCH_MASTER: 1}
    settled(plane)
    tried = [each.target.launches[0].zone_id for each in plane.log if each.step is StepKind.LAUNCH_MASTER]
    assert len(set(tried)) == 2


def test_when_no_zone_has_stock_the_reason_is_told() -> None:
    plane = ControlPlane.of(1, 3)
    plane.failing = {StepKind.LAUNCH_MASTER: 9}
    hold = next(each for each in (plane.turn() for _ in range(9)) if not isinstance(each, Act))
    assert isinstance(hold, Hold)
    assert hold.condition == "LaunchFailed"
    assert hold.until is not None and "broken on purpose" in hold.reason


def test_a_bucket_that_fails_holds_membership_changes_up() -> None:
    plane = ControlPlane.of(3, 1)
    plane.failing = {StepKind.BACK_UP: 1000}
    plane.run(60)
    assert StepKind.REMOVE_MEMBER not in plane.steps()
    hold = plane.turn()
    while isinstance(hold, Act):
        hold = plane.turn()
    assert isinstance(hold, Hold) and hold.condition == "BackupFailed"


def test_growth_waits_for_an_unhealthy_master() -> None:
    plane = ControlPlane.of(3, 5)
    plane.masters()[2].fault = StepKind.REBOOT
    decision = plane.decide()
    assert isinstance(decision, Hold)
    assert "i-0005" in decision.reason
    settled(plane)


def test_a_learner_that_is_behind_is_waited_for() -> None:
    plane = ControlPlane.of(1, 2)
    while StepKind.JOIN_ETCD not in plane.steps():
        plane.turn()
    seen = plane.look()
    behind = tuple(
        each.model_copy(update={"revision": 899}) if each.learner else each for each in seen.members or ()
    )
    decision = plan_masters(
        seen.model_copy(update={"members": behind}), refreshed(plane.memory, seen), config()
    )
    assert isinstance(decision, Hold)
    assert "revision 899 of 1000" in decision.reason
    assert decision.until is not None


def test_a_learner_that_never_catches_up_is_removed() -> None:
    plane = ControlPlane.of(1, 2)
    plane.failing = {StepKind.PROMOTE_MEMBER: 12}
    plane.run(60)
    assert plane.log[-1].step is not StepKind.PROMOTE_MEMBER
    settled(plane)


@pytest.mark.parametrize(
    ("replicas", "accepted", "reason"),
    [
        (-1, False, "ReplicasRefused"),
        (0, False, "ReplicasRefused"),
        (1, True, "ReplicasAccepted"),
        (2, True, "EvenMasters"),
        (3, True, "ReplicasAccepted"),
        (4, True, "EvenMasters"),
        (7, True, "ReplicasAccepted"),
        (8, True, "ManyMasters"),
        (9, True, "ManyMasters"),
    ],
)
def test_targets_are_judged(replicas: int, accepted: bool, reason: str) -> None:
    verdict = judge_target(replicas)
    assert (verdict.accepted, verdict.reason) == (accepted, reason)
    assert bool(verdict.message) is (reason != "ReplicasAccepted")


def test_a_refused_target_changes_nothing() -> None:
    plane = ControlPlane.of(3, 0)
    decision = plane.decide()
    assert isinstance(decision, Hold)
    assert decision.condition == "ReplicasRefused"


@pytest.mark.parametrize(
    ("changed", "condition"),
    [
        ({"api": Health.UNKNOWN}, "ApiUnreachable"),
        ({"nodes": None}, "ApiUnreachable"),
        ({"master_set": None}, "NoMasterSet"),
        ({"members": None}, "EtcdUnknown"),
        ({"members": ()}, "NoQuorum"),
    ],
)
def test_nothing_is_decided_from_what_could_not_be_read(changed: dict[str, object], condition: str) -> None:
    plane = ControlPlane.of(3, 1)
    seen = plane.look().model_copy(update=changed)
    decision = plan_masters(seen, Memory(), config())
    assert isinstance(decision, Hold)
    assert decision.condition == condition


def test_an_unknown_load_balancer_stops_a_shrink() -> None:
    plane = ControlPlane.of(3, 1)
    seen = plane.look().model_copy(update={"backends": None})
    decision = plan_masters(seen, refreshed(Memory(), seen), config())
    assert isinstance(decision, Hold)
    assert "load balancer" in decision.reason


def test_the_load_balancer_is_kept_true() -> None:
    plane = ControlPlane.of(3)
    plane.backends = [plane.backends[0], "i-long-gone"]
    settled(plane)
    assert plane.steps() == [StepKind.SET_BACKENDS]


def test_a_persons_own_cordon_stays() -> None:
    plane = ControlPlane.of(3)
    plane.masters()[0].cordoned = True
    assert plane.run() == Settled()
    assert plane.log == []


def test_a_newcomer_no_longer_wanted_goes_before_a_voter() -> None:
    plane = ControlPlane.of(3, 5)
    while StepKind.JOIN_ETCD not in plane.steps():
        plane.turn()
    plane.target = 3
    old = {each.id for each in plane.masters()[:3]}
    settled(plane)
    assert set(plane.machines) == old
    assert StepKind.PROMOTE_MEMBER not in plane.steps()


def test_a_lost_memory_costs_nothing_but_backups() -> None:
    """A cluster adopted from its index entry, at every point of a growth and a shrink."""
    for begin, end in ((1, 3), (3, 1)):
        for after in range(1, 13):
            plane = ControlPlane.of(begin, end)
            plane.run(after)
            plane.memory = Memory()
            plane.run()
            assert len(plane.masters()) == end
            assert len(plane.etcd) == end


def test_time_does_not_pass_unnoticed_while_waiting() -> None:
    """A machine that stays Pending is given up."""
    plane = ControlPlane.of(1, 2)
    plane.turn()
    plane.masters()[1].status = "Pending"
    hold = plane.turn()
    assert isinstance(hold, Hold) and hold.until is not None
    assert hold.until - plane.masters()[1].created == timedelta(minutes=10)
    settled(plane)


def test_generations_do_not_matter_to_the_decision() -> None:
    plane = ControlPlane.of(3, 1)
    seen = plane.look()
    newer = seen.model_copy(
        update={"master_set": MasterSetState(replicas=1, generation=7, observed_generation=3)}
    )
    memory = refreshed(Memory(), seen)
    assert plan_masters(seen, memory, config()) == plan_masters(newer, memory, config())
