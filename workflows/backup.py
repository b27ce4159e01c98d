"""The `Backup` workflow: one backup of a cluster. `ScheduledBackup` is how a schedule asks for one."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError, FailureError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.backups import Backups
    from activities.tasks import BackupTask
    from wdrip import names
    from wdrip.models.backup import BackupEntry
    from wdrip.models.backup_request import BackupRequest
    from wdrip.models.cluster import ClusterRecord
from workflows.calls import act, to_its_end
from workflows.failures import failure_type, reason, root

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
        _tell(request, f"Backup of {request.cluster} {request.reason}: begins")
        try:
            entry = await self._take(request)
        except FailureError as error:
            _tell(request, f"Backup of {request.cluster} {request.reason} failed: {reason(error)}")
            found = root(error)
            details = found.details if isinstance(found, ApplicationError) else ()
            raise ApplicationError(
                reason(error), *details, type=failure_type(error), non_retryable=True
            ) from error
        return entry

    async def _take(self, request: BackupRequest) -> BackupEntry:
        record = await act(
            Backups.find_cluster, request, summary=f"Read the entry of {request.cluster}", deadline=_LOOK
        )
        _place(record)
        entry = await act(
            Backups.take_backup,
            BackupTask(record=record, reason=request.reason, attempt_id=workflow.info().run_id),
            summary=f"Take a backup of {request.cluster} {request.reason}"[:180],
            deadline=_TAKE,
        )
        told = f"Backup {entry.date} of {entry.name} is taken: {entry.size} bytes, revision {entry.revision}"
        try:
            gone = await act(
                Backups.retain_backups, record, summary="Remove what there is enough of", deadline=_RETAIN
            )
        except FailureError as error:
            # The backup is there; the next one tidies up again.
            _tell(request, f"{told}; older ones could not be removed: {reason(error)}")
            return entry
        _tell(request, f"{told}; removed: {', '.join(gone) or 'none'}")
        return entry


@workflow.defn(name="ScheduledBackup")
class ScheduledBackup:
    """Starts `Backup` unless one is under way. A schedule gives its workflows ids of their own."""

    @workflow.run
    async def run(self, request: BackupRequest) -> str:
        """The date of the backup, or why there is none."""
        _tell(request, f"Backup of {request.cluster} {request.reason}")
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
        return entry.date


def _tell(request: BackupRequest, words: str) -> None:
    workflow.set_current_details(words)
    workflow.upsert_search_attributes(
        [
            _attribute(names.SEARCH_CLUSTER).value_set(request.cluster),
            _attribute(names.SEARCH_OPERATION).value_set(OPERATION),
        ]
    )


def _place(record: ClusterRecord) -> None:
    workflow.upsert_search_attributes([_attribute(names.SEARCH_REGION).value_set(record.region)])


def _attribute(name: str) -> "SearchAttributeKey[str]":
    return SearchAttributeKey.for_keyword(name)
