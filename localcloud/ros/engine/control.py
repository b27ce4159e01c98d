"""How a running operation is held up from outside: cancelled by a person, or out of time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from localcloud.core.errors import ApiError

_Result = TypeVar("_Result")


class Control:
    """Tells an operation to stop.

    stopping: begin nothing more. aborting: break off what only waits, too. Both are events; `reason` says
    why once `stopping` is set.
    """

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.aborting = asyncio.Event()
        self.reason = ""

    def stop(self, reason: str, *, abort: bool) -> None:
        """Stop; with `abort` without waiting for waits. The first reason stands."""
        self.reason = self.reason or reason
        self.stopping.set()
        if abort:
            self.aborting.set()

    async def unless_aborted(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """The result of `work`, which is broken off at an abort. Raises ApiError then."""
        task = asyncio.create_task(work)
        aborted = asyncio.create_task(self.aborting.wait())
        try:
            await asyncio.wait({task, aborted}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ApiError(400, "OperationInterrupted", self.reason)
            return task.result()
        finally:
            aborted.cancel()
            task.cancel()
            await asyncio.gather(task, aborted, return_exceptions=True)
