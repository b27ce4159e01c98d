"""Child workflow: one recovery, from its plan to a control plane that everybody is led to.

What destroys is not here: the old machines are only stopped. They are deleted by the parent, once the
recovered cluster has all its masters and has been backed up.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.backup_schedules import BackupSchedules
    from activities.backups import Backups
    from activities.recovery.endpoint import RecoveryEndpoint
    from activities.recovery.identity import RecoveryIdentity
    from activities.recovery.masters import RecoveryMasters
    from activities.recovery.old_machines import OldMachines
    from activities.recovery.workers import RecoveryWorkers
    from activities.tasks import BackupTask, Recovered, RecoverTask
    from wdrip.failures import BACKUP_REFUSED, PERMANENT, RECOVER_FAILED
    from wdrip.models.recovery import RecoveryStep as Step
    from wdrip.planning.recovery import KEPT_LATER, missing_before
from workflows.board import StepPlan
from workflows.calls import act
from workflows.children import ReportingBoard
from workflows.failures import failure_type, reason
from workflows.recovery_plans import (
    PUT_IDENTITY_BACK,
    RECOVERY_PLANS,
    RELEASE_MASTER,
    RESUME,
    SWITCH_BACK,
    TAKE_OLD_BACK,
)


@dataclass(frozen=True)
class _Undo:
    """What takes a step back; safe to run when the step did nothing."""

    plan: StepPlan
    method: Callable[[Any, RecoverTask], Any]


_UNDOS = {
    Step.PAUSE_AUTOMATION: _Undo(RESUME, BackupSchedules.resume_backups),
    Step.STAGE_IDENTITY: _Undo(PUT_IDENTITY_BACK, RecoveryIdentity.put_identity_back),
    Step.BUILD_MASTER: _Undo(RELEASE_MASTER, RecoveryMasters.release_recovery_master),
    Step.SET_OLD_ASIDE: _Undo(TAKE_OLD_BACK, OldMachines.take_old_back),
    Step.SWITCH_ENDPOINT: _Undo(SWITCH_BACK, RecoveryEndpoint.switch_back),
}


_WORK: Mapping[Step, tuple[Callable[[Any, RecoverTask], Any], str]] = {
    Step.PAUSE_AUTOMATION: (BackupSchedules.pause_backups, "Pause the scheduled backups"),
    Step.STAGE_IDENTITY: (RecoveryIdentity.stage_identity, "Lay the secrets of {source} ready, sealed"),
    Step.BUILD_MASTER: (
        RecoveryMasters.build_recovery_master,
        "Start a machine, install the software, hand over the secrets",
    ),
    Step.PROVE_BACKUP: (RecoveryMasters.prove_backup, "Restore backup {date} for a look"),
    Step.RESTORE_ETCD: (RecoveryMasters.restore_backup, "Start etcd as a new cluster from backup {date}"),
    Step.SET_OLD_ASIDE: (OldMachines.set_old_aside, "Stop the old machines; their disks stay"),
    Step.START_CONTROL_PLANE: (
        RecoveryMasters.start_restored_control_plane,
        "kubeadm init upon the restored etcd",
    ),
    Step.CLEAN_STALE: (
        RecoveryMasters.clean_stale,
        "Remove Nodes, leases and tokens of what is not there any more",
    ),
    Step.CHECK_API: (RecoveryMasters.check_restored_node, "See the new master's Node Ready"),
    Step.ADOPT_IDENTITY: (RecoveryIdentity.adopt_identity, "Make the staged secrets the cluster's own"),
    Step.SWITCH_ENDPOINT: (
        RecoveryEndpoint.switch_endpoint,
        "Put the new master behind the load balancer, alone",
    ),
    Step.BIND_TO_TARGET: (RecoveryEndpoint.bind_pools, "Take the other cloud out of the NodePools"),
    Step.RENEW_WATCHERS: (RecoveryWorkers.renew_workers, "Restart kubelet and kube-proxy on the workers"),
    Step.AWAIT_WORKERS: (RecoveryWorkers.await_workers, "Wait until the workers are Ready"),
    Step.RESUME_AUTOMATION: (BackupSchedules.resume_backups, "Resume the scheduled backups"),
}
"""The activity of each step, and its summary. A backup of the target is taken as every backup is."""


@workflow.defn(name="Recover")
class Recover:
    """Builds beside what is there, proves, switches. Before the switch every step is taken back on failure;
    after it nothing is, and what remains to be done is told."""

    @workflow.init
    def __init__(self, task: RecoverTask) -> None:
        self._task = task
        self._done: set[Step] = set()
        self._undos: list[_Undo] = []
        self._old: tuple[str, ...] = ()
        self._notes: list[str] = []
        self._board = ReportingBoard(
            tuple(RECOVERY_PLANS[step] for step in task.plan.steps if step not in KEPT_LATER)
        )

    @workflow.run
    async def run(self, task: RecoverTask) -> Recovered:  # noqa: ARG002 - `__init__` has it
        """What the recovered cluster consists of.

        Fails with ApplicationError of type BACKUP_REFUSED when the backup did not restore, else
        RECOVER_FAILED; then everything is as it was, or the message says what is not.
        """
        async with self._board.reporting():
            try:
                await self._until_the_switch()
            except (FailureError, asyncio.CancelledError) as error:
                problems = await self._take_back()
                if isinstance(error, asyncio.CancelledError):
                    raise
                raise ApplicationError(
                    _told(reason(error), problems), type=_kind(error), non_retryable=True
                ) from error
            await self._after_the_switch()
        if self._task.machine is None:
            raise ApplicationError("no master was built", type=PERMANENT, non_retryable=True)
        return Recovered(
            record=self._task.record,
            machine=self._task.machine,
            old=self._old,
            notes=tuple(self._notes),
        )

    async def _until_the_switch(self) -> None:
        for step in self._task.plan.steps:
            await self._carry_out(step)
            if step is Step.SWITCH_ENDPOINT:
                return

    async def _after_the_switch(self) -> None:
        """A step that breaks here does not hold up the others: the cluster serves, and is kept from now."""
        steps = self._task.plan.steps
        for step in steps[steps.index(Step.SWITCH_ENDPOINT) + 1 :]:
            if step in KEPT_LATER:
                return
            try:
                await self._carry_out(step)
            except FailureError as error:
                self._notes.append(f"{RECOVERY_PLANS[step].title}: {reason(error)}")

    async def _carry_out(self, step: Step) -> None:
        missing = missing_before(step, self._done)
        if missing:
            raise ApplicationError(
                f"{step} must not come before {', '.join(sorted(missing))}",
                type=PERMANENT,
                non_retryable=True,
            )
        undo = _UNDOS.get(step)
        if undo is not None and Step.SWITCH_ENDPOINT not in self._done:
            self._undos.append(undo)
        async with self._board.step(RECOVERY_PLANS[step]):
            await self._work(step)
        self._done.add(step)

    async def _take_back(self) -> list[str]:
        """Undo what was done, last first; what could not be, in words."""
        problems: list[str] = []
        undos = list(reversed(self._undos))
        self._board.skip_pending()
        self._board.add([undo.plan for undo in undos])
        for undo in undos:
            try:
                async with self._board.step(undo.plan):
                    await act(undo.method, self._task, summary=undo.plan.title, deadline=undo.plan.deadline)
            except FailureError as error:
                problems.append(f"{undo.plan.title}: {reason(error)}")
        return problems

    # --- the steps --------------------------------------------------------------------------------

    async def _work(self, step: Step) -> None:
        if step is Step.BACK_UP_TARGET:
            await self._back_up_target()
            return
        method, words = _WORK[step]
        summary = words.format(source=self._task.plan.source, date=self._task.backup.date)
        deadline = RECOVERY_PLANS[step].deadline
        self._take_over(step, await act(method, self._task, summary=summary, deadline=deadline))

    def _take_over(self, step: Step, result: Any) -> None:
        """What a step found out is what the next ones go by."""
        if step is Step.STAGE_IDENTITY:
            self._task = self._task.model_copy(update={"record": result})
        elif step is Step.BUILD_MASTER:
            self._task = self._task.model_copy(update={"machine": result})
        elif step is Step.PROVE_BACKUP and not result.ok:
            raise ApplicationError(
                f"backup {self._task.backup.date} of {self._task.plan.source} does not restore: "
                f"{result.reason}",
                type=BACKUP_REFUSED,
                non_retryable=True,
            )
        elif step is Step.SET_OLD_ASIDE:
            self._old = result
        elif step is Step.RENEW_WATCHERS:
            self._notes += result
        elif step is Step.AWAIT_WORKERS and result:
            self._notes.append(result)

    async def _back_up_target(self) -> None:
        task = BackupTask(
            record=self._task.record,
            reason=f"before {self._task.plan.source} is recovered onto it",
            attempt_id=self._task.attempt_id,
        )
        await act(
            Backups.take_backup,
            task,
            summary=f"Back up {self._task.record.name} {task.reason}",
            deadline=RECOVERY_PLANS[Step.BACK_UP_TARGET].deadline,
        )


def _told(why: str, problems: list[str]) -> str:
    if not problems:
        return f"{why}; everything is as it was before"
    return f"{why}; not everything could be taken back: {'; '.join(problems)}"


def _kind(error: BaseException) -> str:
    return BACKUP_REFUSED if failure_type(error) == BACKUP_REFUSED else RECOVER_FAILED
