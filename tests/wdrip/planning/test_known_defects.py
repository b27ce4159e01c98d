"""Defects that other projects had or have, rebuilt as states; each must end well here.

The states are our own; only the fact that they went wrong, and where that is told, is taken from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.wdrip.planning.control_planes import ControlPlane, Machine
from tests.wdrip.planning.test_masters import settled
from wdrip.planning.decision import StepKind


@dataclass(frozen=True)
class Defect:
    """A state that went wrong elsewhere."""

    source: str
    what: str
    state: Callable[[], ControlPlane]
    never: tuple[StepKind, ...] = ()
    """Steps that must not be taken."""
    order: tuple[StepKind, ...] = ()
    """Steps that must come, in this order, perhaps with others between them."""
    most: dict[StepKind, int] | None = None
    """How often steps may come at most."""


def leader(plane: ControlPlane) -> Machine:
    return next(each for each in plane.masters() if each.name == plane.etcd[plane.leader].name)


def dead_leader() -> ControlPlane:
    plane = ControlPlane.of(3)
    leader(plane).fault = StepKind.DELETE_MACHINE
    return plane


def leader_without_kubelet(failing_moves: int = 0) -> ControlPlane:
    plane = ControlPlane.of(3)
    leader(plane).fault, leader(plane).etcd_hit = StepKind.DELETE_MACHINE, False
    plane.failing = {StepKind.MOVE_LEADER: failing_moves}
    return plane


def two_of_five_dead() -> ControlPlane:
    plane = ControlPlane.of(5)
    for each in plane.masters()[3:]:
        each.fault = StepKind.DELETE_MACHINE
    return plane


def unstarted_learner(of_a_lost_machine: bool) -> ControlPlane:
    plane = ControlPlane.of(1, 3)
    machine = plane.launch(plane.zones[1])
    plane.add_member(machine)
    if of_a_lost_machine:
        plane.release(machine)
    else:
        machine.fault = StepKind.DELETE_MACHINE
    return plane


def unstarted_voter() -> ControlPlane:
    plane = ControlPlane.of(3)
    ghost = plane.launch(plane.zones[0])
    plane.add_member(ghost, learner=False)
    plane.release(ghost)
    return plane


def stalled_learner() -> ControlPlane:
    plane = ControlPlane.of(3, 4)
    machine = plane.launch(plane.zones[1])
    plane.add_member(machine).name = machine.name
    machine.fault = StepKind.DELETE_MACHINE
    return plane


def endless_drain() -> ControlPlane:
    plane = ControlPlane.of(3, 1)
    plane.failing = {StepKind.DRAIN: 100}
    return plane


def shrinking(begin: int, end: int) -> ControlPlane:
    return ControlPlane.of(begin, end)


def removed_in_the_cloud_only() -> ControlPlane:
    plane = ControlPlane.of(3)
    plane.release(plane.masters()[2])
    return plane


def voter_before_its_replacement() -> ControlPlane:
    plane = ControlPlane.of(1)
    plane.decide()
    plane.masters()[0].ready = None
    plane.serves = plane.quorate  # type: ignore[method-assign]
    return plane


def join_that_fails() -> ControlPlane:
    plane = ControlPlane.of(3, 5)
    plane.bad_joins = 2
    return plane


DEFECTS = [
    Defect(
        "kubernetes-sigs/cluster-api#8465",
        "etcd's leader is on the machine that died; the remediation went through it",
        dead_leader,
        order=(StepKind.REMOVE_MEMBER, StepKind.DELETE_MACHINE, StepKind.LAUNCH_MASTER),
        never=(StepKind.MOVE_LEADER,),
    ),
    Defect(
        "kubernetes-sigs/cluster-api#8465, kubelet only",
        "etcd still leads under a dead kubelet",
        leader_without_kubelet,
        order=(StepKind.MOVE_LEADER, StepKind.REBOOT),
    ),
    Defect(
        "kubernetes-sigs/cluster-api#8465, leadership does not move",
        "after two tries the leader is removed all the same",
        lambda: leader_without_kubelet(100),
        most={StepKind.MOVE_LEADER: 6},
    ),
    Defect(
        "kubernetes-sigs/cluster-api#10125",
        "five masters, two lost: stuck",
        two_of_five_dead,
        order=(StepKind.REMOVE_MEMBER, StepKind.REMOVE_MEMBER),
    ),
    Defect(
        "kubernetes-sigs/cluster-api#13221",
        "an unstarted learner of a machine that is gone blocks every later join",
        lambda: unstarted_learner(of_a_lost_machine=True),
        order=(StepKind.REMOVE_MEMBER, StepKind.LAUNCH_MASTER, StepKind.JOIN_ETCD),
    ),
    Defect(
        "kubernetes/kubeadm#2997",
        "a learner never starts on a machine that is there",
        lambda: unstarted_learner(of_a_lost_machine=False),
        order=(StepKind.REMOVE_MEMBER, StepKind.DELETE_MACHINE, StepKind.LAUNCH_MASTER),
    ),
    Defect(
        "kubernetes/kubeadm#3269",
        "an unstarted voter counts against the quorum",
        unstarted_voter,
        order=(StepKind.REMOVE_MEMBER,),
        never=(StepKind.LAUNCH_MASTER,),
    ),
    Defect(
        "siderolabs/talos#13710, k3s-io/k3s#2329",
        "a learner stalls",
        stalled_learner,
        order=(StepKind.REMOVE_MEMBER, StepKind.LAUNCH_MASTER, StepKind.PROMOTE_MEMBER),
    ),
    Defect(
        "cluster-api's book, scaling.md; rancher/rancher#37499",
        "a drain that never ends",
        endless_drain,
        order=(StepKind.DRAIN, StepKind.REMOVE_MEMBER),
        most={StepKind.DRAIN: 2},
    ),
    Defect(
        "rancher/rancher#43173",
        "one master less takes two machines",
        lambda: shrinking(4, 3),
        most={StepKind.DELETE_MACHINE: 1, StepKind.REMOVE_MEMBER: 1},
    ),
    Defect(
        "aoxn/wdrip masterset.go",
        "5 → 3 → 1: machines were killed first, and their members removed later",
        lambda: shrinking(5, 1),
        order=(StepKind.REMOVE_MEMBER, StepKind.DELETE_MACHINE) * 4,
    ),
    Defect(
        "rancher/rancher#42034, CAPRKE2#263",
        "scaling to one lost the quorum",
        lambda: shrinking(3, 1),
        order=(StepKind.BACK_UP, StepKind.REMOVE_MEMBER) * 2,
    ),
    Defect(
        "sealerio/sealer#2337, labring/sealos#380",
        "a deleted master stays a member of etcd",
        removed_in_the_cloud_only,
        order=(StepKind.REMOVE_MEMBER, StepKind.DELETE_NODE, StepKind.LAUNCH_MASTER),
    ),
    Defect(
        "k0sproject/k0smotron#1481",
        "the voter was removed before the learner that replaces it was promoted",
        voter_before_its_replacement,
        order=(StepKind.PROMOTE_MEMBER, StepKind.REMOVE_MEMBER),
    ),
    Defect(
        "aoxn/wdrip etcd.go",
        "new members joined as voters, before they were known to start",
        join_that_fails,
        order=(StepKind.JOIN_ETCD, StepKind.REMOVE_MEMBER, StepKind.DELETE_MACHINE),
    ),
]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.source)
def test_it_ends_well_here(defect: Defect) -> None:
    plane = defect.state()
    settled(plane)
    steps = plane.steps()
    assert not set(defect.never) & set(steps)
    rest = iter(steps)
    assert all(step in rest for step in defect.order), (defect.what, steps)
    for step, times in (defect.most or {}).items():
        assert steps.count(step) <= times, (defect.what, step)


def test_a_drain_without_end_delays_by_its_deadline_only() -> None:
    """The drain's own deadline is the step's; the plan goes on after it, with the failure remembered."""
    plane = endless_drain()
    begin = plane.now
    settled(plane)
    assert plane.now - begin < timedelta(minutes=10)
