"""Waiting for the outside world: with a deadline, a reason that can be read, and an ear for cancellation."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel
from temporalio import activity
from temporalio.exceptions import CancelledError

from wdrip.errors import PermanentError

FIRST_INTERVAL = 0.3
LONGEST_INTERVAL = 5.0
SHARE_OF_ELAPSED = 0.05
"""Look again after a twentieth of the time already waited: what is quick is seen at once, what is slow is
noticed at most a twentieth late, and a long wait costs few calls."""
MARGIN = timedelta(seconds=10)
"""Kept back from the activity's own limit: a wait ends with its reason rather than with a time-out."""

Found = TypeVar("Found")


class Waiting(BaseModel):
    """Heartbeat details of a waiting activity: what the Web UI shows for it."""

    waiting_for: str
    since: datetime
    until: datetime
    seen: str = ""
    """What the last look showed."""


class Look(BaseModel):
    """What a probe that has not found it yet saw."""

    seen: str


def deadline() -> datetime:
    """When the running activity must have given up: its limit over all attempts, less a margin."""
    info = activity.info()
    limit = info.schedule_to_close_timeout or info.start_to_close_timeout or timedelta(minutes=1)
    return info.scheduled_time + limit - min(MARGIN, limit / 10)


def check_deadline(what: str, seen: str, remedy: str) -> None:
    """Raise PermanentError, told as by `wait_for`, when the activity's deadline has passed."""
    now = datetime.now(UTC)
    if now >= deadline():
        waited = timedelta(seconds=int((now - activity.info().scheduled_time).total_seconds()))
        raise PermanentError(f"waited {waited} for {what}; last seen: {seen}; {remedy}")


def wait_for(what: str, probe: Callable[[], Found | Look], remedy: str) -> Found:
    """Call `probe` until it returns something other than a `Look`, and return that.

    `what` completes "waits for …"; `remedy` completes the error when the deadline passes and tells the
    person what to do.

    Raises PermanentError at the deadline, CancelledError when the activity is cancelled, and whatever
    the probe raises.
    """
    since = datetime.now(UTC)
    while True:
        found = probe()
        if not isinstance(found, Look):
            return found
        check_deadline(what, found.seen, remedy)
        activity.heartbeat(Waiting(waiting_for=what, since=since, until=deadline(), seen=found.seen))
        elapsed = (datetime.now(UTC) - since).total_seconds()
        pause(min(LONGEST_INTERVAL, max(FIRST_INTERVAL, elapsed * SHARE_OF_ELAPSED)))


def pause(seconds: float) -> None:
    """Sleep inside an activity; a cancellation wakes it and raises CancelledError."""
    activity.wait_for_cancelled_sync(seconds)
    if activity.is_cancelled():
        raise CancelledError("cancelled while it waited")
