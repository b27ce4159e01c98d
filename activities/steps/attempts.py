"""What is remembered of a step that was carried out."""

from collections.abc import Callable
from datetime import UTC, datetime

from temporalio import activity

from activities.tasks import StepResult, StepTask
from wdrip.errors import PermanentError
from wdrip.models.observation import Attempt, Outcome


def attempted(task: StepTask, work: Callable[[], str | None]) -> StepResult:
    """Do `work` and tell how it went; what it returns is the attempt's detail.

    A PermanentError is an outcome, for the next decision to reckon with; anything else is raised.
    """
    return StepResult(attempts=(attempted_on(task, task.act.target.subject, work),))


def attempted_on(task: StepTask, subject: str, work: Callable[[], str | None]) -> Attempt:
    """The same for one of a step's subjects."""
    try:
        detail = work() or ""
    except PermanentError as error:
        return attempt(task, Outcome.FAILED, str(error), subject=subject)
    return attempt(task, Outcome.DONE, detail, subject=subject)


def attempt(
    task: StepTask,
    outcome: Outcome,
    detail: str = "",
    *,
    subject: str | None = None,
    group: str | None = None,
    blocked_by: str = "",
) -> Attempt:
    """An attempt at this step that ends now; subject and group are the act's own unless given."""
    return Attempt(
        subject=task.act.target.subject if subject is None else subject,
        group=task.act.group if group is None else group,
        step=task.act.step,
        # When it was first scheduled: the same for all subjects, and however often Temporal repeats it.
        started=activity.info().scheduled_time,
        finished=datetime.now(UTC),
        outcome=outcome,
        detail=detail,
        blocked_by=blocked_by,
    )
