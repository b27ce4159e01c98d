"""The backup that comes before etcd's membership or a master is changed."""

from datetime import datetime, timedelta

from wdrip.models.observation import ClusterObservation, Memory, Outcome
from wdrip.models.step_kind import StepKind
from wdrip.planning.decision import Act, Hold
from wdrip.planning.retries import pause_until

BACKUP_FRESH = timedelta(minutes=5)
"""A backup older than this is not the one taken before this change: what was written since would be lost."""

_CHANGES = frozenset(
    {
        StepKind.JOIN_ETCD,
        StepKind.PROMOTE_MEMBER,
        StepKind.REMOVE_MEMBER,
        StepKind.REBOOT,
        StepKind.REPLACE_SYSTEM_DISK,
    }
)


def backup_first(
    observation: ClusterObservation, memory: Memory, subject: str, change: str
) -> Act | Hold | None:
    """What has to happen before `change`; None when a fresh backup is there.

    subject: the master whose own changes since the backup do not make it stale, so that one backup serves a
    join and the promotion after it. Empty: every change does.
    """
    taken = next(
        (
            each.finished
            for each in reversed(memory.tried("", (StepKind.BACK_UP,)))
            if each.outcome is Outcome.DONE
        ),
        None,
    )
    if taken is not None and _serves(memory, subject, taken, observation.at):
        return None
    until = pause_until(memory, "", StepKind.BACK_UP, observation.at)
    if until is not None:
        last = memory.last("", StepKind.BACK_UP)
        detail = last.detail if last is not None else ""
        return Hold(
            reason=f"{change} waits for a backup, and the last try failed: {detail or 'no reason given'}",
            until=until,
            condition="BackupFailed",
        )
    return Act(step=StepKind.BACK_UP, reason=f"before: {change}")


def _serves(memory: Memory, subject: str, taken: datetime, at: datetime) -> bool:
    if at - taken > BACKUP_FRESH:
        return False
    return not any(
        each.finished > taken and each.step in _CHANGES and each.subject != subject
        for each in memory.attempts
    )
