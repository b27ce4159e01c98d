"""How an operation's progress looks: a live table on a terminal, a line per change elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Group
from rich.table import Table
from rich.text import Text

from wdrip.models.cluster import Progress, StepStatus

_MARKS = {"done": ("✓", "green"), "running": ("…", "cyan"), "failed": ("✗", "red"), "pending": ("·", "dim")}
_STEP_STATES = {
    StepStatus.PENDING: "pending",
    StepStatus.RUNNING: "running",
    StepStatus.DONE: "done",
    StepStatus.FAILED: "failed",
    StepStatus.SKIPPED: "pending",
}
# Of the longest resource type in our stacks, so that the lines stand below each other.
_KIND_WIDTH = len("ALIYUN::SLB::BackendServerAttachment")


@dataclass(frozen=True)
class Row:
    """One thing that is made: a resource of the stack or a step of the operation."""

    kind: str
    """Resource type such as `ALIYUN::ECS::VPC`, or `WDRIP::STEP`."""
    name: str
    status: str
    state: str
    """`done`, `running`, `failed` or `pending`."""
    started: datetime | None = None
    finished: datetime | None = None
    detail: str = ""


def step_rows(progress: Progress) -> list[Row]:
    """A row for each step of the operation."""
    return [
        Row(
            kind="WDRIP::STEP",
            name=step.title,
            status=str(step.status),
            state=_STEP_STATES[step.status],
            started=step.started,
            finished=step.finished,
            detail=step.detail,
        )
        for step in progress.steps
    ]


def table(progress: Progress, rows: Sequence[Row], now: datetime) -> Group:
    """The whole picture at the moment `now`: every row, then what is waited for."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("")
    grid.add_column("KIND", no_wrap=True)
    grid.add_column("NAME", overflow="fold")
    grid.add_column(f"STATUS [{count(rows)}]", no_wrap=True)
    for heading in ("STARTED", "FINISHED"):
        grid.add_column(heading, no_wrap=True)
    grid.add_column("ELAPSED", justify="right", no_wrap=True)
    for row in rows:
        mark, style = _MARKS[row.state]
        times = (_clock(row.started), _clock(row.finished), elapsed(row, now))
        grid.add_row(Text(mark, style), row.kind, row.name, Text(row.status, style), *times)
        if row.state == "failed" and row.detail:
            grid.add_row("", "", Text(row.detail, "red"))
    return Group(grid, Text(summary(progress, now), "bold"))


def changed_lines(before: Sequence[Row], after: Sequence[Row], now: datetime) -> Iterator[str]:
    """A line for each row that is new or whose status is another than before."""
    known = {(row.kind, row.name): row.status for row in before}
    for row in after:
        if row.state != "pending" and known.get((row.kind, row.name)) != row.status:
            yield line(row, after, now)


def line(row: Row, rows: Sequence[Row], now: datetime) -> str:
    """One row as a line of text, in the form of the guide."""
    mark = _MARKS[row.state][0]
    words = [
        f"{mark} 【{row.kind:<{_KIND_WIDTH}}】({row.name})",
        f"[{row.status}, {count(rows)}]",
        *(_local(moment).strftime("%Y-%m-%dT%H:%M:%S") for moment in (row.started, row.finished) if moment),
        elapsed(row, now),
        row.detail if row.state == "failed" else "",
    ]
    return " ".join(word for word in words if word)


def count(rows: Sequence[Row]) -> str:
    """How many rows are done, out of all: `7/23`."""
    return f"{sum(row.state == 'done' for row in rows)}/{len(rows)}"


def summary(progress: Progress, now: datetime) -> str:
    """Where the operation stands and what it waits for, in a sentence."""
    # A delete also shows the stack's resources, which are as old as the cluster.
    started = [step.started for step in progress.steps if step.started]
    total = f", {_seconds(now - min(started))}" if started else ""
    text = f"{progress.operation}: {progress.phase}{total}"
    if progress.waiting_for:
        text += f"; waits for {progress.waiting_for}"
        if progress.waiting_since:
            text += f" since {_clock(progress.waiting_since)}"
        if progress.waiting_until:
            text += f", until {_clock(progress.waiting_until)} at most"
        if progress.then:
            text += f", then {progress.then}"
    return text


def elapsed(row: Row, now: datetime) -> str:
    """How long the row took, or has taken until now; empty when it has not begun."""
    if row.started is None:
        return ""
    return _seconds((row.finished or now) - row.started)


def _seconds(duration: timedelta) -> str:
    return f"{max(duration.total_seconds(), 0):.0f}s"


def _clock(moment: datetime | None) -> str:
    return "" if moment is None else _local(moment).strftime("%H:%M:%S")


def _local(moment: datetime) -> datetime:
    """The time as the person's own clock shows it."""
    return moment.astimezone()
