"""Follows an operation on a cluster to its end."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from starters.cluster_workflow import query_progress
from starters.log import log
from starters.progress import Row, changed_lines, step_rows, summary, table
from starters.run import DONE, FAILED
from starters.temporal import rpc_errors_in_words
from wdrip import names
from wdrip.errors import PermanentError
from wdrip.models.cluster import Phase, Progress

_PAUSE_SECONDS = 1.0
# How long a worker or a Temporal server may be away (a restart, a machine's reboot) before watching ends.
_SILENCE_SECONDS = 600.0
_SILENT = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.FAILED_PRECONDITION,
)
_STILL_OPEN = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW)
_SETTLED = {
    ("create", Phase.RUNNING),
    ("keep", Phase.RUNNING),
    ("recover", Phase.RUNNING),
    ("delete", Phase.DELETED),
}

Resources = Callable[[str], Sequence[Row]]
"""Asks the cloud for the rows of a stack by its id (empty: there is none yet)."""


async def follow(client: Client, cluster: str, resources: Resources) -> int:
    """Show the operation until it ends: exit code 0, or 1 with the reason on stderr.

    Ctrl-C ends the watching only. Raises InvalidInput when Temporal knows no such cluster, PermanentError
    when nobody answers for ten minutes.
    """
    with _display() as display:
        while True:
            closed, progress = await _look_patiently(client, cluster)
            rows = [*await asyncio.to_thread(resources, progress.stack_id), *step_rows(progress)]
            display.show(progress, rows)
            if closed or (progress.operation, progress.phase) in _SETTLED:
                break
            await asyncio.sleep(_PAUSE_SECONDS)
    return _outcome(cluster, progress)


class _Display(Protocol):
    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, progress: Progress, rows: Sequence[Row]) -> None: ...


class _LiveTable:
    """A table that is drawn over itself, for terminals."""

    def __init__(self) -> None:
        self._live = Live(auto_refresh=False, vertical_overflow="visible")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, progress: Progress, rows: Sequence[Row]) -> None:
        self._live.update(table(progress, rows, datetime.now(UTC)), refresh=True)


class _ChangedLines:
    """A line per change, for files and pipes."""

    def __init__(self) -> None:
        self._shown: Sequence[Row] = ()
        self._waiting_for = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def show(self, progress: Progress, rows: Sequence[Row]) -> None:
        now = datetime.now(UTC)
        for line in changed_lines(self._shown, rows, now):
            print(line, flush=True)
        if progress.waiting_for and progress.waiting_for != self._waiting_for:
            print(f"… {summary(progress, now)}", flush=True)
        self._shown, self._waiting_for = rows, progress.waiting_for


def _display() -> _Display:
    return _LiveTable() if Console().is_terminal else _ChangedLines()


async def _look_patiently(client: Client, cluster: str) -> tuple[bool, Progress]:
    """Whether the workflow has ended, and its progress; waits while Temporal or the worker is away."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + _SILENCE_SECONDS
    told = False
    while True:
        try:
            with rpc_errors_in_words(cluster):
                return await _look(client, cluster)
        except PermanentError as error:
            cause = error.__cause__
            if not isinstance(cause, RPCError) or cause.status not in _SILENT:
                raise
            if clock() > deadline:
                raise PermanentError(
                    f"nobody has answered for {_SILENCE_SECONDS / 60:.0f} minutes ({cause.message}); "
                    "are the Temporal server and a worker running (`wdrip up`)?"
                ) from error
            if not told:
                log(f"no answer from Temporal or a worker ({cause.message}); waiting for one")
                told = True
            await asyncio.sleep(_PAUSE_SECONDS)


async def _look(client: Client, cluster: str) -> tuple[bool, Progress]:
    # The status first, so that the progress read after an end is that of the end.
    description = await client.get_workflow_handle(names.cluster_workflow_id(cluster)).describe()
    progress = await query_progress(client, cluster)
    return description.status not in _STILL_OPEN, progress


def _outcome(cluster: str, progress: Progress) -> int:
    log("=" * 59)
    log(f"StackName: {names.stack_name(cluster)}")
    if progress.stack_id:
        log(f"  StackId: {progress.stack_id}")
    if progress.phase in (Phase.RUNNING, Phase.DELETED) and not progress.failure:
        log(f"cluster {cluster}: {progress.operation} done, {progress.phase}")
        return DONE
    reason = progress.failure or f"the workflow ended while it was {progress.phase}"
    print(f"wdrip: {progress.operation} of {cluster} failed: {reason}", file=sys.stderr)
    return FAILED
