"""The rungs by which a machine is healed, the patience at each, and what has been tried."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from wdrip.models.observation import Memory, Outcome
from wdrip.models.step_kind import StepKind
from wdrip.planning.retries import FIRST_PAUSE, RECENT

HEARTBEAT = timedelta(seconds=40)
"""A Node is marked NotReady when its kubelet was silent for this long (`--node-monitor-grace-period`)."""

ILL_AFTER = 2 * HEARTBEAT
"""Two heartbeat periods of NotReady; with the one before the mark, 120 s after the kubelet fell silent."""

SEEN_TWICE = timedelta(seconds=20)
"""For what is plain at once, but might be a list that lags behind: longer than one look takes."""

RUNGS = (
    StepKind.RESTART_SERVICES,
    StepKind.REBOOT,
    StepKind.REPLACE_SYSTEM_DISK,
    StepKind.DELETE_MACHINE,
)
"""In this order: each costs more than the one before it."""

DESTRUCTIVE = frozenset({StepKind.REBOOT, StepKind.REPLACE_SYSTEM_DISK, StepKind.DELETE_MACHINE})
"""What ends pods that may still run, or data."""

PATIENCE = {
    StepKind.RESTART_SERVICES: timedelta(minutes=1),
    StepKind.REBOOT: timedelta(minutes=3),
    StepKind.REPLACE_SYSTEM_DISK: timedelta(minutes=10),
    StepKind.DELETE_MACHINE: timedelta(minutes=5),
}
"""How long a rung may take to help: a Node is Ready again within seconds, after a reboot within a minute or
two, on a new disk after an installation. Ten minutes is Cluster API's `nodeStartupTimeout`."""


@dataclass(frozen=True)
class Rung:
    """The next rung for a machine, not before `ready_at`."""

    step: StepKind
    ready_at: datetime

    def due(self, at: datetime) -> bool:
        """Whether patience is over."""
        return at >= self.ready_at


def next_rung(
    memory: Memory, instance_id: str, at: datetime, skipped: Collection[StepKind] = (), since: int = 0
) -> Rung:
    """The rung above the highest that was tried recently; from the bottom again when all are long ago.

    skipped: rungs that must not be used now, e.g. because a projection forbids them; never the last one.
    since: index of the lowest rung that makes sense, e.g. a lost data directory needs no restart.
    """
    tried = memory.tried(instance_id, RUNGS, at - RECENT)
    highest = max((RUNGS.index(each.step) for each in tried), default=-1)
    left = [each for each in RUNGS[max(highest + 1, since) :] if each not in skipped]
    step = left[0] if left else RUNGS[-1]
    if not tried:
        return Rung(step, at)
    last = tried[-1]
    # One that could not even be carried out is not waited for.
    pause = PATIENCE[last.step] if last.outcome is Outcome.DONE else FIRST_PAUSE
    return Rung(step, last.finished + pause)


def under_way(memory: Memory, instance_id: str, at: datetime) -> datetime | None:
    """Until when the last rung on this machine is given time; None when none is."""
    tried = memory.tried(instance_id, RUNGS, at - RECENT)
    if not tried or tried[-1].outcome is not Outcome.DONE:
        return None
    until = tried[-1].finished + PATIENCE[tried[-1].step]
    return until if until > at else None


def tried_in_words(memory: Memory, instance_id: str, at: datetime) -> str:
    """What was tried recently, e.g. `after RestartServices, Reboot (failed)`; empty when nothing was."""
    words = [
        each.step.value + (" (failed)" if each.outcome is Outcome.FAILED else "")
        for each in memory.tried(instance_id, RUNGS, at - RECENT)
    ]
    return f"after {', '.join(words)}" if words else ""
