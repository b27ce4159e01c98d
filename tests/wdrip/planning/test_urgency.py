"""What a running step is given up for, and what waits for its end."""

from collections.abc import Callable

import pytest

from tests.wdrip.planning.control_planes import ControlPlane, Machine
from wdrip.planning.decision import Act, StepKind, Target
from wdrip.planning.ladder import ILL_AFTER, SEEN_TWICE
from wdrip.planning.memory import refreshed
from wdrip.planning.urgency import more_urgent

OF_MASTERS = [
    StepKind.LAUNCH_MASTER,
    StepKind.JOIN_ETCD,
    StepKind.PROMOTE_MEMBER,
    StepKind.JOIN_CONTROL_PLANE,
    StepKind.BACK_UP,
    StepKind.DRAIN,
]
OF_POOLS = [StepKind.JOIN_WORKER, StepKind.GROW_POOLS, StepKind.SHRINK_POOL]


def running(step: StepKind, *machines: Machine) -> Act:
    return Act(
        step=step, target=Target(instance_ids=tuple(each.id for each in machines)), reason="it was wanted"
    )


def found(plane: ControlPlane, step: Act) -> str:
    """What the looks during a step come to, each as long after the other as trouble is given."""
    for _ in range(3):
        seen = plane.look()
        plane.memory = refreshed(plane.memory, seen)
        plane.now += 2 * ILL_AFTER
    return more_urgent(step, seen, plane.memory)


def lose_two(plane: ControlPlane) -> None:
    for each in plane.masters()[:2]:
        plane.release(each)


def stop_two(plane: ControlPlane) -> None:
    for each in plane.masters()[:2]:
        each.status = "Stopped"


def break_one_master(plane: ControlPlane) -> None:
    plane.masters()[0].fault = StepKind.RESTART_SERVICES


def break_a_worker(plane: ControlPlane) -> None:
    next(each for each in plane.machines.values() if each.pool).fault = StepKind.RESTART_SERVICES


def nothing(plane: ControlPlane) -> None:
    """All is well."""


@pytest.mark.parametrize(
    ("trouble", "given_up"),
    [
        (nothing, []),
        (break_a_worker, [StepKind.SHRINK_POOL]),
        (break_one_master, OF_POOLS),
        (stop_two, [*OF_MASTERS, *OF_POOLS]),
        (lose_two, [*OF_MASTERS, *OF_POOLS]),
    ],
)
def test_a_step_gives_way_to_what_matters_more(
    trouble: Callable[[ControlPlane], None], given_up: list[StepKind]
) -> None:
    gave_way = set()
    for step in StepKind:
        plane = ControlPlane.of(3)
        for _ in range(5):
            plane.worker("a")
        plane.decide()
        trouble(plane)
        if found(plane, running(step)):
            gave_way.add(step)
    assert gave_way == set(given_up)


def test_what_may_come_back_by_itself_is_waited_for() -> None:
    plane = ControlPlane.of(3)
    plane.decide()
    stop_two(plane)
    plane.now += SEEN_TWICE / 2
    seen = plane.look()
    assert not more_urgent(running(StepKind.JOIN_ETCD), seen, refreshed(plane.memory, seen))


def test_the_steps_own_machines_are_its_own_business() -> None:
    plane = ControlPlane.of(3)
    plane.decide()
    first, second, third = plane.masters()
    first.status = "Stopped"
    second.fault = StepKind.DELETE_MACHINE
    assert not found(plane, running(StepKind.JOIN_CONTROL_PLANE, first))
    assert first.id in found(plane, running(StepKind.JOIN_CONTROL_PLANE, third))


def test_a_lost_quorum_ends_the_join_of_its_survivor() -> None:
    plane = ControlPlane.of(3)
    plane.decide()
    lose_two(plane)
    (survivor,) = plane.masters()
    assert "lost its quorum" in found(plane, running(StepKind.JOIN_CONTROL_PLANE, survivor))
