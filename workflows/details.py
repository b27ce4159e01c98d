"""Current details: where an operation stands, in the words that the Web UI shows."""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from wdrip.models.cluster import Progress, Step, StepStatus

_MARKS = {
    StepStatus.PENDING: "·",
    StepStatus.RUNNING: "▶",
    StepStatus.DONE: "✓",
    StepStatus.FAILED: "✗",
    StepStatus.SKIPPED: "–",
}


def render(progress: Progress, headline: str = "") -> str:
    """Markdown: headline, what is waited for until when and what happens then, the steps, the failure."""
    lines = [f"**{headline}**", ""] if headline else []
    if progress.waiting_for and progress.waiting_since:
        until = progress.waiting_until
        end = f"until {_clock(until)}" if until else "until something changes"
        lines += [
            f"Waits for {progress.waiting_for}, since {_clock(progress.waiting_since)}, "
            f"{end}; then {progress.then}.",
            "",
        ]
    if progress.failure:
        lines += [f"Failed: {progress.failure}", ""]
    lines += [_line(step) for step in progress.steps]
    return "\n".join(lines)


def _line(step: Step) -> str:
    words = f"- {_MARKS[step.status]} {step.title}"
    if step.started and step.finished:
        words += f" ({(step.finished - step.started).total_seconds():.1f} s)"
    return f"{words}: {step.detail}" if step.detail else words


def _clock(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S UTC")
