"""The `Backup` workflow: one backup of a cluster. `ScheduledBackup` is how a schedule asks for one."""

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.backups import Backups
    from activities.drills import Drills
    from activities.tasks import BackupTask
    from wdrip import names
    from wdrip.models.backup import BackupEntry
    from wdrip.models.backup_request import BackupRequest, VerifyRequest
from workflows.calls import act, to_its_end
from workflows.failures import plain, reason
from workflows.showing import place, tell
from workflows.verify_backup import VerifyBackup

OPERATION = "backup"
"""Value of the search attribute `WdripOperation` of these workflows."""

_LOOK = timedelta(minutes=2)
_TAKE = timedelta(minutes=30)
"""8 GiB, etcd's largest database, at 10 MB/s there and back."""
_RETAIN = timedelta(minutes=10)


@workflow.defn(name="Backup")
class Backup:
    """Takes one backup and removes what there is enough of. Its id is the cluster's: two at once are one."""

    @workflow.run
    async def run(self, request: BackupRequest) -> BackupEntry:
        """The backup's entry in the index.

        Fails with ApplicationError (InvalidInput: no such cluster, or it does not run) or PermanentError.
        """
        tell(request, OPERATION, f"Backup of {request.cluster} {request.reason}: begins")
        try:
            entry = await self._take(request)
        except FailureError as error:
            tell(request, OPERATION, f"Backup of {request.cluster} {request.reason} failed: {reason(error)}")
            raise plain(error) from error
        return entry

    async def _take(self, request: BackupRequest) -> BackupEntry:
        record = await act(
            Backups.find_cluster, request, summary=f"Read the entry of {request.cluster}", deadline=_LOOK
        )
        place(record)
        entry = await act(
            Backups.take_backup,
            BackupTask(record=record, reason=request.reason, attempt_id=workflow.info().run_id),
            summary=f"Take a backup of {request.cluster} {request.reason}"[:180],
            deadline=_TAKE,
        )
        told = f"Backup {entry.date} of {entry.name} is taken: {entry.size} bytes, revision {entry.revision}"
        try:
            retained = await act(
                Backups.retain_backups, record, summary="Remove what there is enough of", deadline=_RETAIN
            )
        except FailureError as error:
            # The backup is there; the next one tidies up again.
            tell(request, OPERATION, f"{told}; older ones could not be removed: {reason(error)}")
            return entry
        told += f"; removed: {', '.join(retained.removed) or 'none'}"
        if retained.lost:
            told += f"; gone from the bucket, though nobody removed them: {', '.join(retained.lost)}"
        tell(request, OPERATION, told)
        return entry


@workflow.defn(name="ScheduledBackup")
class ScheduledBackup:
    """Starts `Backup` unless one is under way, and a drill when one is due.

    A schedule gives its workflows ids of their own.
    """

    @workflow.run
    async def run(self, request: BackupRequest) -> str:
        """The date of the backup, or why there is none."""
        tell(request, OPERATION, f"Backup of {request.cluster} {request.reason}")
        try:
            handle = await workflow.start_child_workflow(
                Backup.run,
                request,
                id=names.backup_workflow_id(request.cluster),
                static_summary=f"Backup of {request.cluster}",
            )
        except WorkflowAlreadyStartedError:
            return "a backup is under way already"
        entry: BackupEntry = await to_its_end(handle)
        await self._drill(request)
        return entry.date

    async def _drill(self, request: BackupRequest) -> None:
        """Begin a drill when one is due; it may outlast the time until the next backup."""
        try:
            date = await act(
                Drills.find_due_drill, request, summary="See whether a drill is due", deadline=_LOOK
            )
        except FailureError as error:
            # The next backup asks again.
            tell(request, OPERATION, f"It is not known whether a drill is due: {reason(error)}")
            return
        if not date:
            return
        with suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                VerifyBackup.run,
                VerifyRequest(
                    cluster=request.cluster, provider=request.provider, reason="on schedule", date=date
                ),
                id=names.verify_workflow_id(request.cluster),
                static_summary=f"Drill with backup {date} of {request.cluster}",
                parent_close_policy=ParentClosePolicy.ABANDON,
            )
