"""What child workflows share: their progress is the parent's progress."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from wdrip.models.cluster import Progress
from workflows.board import Board, StepPlan
from workflows.details import render

REPORT_SIGNAL = "report"
"""Signal of the parent that takes a child's `Progress`."""


class ReportingBoard(Board):
    """A child workflow's board: shows its progress, and sends it to the parent as it changes.

    Reports run beside the work, one at a time; what changes while one is under way goes with the next.
    """

    def __init__(self, plans: tuple[StepPlan, ...]) -> None:
        self._unsent = False
        self._sender: asyncio.Task[None] | None = None
        super().__init__(Progress(steps=[plan.blank() for plan in plans]), self._show)

    @asynccontextmanager
    async def reporting(self) -> AsyncIterator[None]:
        """Run the child's work as the body; at its end the parent has every report."""
        try:
            yield
        except (Exception, asyncio.CancelledError):
            await self._flush()
            raise
        await self._flush()

    async def _flush(self) -> None:
        if self._sender:
            await self._sender

    def _show(self) -> None:
        workflow.set_current_details(render(self.progress))
        self._unsent = True
        if workflow.info().parent and (self._sender is None or self._sender.done()):
            self._sender = asyncio.create_task(self._send())

    async def _send(self) -> None:
        parent = workflow.info().parent
        while parent and self._unsent:
            self._unsent = False
            handle = workflow.get_external_workflow_handle(parent.workflow_id, run_id=parent.run_id)
            try:
                await handle.signal(REPORT_SIGNAL, self.progress)
            except ApplicationError:
                # The parent is gone; this child will be ended by its close policy.
                return
