"""Which masters have to be replaced: a new one comes, and they go."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from wdrip import names
from wdrip.models.observation import MASTERS, ClusterObservation, Health, Memory, Outcome
from wdrip.models.step_kind import StepKind
from wdrip.planning import memory as symptoms
from wdrip.planning.ladder import ILL_AFTER, SEEN_TWICE, Rung, next_rung, tried_in_words, under_way
from wdrip.planning.quorum import Change, ChangeKind, projection
from wdrip.planning.retries import RECENT, failures
from wdrip.planning.roster import Master, is_well
from wdrip.planning.storm import is_storm, showing, throttled_until

MOST_TRIES = 3
"""Of a join or a start of one machine; after that a fresh machine is the cheaper try."""

JOIN_GRACE = timedelta(minutes=5)
"""A Node that has just joined is NotReady until its pod network is there."""


def to_replace(observation: ClusterObservation, memory: Memory, masters: Sequence[Master]) -> dict[str, str]:
    """Instance id to the reason why the master has to be replaced, the oldest first.

    Empty when the API cannot be asked: nobody is judged by what could not be read.
    """
    if observation.api is not Health.HEALTHY or observation.nodes is None or observation.members is None:
        return {}
    missing = showing(memory, [each.id for each in masters], (symptoms.NODE_MISSING,))
    wanted = observation.master_set.replicas if observation.master_set is not None else len(masters)
    spare = len(masters) > wanted
    reasons: dict[str, str] = {}
    for each in masters:
        reason = _reason(observation, memory, each, is_storm(len(missing), len(masters)))
        if not reason and spare and is_ill(observation, memory, each):
            # No rung is climbed on one that can simply go.
            reason = f"{each.id} is unwell, and there are more masters than wanted"
        if reason and throttled_until(memory, MASTERS, len(masters), each.id, observation.at) is None:
            reasons[each.id] = reason
    return reasons


def is_ill(observation: ClusterObservation, memory: Memory, master: Master) -> bool:
    """Whether the master's Node or member has been unwell for longer than patience."""
    at = observation.at
    if not master.running or not master.votes or _is_rejoining(memory, master):
        # What is still on its way in has deadlines of its own.
        return False
    if master.member is not None and master.member.data_missing:
        since = symptoms.since(memory, symptoms.MEMBER_ILL, master.id)
        return since is not None and at - since >= SEEN_TWICE
    grace = _join_grace(memory, master)
    if grace is not None and at < grace:
        return False
    starts = (symptoms.since(memory, kind, master.id) for kind in (symptoms.UNREADY, symptoms.MEMBER_ILL))
    return any(start is not None and at - start >= ILL_AFTER for start in starts)


def given_time(memory: Memory, master: Master, at: datetime) -> datetime | None:
    """Until when the master's last rung, or its join, is given time to help; None when none is."""
    times = (under_way(memory, master.id, at), _join_grace(memory, master))
    until = max((each for each in times if each is not None), default=at)
    return until if until > at else None


def rung_for(observation: ClusterObservation, memory: Memory, master: Master) -> Rung:
    """The next rung for an ill master. Those that take its member away for a while are skipped unless the
    quorum bears it."""
    members = observation.members or ()
    skipped: set[StepKind] = set()
    if master.member is not None:
        if not projection(members, Change(ChangeKind.INTERRUPT, master.member.id)).safe:
            skipped = {StepKind.REBOOT, StepKind.REPLACE_SYSTEM_DISK}
        elif not projection(members, Change(ChangeKind.REMOVE, master.member.id)).safe:
            skipped = {StepKind.REPLACE_SYSTEM_DISK}
    lost = master.member is not None and master.member.data_missing
    return next_rung(memory, master.id, observation.at, skipped, since=2 if lost else 0)


def leaves_now(
    observation: ClusterObservation, masters: Sequence[Master], replaced: Mapping[str, str]
) -> Master | None:
    """Which of those to be replaced goes before anything else happens; None when others have to come first.

    What is broken goes before its replacement comes (etcd's FAQ): it only counts against the quorum. What
    still votes well goes after.
    """
    going = [each for each in masters if each.id in replaced]
    broken = next((each for each in going if not (each.votes and each.etcd_healthy)), None)
    if broken is not None or not going or observation.master_set is None:
        return broken
    serving = [
        each for each in masters if each.id not in replaced and each.behind and is_complete(observation, each)
    ]
    return going[0] if len(serving) >= observation.master_set.replicas else None


def is_begun_anew(observation: ClusterObservation, memory: Memory, master: Master) -> bool:
    """Whether the master has left etcd for a fresh system disk that it has not got yet."""
    if master.member is not None or master.node is None or not master.running:
        return False
    last = memory.last(master.id, StepKind.REMOVE_MEMBER, StepKind.JOIN_ETCD, StepKind.REPLACE_SYSTEM_DISK)
    left_for_rung = last is not None and last.step is StepKind.REMOVE_MEMBER and last.group == MASTERS
    tried = memory.tried(master.id, (StepKind.REPLACE_SYSTEM_DISK,), observation.at - RECENT)
    masters = sum(each.role == names.ROLE_MASTER for each in observation.machines)
    wanted = observation.master_set is not None and masters <= observation.master_set.replicas
    return left_for_rung and not tried and wanted


def is_complete(observation: ClusterObservation, master: Master) -> bool:
    """Whether the master does all that a master does, but for the load balancer."""
    return (
        master.running
        and master.votes
        and master.etcd_healthy
        and master.node is not None
        and is_well(master.node, observation.at)
    )


def _join_grace(memory: Memory, master: Master) -> datetime | None:
    joined = memory.last(master.id, StepKind.JOIN_CONTROL_PLANE)
    return joined.finished + JOIN_GRACE if joined is not None and joined.outcome is Outcome.DONE else None


def _is_rejoining(memory: Memory, master: Master) -> bool:
    last = memory.last(master.id, StepKind.REPLACE_SYSTEM_DISK, StepKind.JOIN_CONTROL_PLANE)
    return last is not None and last.step is StepKind.REPLACE_SYSTEM_DISK and last.outcome is Outcome.DONE


def _reason(observation: ClusterObservation, memory: Memory, master: Master, storm: bool) -> str:
    at = observation.at
    missing = symptoms.since(memory, symptoms.NODE_MISSING, master.id)
    if missing is not None and not storm and at - missing >= SEEN_TWICE and master.member is not None:
        return f"the Node of {master.id} was deleted"
    if failures(memory, master.id, StepKind.START_MACHINE, at) >= MOST_TRIES and not master.running:
        return f"{master.id} does not start"
    if master.votes and failures(memory, master.id, StepKind.JOIN_CONTROL_PLANE, at) >= MOST_TRIES:
        return f"{master.id} does not join the control plane"
    if is_ill(observation, memory, master):
        rung = rung_for(observation, memory, master)
        if rung.step is StepKind.DELETE_MACHINE and rung.due(at):
            return f"{master.id} does not get well {tried_in_words(memory, master.id, at)}".rstrip()
    return ""
