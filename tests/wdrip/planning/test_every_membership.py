"""Every membership of up to seven, in every health, under growing, keeping and shrinking targets.

Each step that is chosen keeps quorum, also when everything unknown is dead and the newcomer fails at once.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations_with_replacement

import pytest

from tests.wdrip.planning.control_planes import ControlPlane
from wdrip.models.observation import Attempt, EtcdMember, Health, Memory, Outcome
from wdrip.planning.decision import Act, Hold, QuorumLost, Settled, StepKind

STATES = ("healthy", "unhealthy", "unknown", "learner", "unstarted")
TURNS = 6
"""As many looks as lead from any state through backup, drain and leader to the change itself."""


def plane_of(states: tuple[str, ...], target: int, prepared: bool) -> ControlPlane:
    """prepared: backed up, symptoms old, everything tried that comes before a master's replacement."""
    plane = ControlPlane.of(len(states), target)
    plane.leader = ""
    for machine, state in zip(plane.masters(), states, strict=True):
        member = plane.member_of(machine)
        assert member is not None
        match state:
            case "unhealthy":
                machine.fault = StepKind.DELETE_MACHINE
            case "unknown":
                plane.unseen.add(member.id)
            case "learner":
                member.learner, machine.ready = True, None
                plane.backends.remove(machine.id)
            case "unstarted":
                member.learner, member.name, machine.ready = True, "", None
                plane.backends.remove(machine.id)
    if prepared:
        plane.decide()
        plane.now += timedelta(hours=2)
        plane.memory = tried(plane)
    return plane


def tried(plane: ControlPlane) -> Memory:
    """A fresh backup, and every rung but the last on every master that is not well."""
    memory = plane.memory
    ended = plane.now - timedelta(minutes=15)
    rungs = (StepKind.RESTART_SERVICES, StepKind.DRAIN, StepKind.REBOOT, StepKind.REPLACE_SYSTEM_DISK)
    attempts = [
        (each.id, step)
        for each in plane.masters()
        if each.fault is not None or not each.ready
        for step in rungs
    ]
    for subject, step in [*attempts, ("", StepKind.BACK_UP)]:
        finished = ended if subject else plane.now
        memory = memory.record(
            Attempt(subject=subject, step=step, started=finished, finished=finished, outcome=Outcome.DONE)
        )
    return memory


def surely_healthy(members: tuple[EtcdMember, ...]) -> int:
    return sum(each.health is Health.HEALTHY and bool(each.name) and not each.learner for each in members)


def check(act: Act, members: tuple[EtcdMember, ...]) -> None:
    """The rule, spelt out: votes and sure health after the step, the newcomer dead."""
    votes = sum(not each.learner for each in members)
    well = surely_healthy(members)
    subject = next((each for each in members if each.id == act.target.member_id), None)
    quorate = 2 * well > votes
    voted = subject is not None and not subject.learner
    sure = subject is not None and subject.health is Health.HEALTHY and bool(subject.name)
    match act.step:
        case StepKind.JOIN_ETCD:
            assert quorate
            assert subject is not None or not any(each.learner for each in members), "a second learner"
        case StepKind.REMOVE_MEMBER:
            assert quorate and subject is not None
            assert not voted or 2 * (well - sure) > votes - 1
        case StepKind.PROMOTE_MEMBER:
            assert quorate and sure and not voted
            assert votes == 1 or 2 * well > votes + 1
        case StepKind.REBOOT | StepKind.REPLACE_SYSTEM_DISK:
            # Without quorum a reboot has nothing left to cost.
            assert not quorate or 2 * (well - (voted and sure)) > votes
        case StepKind.DELETE_MACHINE:
            assert subject is None


def cases(size: int) -> Iterator[tuple[ControlPlane, int]]:
    for states in combinations_with_replacement(STATES, size):
        for target in sorted({1, size, size + 1}):
            for prepared in (False, True):
                yield plane_of(states, target, prepared), target


@pytest.mark.parametrize("size", range(1, 8))
def test_no_step_costs_the_quorum(size: int) -> None:
    seen: set[StepKind] = set()
    for plane, target in cases(size):
        # Whatever does not change a membership's fate may come first; look until a step does.
        for _ in range(TURNS):
            members = plane.look().members or ()
            decision = plane.turn()
            if isinstance(decision, Act):
                check(decision, members)
                seen.add(decision.step)
            elif isinstance(decision, QuorumLost):
                assert 2 * surely_healthy(members) <= sum(not each.learner for each in members)
                assert decision.evidence
                break
            elif isinstance(decision, Hold):
                # Everything has been seen for hours, or nothing has: time alone changes little.
                assert decision.reason
                break
            else:
                assert isinstance(decision, Settled)
                assert surely_healthy(members) == len(plane.masters()) == target
                break
    assert StepKind.BACK_UP in seen
    if size >= 3:
        assert StepKind.REMOVE_MEMBER in seen
