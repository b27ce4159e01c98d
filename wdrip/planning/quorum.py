"""Which change to etcd's membership is safe.

A change is judged by what stands after it, at its worst: the newcomer counts as unhealthy, and so does every
member of which nothing is known. Learners never vote. Members of unknown health may well be the healthy ones,
so they count as voters, but never as healthy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from wdrip.models.observation import EtcdMember, Health


class ChangeKind(StrEnum):
    """What happens to the membership."""

    ADD_LEARNER = "add a learner"
    PROMOTE = "promote"
    REMOVE = "remove"
    INTERRUPT = "interrupt"
    """The member stays, but its machine goes away for a while, perhaps for good."""


@dataclass(frozen=True)
class Change:
    """A change to the membership; `member_id` names whom, except for a newcomer, who has none yet."""

    kind: ChangeKind
    member_id: str = ""


@dataclass(frozen=True)
class Projection:
    """The verdict on a change."""

    safe: bool
    reason: str
    """Why not; when safe, what remains."""


def voters(members: Sequence[EtcdMember]) -> tuple[EtcdMember, ...]:
    """The members that vote, unstarted ones included: etcd counts them from the moment they are added."""
    return tuple(each for each in members if not each.learner)


def learners(members: Sequence[EtcdMember]) -> tuple[EtcdMember, ...]:
    """The members that do not vote."""
    return tuple(each for each in members if each.learner)


def quorum(votes: int) -> int:
    """How many of so many voters must be healthy: ⌊votes/2⌋ + 1."""
    return votes // 2 + 1


def healthy(members: Sequence[EtcdMember]) -> tuple[EtcdMember, ...]:
    """The members that are known to be healthy. One that never started is not, whatever is said of it."""
    return tuple(each for each in members if each.health is Health.HEALTHY and each.started)


def has_quorum(members: Sequence[EtcdMember]) -> bool:
    """Whether enough voters are known to be healthy, so that etcd can take a change at all."""
    votes = voters(members)
    return len(healthy(votes)) >= quorum(len(votes))


def standing(members: Sequence[EtcdMember]) -> str:
    """`2 of 3 voters healthy, 2 needed`."""
    votes = voters(members)
    return f"{len(healthy(votes))} of {len(votes)} voters healthy, {quorum(len(votes))} needed"


def projection(members: Sequence[EtcdMember], change: Change) -> Projection:
    """Whether quorum holds before and after `change`.

    1 → 2 and 2 → 1 are narrow passages that cannot be avoided: in the first the newcomer's failure costs the
    quorum, in the second either member's. They are allowed only while every member concerned is healthy.
    """
    votes = voters(members)
    subject = next((each for each in members if each.id == change.member_id), None)
    if change.kind is not ChangeKind.ADD_LEARNER and subject is None:
        return Projection(False, f"{change.member_id or 'the member'} is not a member")
    if change.kind is ChangeKind.INTERRUPT:
        return _interrupted(members, subject)
    if not has_quorum(members):
        return Projection(False, f"etcd cannot take a change: {standing(members)}")
    match change.kind:
        case ChangeKind.ADD_LEARNER:
            return _learner_added(members)
        case ChangeKind.PROMOTE:
            return _promoted(votes, subject)
        case _:
            return _removed(votes, subject)


def _interrupted(members: Sequence[EtcdMember], subject: EtcdMember | None) -> Projection:
    votes = voters(members)
    return _verdict(len(votes), sum(each is not subject for each in healthy(votes)))


def _learner_added(members: Sequence[EtcdMember]) -> Projection:
    waiting = learners(members)
    if waiting:
        # etcd takes one learner at a time (--max-learners is 1 unless set).
        return Projection(False, f"learner {_name(waiting[0])} comes first: etcd takes one at a time")
    return Projection(True, f"a learner has no vote: {standing(members)}")


def _promoted(votes: Sequence[EtcdMember], subject: EtcdMember | None) -> Projection:
    if subject is None or not subject.learner:
        return Projection(False, f"{_name(subject)} votes already")
    if not healthy([subject]):
        return Projection(False, f"learner {_name(subject)} is not healthy")
    if len(votes) == 1:
        return Projection(True, "1 → 2: both members are healthy; until the next change neither may fail")
    return _verdict(len(votes) + 1, len(healthy(votes)))


def _removed(votes: Sequence[EtcdMember], subject: EtcdMember | None) -> Projection:
    if subject is not None and subject.learner:
        return Projection(True, "a learner has no vote")
    rest = [each for each in votes if each is not subject]
    if not rest:
        return Projection(False, f"{_name(subject)} is the last voter")
    return _verdict(len(rest), len(healthy(rest)))


def _verdict(votes: int, well: int) -> Projection:
    words = f"{well} of {votes} voters would be healthy, {quorum(votes)} needed"
    return Projection(well >= quorum(votes), words)


def _name(member: EtcdMember | None) -> str:
    if member is None:
        return "nobody"
    return member.name or f"{member.id} ({member.peer_url}, never started)"
