"""Reading failures: what went wrong in words, out of Temporal's nested exceptions."""

from temporalio import exceptions
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, FailureError


def root(error: BaseException) -> BaseException:
    """The innermost failure: the activity's own error rather than "Activity task failed".

    A time-out stays itself unless it carries the last attempt's failure.
    """
    while (
        isinstance(error, ActivityError | ChildWorkflowError | exceptions.TimeoutError)
        and error.cause is not None
    ):
        error = error.cause
    return error


def failure_type(error: BaseException) -> str:
    """The `ApplicationError` type at the root, or the exception's class name."""
    found = root(error)
    if isinstance(found, ApplicationError) and found.type:
        return found.type
    return type(found).__name__


def reason(error: BaseException) -> str:
    """Why it failed, in words for a person."""
    found = root(error)
    words = found.message if isinstance(found, FailureError) else str(found)
    if _timed_out(error):
        return f"gave up at the step's deadline; the last attempt said: {words}"
    return words or type(found).__name__


def plain(error: FailureError) -> ApplicationError:
    """The activity's own error, as whoever asked for the work sees it."""
    found = root(error)
    details = found.details if isinstance(found, ApplicationError) else ()
    return ApplicationError(reason(error), *details, type=failure_type(error), non_retryable=True)


def _timed_out(error: BaseException | None) -> bool:
    while isinstance(error, ActivityError | ChildWorkflowError):
        error = error.cause
    return isinstance(error, exceptions.TimeoutError)
