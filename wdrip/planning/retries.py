"""When a step that failed may be tried again, and how often at all."""

from datetime import datetime, timedelta

from wdrip.models.observation import Memory, Outcome
from wdrip.models.step_kind import StepKind

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)

RECENT = timedelta(hours=1)
"""What was tried longer ago does not count any more. Cluster API waits as long before it forgets a
remediation (`minHealthyPeriod`)."""


def failures(memory: Memory, subject: str, step: StepKind, at: datetime) -> int:
    """How often the step has failed on the subject without a success since, recently."""
    count = 0
    for attempt in reversed(memory.tried(subject, (step,), at - RECENT)):
        if attempt.outcome is Outcome.DONE:
            break
        count += 1
    return count


def pause_until(memory: Memory, subject: str, step: StepKind, at: datetime) -> datetime | None:
    """When the step may be tried again on the subject: twice as long after each failure; None: now."""
    count = failures(memory, subject, step, at)
    last = memory.last(subject, step)
    if not count or last is None:
        return None
    until = last.finished + min(FIRST_PAUSE * 2 ** (count - 1), LONGEST_PAUSE)
    return until if until > at else None
