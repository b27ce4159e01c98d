"""The projection against its definition, for every membership of up to seven."""

from itertools import combinations_with_replacement

import pytest

from wdrip.models.observation import EtcdMember, Health
from wdrip.planning.quorum import (
    Change,
    ChangeKind,
    has_quorum,
    learners,
    projection,
    quorum,
    standing,
    voters,
)

KINDS: dict[str, dict[str, object]] = {
    "healthy": {"health": Health.HEALTHY},
    "unhealthy": {"health": Health.UNHEALTHY},
    "unknown": {"health": Health.UNKNOWN},
    "learner": {"health": Health.HEALTHY, "learner": True},
    "ill learner": {"health": Health.UNHEALTHY, "learner": True},
    "unstarted": {"name": "", "health": Health.HEALTHY},
    "unstarted learner": {"name": "", "learner": True},
}
VOTING = ("healthy", "unhealthy", "unknown", "unstarted")

MEMBERSHIPS = [kinds for size in range(1, 8) for kinds in combinations_with_replacement(KINDS, size)]


def membership(kinds: tuple[str, ...]) -> tuple[EtcdMember, ...]:
    return tuple(
        EtcdMember.model_validate(
            {
                "id": f"{number:x}",
                "name": f"m{number}",
                "peer_url": f"https://10.0.0.{number}:2380",
                **KINDS[kind],
            }
        )
        for number, kind in enumerate(kinds)
    )


def majority(well: int, votes: int) -> bool:
    return 2 * well > votes


def test_every_membership_and_every_change() -> None:
    """Unknown and unstarted count as unhealthy voters, the newcomer as unhealthy, learners not at all."""
    assert len(MEMBERSHIPS) == 3431
    for kinds in MEMBERSHIPS:
        members = membership(kinds)
        votes = sum(kind in VOTING for kind in kinds)
        well = kinds.count("healthy")
        quorate = majority(well, votes)
        assert has_quorum(members) is quorate
        assert projection(members, Change(ChangeKind.ADD_LEARNER)).safe is (
            quorate and len(learners(members)) == 0
        )
        for member, kind in zip(members, kinds, strict=True):
            healthy = kind == "healthy"
            removed = (
                quorate
                if kind not in VOTING
                else quorate and votes > 1 and majority(well - healthy, votes - 1)
            )
            promoted = quorate and kind == "learner" and (votes == 1 or majority(well, votes + 1))
            for change, safe in (
                (ChangeKind.REMOVE, removed),
                (ChangeKind.PROMOTE, promoted),
                (ChangeKind.INTERRUPT, majority(well - healthy, votes)),
            ):
                verdict = projection(members, Change(change, member.id))
                assert verdict.safe is safe, (kinds, change, kind, verdict)
                assert verdict.reason


@pytest.mark.parametrize(
    ("kinds", "change", "safe"),
    [
        (("healthy", "learner"), ChangeKind.PROMOTE, True),
        (("unhealthy", "learner"), ChangeKind.PROMOTE, False),
        (("healthy", "ill learner"), ChangeKind.PROMOTE, False),
        (("healthy", "healthy", "learner"), ChangeKind.PROMOTE, True),
        (("healthy", "healthy", "unhealthy", "learner"), ChangeKind.PROMOTE, False),
        (("healthy", "healthy"), ChangeKind.REMOVE, True),
        (("healthy", "unknown"), ChangeKind.REMOVE, False),
        (("healthy",), ChangeKind.REMOVE, False),
        (("healthy",), ChangeKind.INTERRUPT, False),
        (("healthy", "healthy"), ChangeKind.INTERRUPT, False),
        (("healthy", "healthy", "healthy"), ChangeKind.INTERRUPT, True),
    ],
)
def test_the_narrow_passages(kinds: tuple[str, ...], change: ChangeKind, safe: bool) -> None:
    """1 → 2 and 2 → 1 pass only while everybody is healthy. The subject is the last member."""
    members = membership(kinds)
    assert projection(members, Change(change, members[-1].id)).safe is safe


def test_a_stranger_cannot_be_changed() -> None:
    members = membership(("healthy", "healthy", "healthy"))
    assert not projection(members, Change(ChangeKind.REMOVE, "ffff")).safe


def test_the_reason_counts() -> None:
    members = membership(("healthy", "unknown", "unhealthy"))
    assert standing(members) == "1 of 3 voters healthy, 2 needed"
    assert "1 of 3 voters healthy" in projection(members, Change(ChangeKind.REMOVE, members[2].id)).reason


def test_an_unstarted_voter_votes_from_the_moment_it_is_added() -> None:
    members = membership(("healthy", "healthy", "unstarted", "unstarted learner"))
    assert len(voters(members)) == 3
    assert [quorum(votes) for votes in range(1, 8)] == [1, 2, 2, 3, 3, 4, 4]
