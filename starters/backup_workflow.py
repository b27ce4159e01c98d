"""Asking for a backup or a drill, and its outcome in wdrip's own words.

Workflows are addressed by name, not by class: importing that would load every cloud SDK.
"""

from typing import TypeVar

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from starters.temporal import rpc_errors_in_words
from wdrip import failures, names
from wdrip.errors import InvalidInput, PermanentError, WdripError
from wdrip.models.backup import BackupEntry
from wdrip.models.backup_request import BackupRequest, Verified, VerifyRequest

WORKFLOW = "Backup"
VERIFY_WORKFLOW = "VerifyBackup"

_Result = TypeVar("_Result", BackupEntry, Verified)


async def request_backup(client: Client, request: BackupRequest) -> BackupEntry:
    """Take a backup, or await the one that is under way.

    Raises InvalidInput when the cluster cannot be backed up now, PermanentError with the reason when the
    backup failed.
    """
    workflow_id = names.backup_workflow_id(request.cluster)
    summary = f"Backup of {request.cluster}"
    return await _outcome(client, WORKFLOW, request, workflow_id, summary, BackupEntry)


async def request_verify(client: Client, request: VerifyRequest) -> Verified:
    """Restore a backup as a drill, or await the drill that is under way when it is with this backup.

    A bad backup is a result. Raises InvalidInput when there is no such backup or the cluster does not run,
    PermanentError with the reason when the drill could not be done.
    """
    workflow_id = names.verify_workflow_id(request.cluster)
    summary = f"Drill with a backup of {request.cluster}"
    while True:
        found = await _outcome(client, VERIFY_WORKFLOW, request, workflow_id, summary, Verified)
        if request.date in ("", found.entry.date):
            return found
        # That was another backup's drill, which was under way; this one's turn may be now.


async def _outcome(
    client: Client,
    workflow: str,
    request: BackupRequest,
    workflow_id: str,
    summary: str,
    result_type: type[_Result],
) -> _Result:
    with rpc_errors_in_words(request.cluster):
        handle: WorkflowHandle[object, _Result] = await client.start_workflow(
            workflow,
            request,
            id=workflow_id,
            task_queue=names.TASK_QUEUE,
            result_type=result_type,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=summary,
        )
        try:
            return await handle.result()
        except WorkflowFailureError as error:
            raise _in_words(error) from error


def _in_words(error: WorkflowFailureError) -> WdripError:
    cause = error.cause
    if not isinstance(cause, ApplicationError):
        return PermanentError(str(cause))
    if cause.type == failures.INVALID_INPUT and len(cause.details) == 3:
        field, problem, remedy = (str(each) for each in cause.details)
        return InvalidInput(field, problem, remedy)
    return PermanentError(cause.message)
