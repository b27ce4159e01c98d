"""A step that is being carried out, and that may be given up for something more urgent."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.tasks import StepResult


class GivenUp(Exception):
    """The step was ended before its end; its words are the reason."""


class Underway:
    """One step, from before its beginning to its end."""

    def __init__(self) -> None:
        self._task: asyncio.Task[StepResult] | None = None
        self._reason = ""

    @property
    def ended(self) -> bool:
        """Whether it was carried out, or broke, or was given up."""
        return self._task is not None and self._task.done()

    def give_up(self, reason: str) -> None:
        """End the step, if it runs; what it began on a machine is seen by the next look."""
        if self._task is not None and not self._task.done():
            self._reason = reason
            self._task.cancel()

    async def carry_out(self, work: Coroutine[Any, Any, StepResult]) -> StepResult:
        """What became of it. Raises GivenUp, or what the work raises."""
        task = self._task = asyncio.create_task(work)
        try:
            # Not the task itself: a cancellation of the caller must not be taken for one of the step.
            await workflow.wait_condition(task.done)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        if task.cancelled():
            raise GivenUp(self._reason)
        return task.result()
