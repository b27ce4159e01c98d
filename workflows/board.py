"""The board of an operation's steps: who runs, who is done, what is waited for and until when."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from wdrip.models.cluster import Progress, Step, StepStatus
from workflows.failures import reason


@dataclass(frozen=True)
class StepPlan:
    """A step as it is planned: its place on the board and the words that explain a wait for it."""

    name: str
    title: str
    waiting_for: str
    """Completes "waits for …"."""
    deadline: timedelta
    then: str = "the create fails and what it made is removed"
    """What happens when the deadline passes."""

    def blank(self) -> Step:
        """The step before it began."""
        return Step(name=self.name, title=self.title)


class Board:
    """Keeps `Progress` true while steps run, alone or side by side."""

    def __init__(self, progress: Progress, changed: Callable[[], None]) -> None:
        """`changed` is called after every change, with the progress already updated."""
        self.progress = progress
        self._changed = changed
        self._running: dict[str, StepPlan] = {}
        self._child: Progress | None = None
        self._held: tuple[str, datetime, datetime | None, str] | None = None

    def lay_out(self, plans: Sequence[StepPlan]) -> None:
        """Show these steps, all pending, in place of what was there."""
        self.progress.steps = [plan.blank() for plan in plans]
        self._tell()

    def add(self, plans: Sequence[StepPlan]) -> None:
        """Show further steps after those that are there."""
        self.progress.steps += [plan.blank() for plan in plans]

    @asynccontextmanager
    async def step(self, plan: StepPlan) -> AsyncIterator[Step]:
        """Run the body as the step `plan`: Running meanwhile, then Done, Failed or (cancelled) Skipped."""
        step = self._find(plan)
        step.status, step.started, step.finished = StepStatus.RUNNING, workflow.now(), None
        self._running[plan.name] = plan
        self._tell()
        try:
            yield step
        except asyncio.CancelledError:
            # Not this step's fault: the operation was cancelled, or a step beside it failed.
            self._close(step, StepStatus.SKIPPED, "cancelled")
            raise
        except Exception as error:
            self._close(step, StepStatus.FAILED, reason(error))
            raise
        self._close(step, StepStatus.DONE, "")

    def show(self) -> None:
        """Show the progress as it stands, after a change beside the steps."""
        self._tell()

    def skip_pending(self) -> None:
        """Mark the steps that will not run any more."""
        for step in self.progress.steps:
            if step.status is StepStatus.PENDING:
                step.status = StepStatus.SKIPPED
        self._child = None
        self._tell()

    def keep_last(self, count: int) -> None:
        """Forget all steps but the last ones."""
        self.progress.steps = self.progress.steps[-count:]
        self._tell()

    def hold(self, waiting_for: str, until: datetime | None, then: str) -> None:
        """Say what is waited for while no step runs, until when (None: until something changes) and what
        happens then; nothing when `waiting_for` is empty."""
        since = self._held[1] if self._held and self._held[0] == waiting_for else workflow.now()
        self._held = (waiting_for, since, until, then) if waiting_for else None
        self._tell()

    def merge(self, child: Progress) -> None:
        """Take over what a child workflow reported about its steps."""
        reported = {step.name: step for step in child.steps}
        self.progress.steps = [reported.get(step.name, step) for step in self.progress.steps]
        self.progress.stack_id = child.stack_id or self.progress.stack_id
        self._child = child if child.waiting_for else None
        self._tell()

    def running_step(self) -> str:
        """Title of the step that runs, the youngest of several; empty when none does."""
        return list(self._running.values())[-1].title if self._running else ""

    def broken_step(self) -> str:
        """Title of the step that failed or, when none did, of the first that was cancelled; or empty."""
        failed = [step.title for step in self.progress.steps if step.status is StepStatus.FAILED]
        cancelled = [step.title for step in self.progress.steps if step.detail == "cancelled"]
        return next(iter([*failed, *cancelled]), "")

    def _close(self, step: Step, status: StepStatus, detail: str) -> None:
        step.status, step.detail, step.finished = status, detail, workflow.now()
        del self._running[step.name]
        self._tell()

    def _find(self, plan: StepPlan) -> Step:
        for step in self.progress.steps:
            if step.name == plan.name:
                return step
        self.add([plan])
        return self.progress.steps[-1]

    def _tell(self) -> None:
        """Name the wait of the youngest running step; without one, what a child waits for."""
        shown = self.progress
        if self._running:
            plan = list(self._running.values())[-1]
            shown.waiting_for, shown.then = plan.waiting_for, plan.then
            shown.waiting_since = self._find(plan).started or workflow.now()
            shown.waiting_until = shown.waiting_since + plan.deadline
        elif self._child:
            shown.waiting_for, shown.then = self._child.waiting_for, self._child.then
            shown.waiting_since = self._child.waiting_since
            shown.waiting_until = self._child.waiting_until
        elif self._held:
            shown.waiting_for, shown.waiting_since, shown.waiting_until, shown.then = self._held
        else:
            shown.waiting_for, shown.then = "", ""
            shown.waiting_since = shown.waiting_until = None
        self._changed()
