"""How workflows call activities and children: one way to time out, to retry and to be cancelled."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar, overload

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

HEARTBEAT = timedelta(seconds=10)
"""A dead worker is noticed after this long; `activities.interceptor` beats every two seconds."""
RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=0.5), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=20)
)
"""No count of attempts: a step is tried until its deadline, or until it fails permanently."""

Given = TypeVar("Given")
Result = TypeVar("Result")


@overload
async def act(
    method: Callable[[Any, Given], Coroutine[Any, Any, Result]],
    given: Given,
    *,
    summary: str,
    deadline: timedelta,
    cancellation: ActivityCancellationType = ...,
) -> Result: ...
@overload
async def act(
    method: Callable[[Any, Given], Result],
    given: Given,
    *,
    summary: str,
    deadline: timedelta,
    cancellation: ActivityCancellationType = ...,
) -> Result: ...
async def act(
    method: Callable[[Any, Any], Any],
    given: object,
    *,
    summary: str,
    deadline: timedelta,
    cancellation: ActivityCancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
) -> Any:
    """Run an activity (a method of an activity class) until it succeeds, at most for `deadline` in all.

    cancellation: one that only looks may be left behind when the caller is cancelled (`TRY_CANCEL`).

    Raises ActivityError when the activity failed permanently or its deadline passed.
    """
    return await to_its_end(
        workflow.start_activity_method(
            method,
            given,
            summary=summary,
            schedule_to_close_timeout=deadline,
            start_to_close_timeout=deadline,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRY,
            cancellation_type=cancellation,
        )
    )


async def to_its_end(handle: "asyncio.Task[Result]") -> Result:
    """Await an activity or child; when the caller is cancelled, cancel it, see it end, and stay cancelled.

    Awaiting the handle itself would forget the cancellation whenever the activity succeeds before it hears
    of it, and an activity left running would go on changing what is already being undone.
    """
    try:
        return await asyncio.shield(handle)
    except asyncio.CancelledError:
        handle.cancel()
        await asyncio.gather(handle, return_exceptions=True)
        raise


async def together(*jobs: Coroutine[Any, Any, Any]) -> None:
    """Run jobs side by side until all are done.

    When one fails, or when the caller is cancelled, the others are cancelled and waited for before the
    failure goes on: nothing still acts on the cloud while what was made is being undone.
    """
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    except (Exception, asyncio.CancelledError):
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
