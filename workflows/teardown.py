"""Undoing a cluster: by a failed create, step by step in reverse, or by a delete, whole."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.backup_schedules import BackupSchedules
    from activities.backups import Backups
    from activities.index import Index
    from activities.infrastructure import Infrastructure
    from activities.machines import Machines
    from activities.secrets import Secrets
    from wdrip.models.cluster import ClusterRecord
from workflows import plans
from workflows.board import Board, StepPlan
from workflows.calls import act
from workflows.failures import reason


@dataclass(frozen=True)
class Undo:
    """One thing that a create makes, and how it is taken away; safe to run when there is nothing."""

    plan: StepPlan
    method: Callable[[Any, ClusterRecord], Any]


ENTRY = Undo(plans.DELETE_ENTRY, Index.remove_record)
SECRETS = Undo(plans.DELETE_SECRETS, Secrets.remove_secrets)
STACK = Undo(plans.DELETE_STACK, Infrastructure.delete_stack)
MACHINES = Undo(plans.DELETE_MACHINES, Machines.delete_machines)
SCHEDULE = Undo(plans.DELETE_SCHEDULE, BackupSchedules.unschedule_backups)
BACKUPS = Undo(plans.DELETE_BACKUPS, Backups.remove_backups)
CONFIRM = Undo(plans.CONFIRM_GONE, Machines.confirm_gone)

EVERYTHING = (ENTRY, CONFIRM, SECRETS, STACK, MACHINES, SCHEDULE)
"""In the order in which a create makes it; backups stay unless it is asked otherwise. Seeing that nothing
remains comes just before the entry goes, because the entry is how a person finds what remains."""


async def tear_down(board: Board, record: ClusterRecord, made: Sequence[Undo]) -> list[str]:
    """Take away what was made, last first, and go on past what fails; return what went wrong, in words.

    The index entry stays when anything before it failed, so that the delete can be asked for again.
    """
    problems: list[str] = []
    board.add([undo.plan for undo in reversed(made)])
    for undo in reversed(made):
        if problems and undo is ENTRY:
            continue
        try:
            async with board.step(undo.plan):
                await act(undo.method, record, summary=undo.plan.title, deadline=undo.plan.deadline)
        except FailureError as error:
            problems.append(f"{undo.plan.title}: {reason(error)}")
        except asyncio.CancelledError:
            raise
    return problems
