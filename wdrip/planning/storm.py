"""When so much is broken at once that the machines are not what is broken."""

from collections.abc import Collection, Sequence
from datetime import datetime

from wdrip.models.observation import Memory
from wdrip.models.step_kind import StepKind
from wdrip.planning import memory as symptoms
from wdrip.planning.retries import RECENT

BRAKE = 0.4
"""Above this part of a pool nothing destructive is done. Cluster API's brake is off unless set."""

FEWEST_REPLACEMENTS = 3
"""So many machines of a group may be replaced in an hour, or a tenth of it if that is more."""

_REPLACING = frozenset({StepKind.REMOVE_MEMBER, StepKind.REPLACE_SYSTEM_DISK, StepKind.DELETE_MACHINE})


def is_storm(ill: int, size: int) -> bool:
    """Whether the brake is on. One machine alone is never a storm: a pool of one could not be healed."""
    return ill > 1 and ill > BRAKE * size


def showing(memory: Memory, instance_ids: Sequence[str], kinds: Collection[str]) -> tuple[str, ...]:
    """Which of the machines show one of the symptoms, and those whose services were restarted since the first
    of them did: curing some of many must not make the rest look like few."""
    began = {
        instance: min(since)
        for instance in instance_ids
        if (since := [at for kind in kinds if (at := symptoms.since(memory, kind, instance)) is not None])
    }
    first = min(began.values(), default=None)
    if first is None:
        return ()
    return tuple(
        each
        for each in instance_ids
        if each in began or memory.tried(each, (StepKind.RESTART_SERVICES,), first)
    )


def throttled_until(memory: Memory, group: str, size: int, besides: str, at: datetime) -> datetime | None:
    """When the next machine of the group may be replaced; None: now.

    besides: the machine in question, whose own earlier steps do not count against it.
    """
    newest: dict[str, datetime] = {}
    for each in memory.attempts:
        if each.group == group and each.step in _REPLACING and each.subject and each.finished > at - RECENT:
            newest[each.subject] = each.finished
    newest.pop(besides, None)
    allowed = max(FEWEST_REPLACEMENTS, size // 10)
    if len(newest) < allowed:
        return None
    return sorted(newest.values())[-allowed] + RECENT
