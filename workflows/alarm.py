"""What ends the wait for the next look: a change in the cluster, a request, or the time."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError
from temporalio.workflow import ActivityCancellationType, ActivityHandle

with workflow.unsafe.imports_passed_through():
    from activities.tasks import Change, WatchTask
    from activities.watch import Watch
    from wdrip.models.cluster import ClusterRecord
from workflows.calls import RETRY, act
from workflows.failures import reason
from workflows.state import Keeping

IDLE = timedelta(minutes=5)
"""How often a cluster is looked at when nothing happens: for what no Node tells, e.g. a member of etcd."""

PACES = (1, 2, 4, 8, 16, 32, 60)
"""Seconds until the next look while something is waited for: a machine that boots or a learner that catches
up is seen at once, and a long wait costs a look a minute."""

SILENCE = timedelta(minutes=1)
"""Without a heartbeat for so long a watch counts as dead and runs anew. Few heartbeats cost little; a change
meanwhile is not missed, since a watch compares with what was seen before."""

_LATE = timedelta(minutes=2)
"""How much later than asked a watch may return."""


class Alarm:
    """Watches the cluster beside everything else, and waits."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping
        self._watch: ActivityHandle[Change] | None = None
        self._woken = False
        self._broken = False

    def wake(self) -> None:
        """Something was asked for: the next wait ends at once."""
        self._woken = True

    async def set(self, record: ClusterRecord) -> None:
        """See that a watch runs, and what it compares with. Before a look, so that nothing falls between."""
        self._collect()
        if self._broken:
            # Once without: a watch that always breaks must not make a look follow the other at once.
            self._broken = False
            return
        if not self._keeping.seen:
            await self._begin(record)
        if self._watch is None:
            self._watch = self._start(WatchTask(record=record, seen=self._keeping.seen, until=_in(IDLE)))

    async def wait(self, until: datetime | None, settled: bool, interrupted: Callable[[], bool]) -> None:
        """Until something changed or was asked for, or it is time. settled: nothing is waited for."""
        watch = self._watch
        timeout = None if settled and watch is not None else self._pace(until)
        self._keeping.quiet += 1
        try:
            await workflow.wait_condition(
                lambda: self._woken or interrupted() or (watch is not None and watch.done()), timeout=timeout
            )
        except TimeoutError:
            return
        if self._woken:
            self._woken, self._keeping.quiet = False, 0

    def unset(self) -> None:
        """Watch no more."""
        if self._watch is not None:
            self._watch.cancel()
            # Nobody awaits it any more; that it was cancelled is no news.
            self._watch.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            self._watch = None

    def _pace(self, until: datetime | None) -> timedelta:
        pace = timedelta(seconds=PACES[min(self._keeping.quiet, len(PACES) - 1)])
        if until is None:
            return pace
        return max(timedelta(seconds=PACES[0]), min(pace, until - workflow.now()))

    def _collect(self) -> None:
        """Take over what a watch that has ended saw."""
        if self._watch is None or not self._watch.done():
            return
        watch, self._watch = self._watch, None
        error = watch.exception()
        if error is not None:
            workflow.logger.warning("the watch ended: %s", reason(error))
            self._broken = True
            return
        change = watch.result()
        self._keeping.seen = change.seen
        if change.changed:
            self._keeping.quiet = 0

    async def _begin(self, record: ClusterRecord) -> None:
        """See how things are now: a watch that knows nothing yet would take its own first look for that."""
        try:
            change = await act(
                Watch.await_change,
                WatchTask(record=record, until=workflow.now()),
                summary="See what a watch compares with",
                deadline=SILENCE,
                cancellation=ActivityCancellationType.TRY_CANCEL,
            )
        except FailureError as error:
            workflow.logger.warning("no watch yet: %s", reason(error))
            return
        self._keeping.seen = change.seen

    def _start(self, task: WatchTask) -> ActivityHandle[Change]:
        return workflow.start_activity_method(
            Watch.await_change,
            task,
            summary=f"Watch {task.record.name} for a change",
            schedule_to_close_timeout=IDLE + _LATE,
            heartbeat_timeout=SILENCE,
            retry_policy=RETRY,
            cancellation_type=ActivityCancellationType.TRY_CANCEL,
        )


def _in(duration: timedelta) -> datetime:
    return workflow.now() + duration
