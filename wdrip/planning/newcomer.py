"""The way in for a master: from a machine to a voting member with a Node, one step after the other."""

from datetime import datetime, timedelta

from wdrip.models.observation import MASTERS, ClusterObservation, EtcdMember, Health, Memory, Outcome
from wdrip.models.step_kind import StepKind
from wdrip.planning import memory as symptoms
from wdrip.planning.decision import Act, Hold
from wdrip.planning.quorum import Change, ChangeKind, projection, voters
from wdrip.planning.replacement import MOST_TRIES
from wdrip.planning.retirement import target_of
from wdrip.planning.retries import failures, pause_until
from wdrip.planning.roster import Master
from wdrip.planning.safeguard import backup_first

BOOT_DEADLINE = timedelta(minutes=10)
"""From RunInstances to a running machine; the local cloud takes seconds, ECS one to two minutes."""

LEARNER_DEADLINE = timedelta(minutes=30)
"""From joining to caught up. Talos gives a join as long; a database of 8 GiB takes minutes to copy."""

LEARNER_ILL_DEADLINE = timedelta(minutes=10)
"""For a learner that is not healthy; Talos tries a promotion for as long."""

CAUGHT_UP = 0.9
"""etcd promotes a learner that has 90 % of the leader's log (`readyPercent`)."""


def next_step(observation: ClusterObservation, memory: Memory, master: Master) -> Act | Hold | None:
    """What brings an incomplete master further; None when nothing is missing but health."""
    if not master.running:
        return _machine_up(observation, memory, master)
    if master.member is None:
        return _joined(observation, memory, master)
    if master.member.learner:
        return _promoted(observation, memory, master, master.member)
    if _has_to_join_control_plane(memory, master):
        return _tried(observation, memory, master, StepKind.JOIN_CONTROL_PLANE, "it votes but has no Node")
    return None


def is_leftover(memory: Memory, master: Master) -> bool:
    """Whether the machine was a master before and is no member now: its data is of no use, so it goes.

    Not after a rung that began it anew: then it is to join again.
    """
    if master.member is not None:
        return False
    last = memory.last(master.id, StepKind.REMOVE_MEMBER, StepKind.REPLACE_SYSTEM_DISK, StepKind.JOIN_ETCD)
    if last is None:
        return master.id in memory.joined
    return last.step is StepKind.REMOVE_MEMBER


def _machine_up(observation: ClusterObservation, memory: Memory, master: Master) -> Act | Hold | None:
    if master.member is not None:
        # A master that was one before: healing starts it.
        return None
    if master.machine.status == "Stopped":
        return _tried(observation, memory, master, StepKind.START_MACHINE, "it is stopped")
    until = master.machine.created + BOOT_DEADLINE
    if observation.at >= until and master.id not in memory.joined:
        return _begin_anew(master, f"{master.id} is still {master.machine.status} after {BOOT_DEADLINE}")
    return Hold(reason=f"{master.id} is {master.machine.status}", until=max(until, observation.at))


def _joined(observation: ClusterObservation, memory: Memory, master: Master) -> Act | Hold:
    verdict = projection(observation.members or (), Change(ChangeKind.ADD_LEARNER))
    if not verdict.safe:
        return Hold(reason=f"{master.id} cannot join etcd yet: {verdict.reason}")
    return _tried(observation, memory, master, StepKind.JOIN_ETCD, "it is no member of etcd yet")


def _promoted(
    observation: ClusterObservation, memory: Memory, master: Master, learner: EtcdMember
) -> Act | Hold:
    at = observation.at
    since = symptoms.since(memory, symptoms.LEARNER, learner.id) or at
    if not learner.started and failures(memory, master.id, StepKind.JOIN_ETCD, at) < MOST_TRIES:
        return _tried(observation, memory, master, StepKind.JOIN_ETCD, "its member has never started")
    well = learner.started and learner.health is Health.HEALTHY
    until = since + (LEARNER_DEADLINE if well else LEARNER_ILL_DEADLINE)
    if at >= until or not learner.started:
        # A learner that stalls is removed, or it would block every later one.
        return _removed(observation, memory, master, at)
    if not well:
        return Hold(reason=f"learner {master.id} is not healthy", until=until)
    lag = _lag(learner, observation.members or ())
    if lag:
        return Hold(reason=f"learner {master.id} is catching up: {lag}", until=until)
    verdict = projection(observation.members or (), Change(ChangeKind.PROMOTE, learner.id))
    if not verdict.safe:
        reason = f"learner {master.id} is not promoted: {verdict.reason}"
        return Hold(reason=reason, until=until, condition="QuorumAtRisk")
    return _tried(observation, memory, master, StepKind.PROMOTE_MEMBER, f"caught up; {verdict.reason}")


def _removed(observation: ClusterObservation, memory: Memory, master: Master, at: datetime) -> Act | Hold:
    until = pause_until(memory, master.id, StepKind.REMOVE_MEMBER, at)
    if until is not None:
        return Hold(reason=f"learner {master.id} could not be removed and is tried again", until=until)
    change = f"removing learner {master.id}"
    return backup_first(observation, memory, "", change) or Act(
        step=StepKind.REMOVE_MEMBER,
        target=target_of(master),
        reason=f"learner {master.id} does not come up in time",
        group=MASTERS,
    )


def _lag(learner: EtcdMember, members: tuple[EtcdMember, ...]) -> str:
    """How far the learner is behind, in words; empty when it is not, or when it is not known: etcd itself
    refuses to promote one that is."""
    newest = max((each.revision or 0 for each in voters(members)), default=0)
    if learner.revision is None or learner.revision >= CAUGHT_UP * newest:
        return ""
    return f"revision {learner.revision} of {newest}"


def _has_to_join_control_plane(memory: Memory, master: Master) -> bool:
    if master.node is None:
        return master.id not in memory.joined
    last = memory.last(master.id, StepKind.REPLACE_SYSTEM_DISK, StepKind.JOIN_CONTROL_PLANE)
    if last is None:
        return False
    return last.step is StepKind.REPLACE_SYSTEM_DISK or last.outcome is Outcome.FAILED


def _tried(
    observation: ClusterObservation, memory: Memory, master: Master, step: StepKind, why: str
) -> Act | Hold:
    tries = failures(memory, master.id, step, observation.at)
    if tries >= MOST_TRIES and master.member is None:
        return _begin_anew(master, f"{step.value} failed {tries} times on {master.id}")
    until = pause_until(memory, master.id, step, observation.at)
    if until is not None:
        last = memory.last(master.id, step)
        detail = last.detail if last is not None else ""
        return Hold(reason=f"{step.value} failed on {master.id}: {detail or 'no reason given'}", until=until)
    if step in (StepKind.JOIN_ETCD, StepKind.PROMOTE_MEMBER):
        backup = backup_first(observation, memory, master.id, f"{step.value} of {master.id}")
        if backup is not None:
            return backup
    return Act(step=step, target=target_of(master), reason=f"{master.id}: {why}")


def _begin_anew(master: Master, why: str) -> Act:
    return Act(step=StepKind.DELETE_MACHINE, target=target_of(master), reason=why, group=MASTERS)
