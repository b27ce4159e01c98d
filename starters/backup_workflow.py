"""Asking for a backup, and its outcome in wdrip's own words.

The workflow is addressed by its name, not by its class: importing that would load every cloud SDK.
"""

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from starters.temporal import rpc_errors_in_words
from wdrip import failures, names
from wdrip.errors import InvalidInput, PermanentError, WdripError
from wdrip.models.backup import BackupEntry
from wdrip.models.backup_request import BackupRequest

WORKFLOW = "Backup"


async def request_backup(client: Client, request: BackupRequest) -> BackupEntry:
    """Take a backup, or await the one that is under way.

    Raises InvalidInput when the cluster cannot be backed up now, PermanentError with the reason when the
    backup failed.
    """
    with rpc_errors_in_words(request.cluster):
        handle: WorkflowHandle[object, BackupEntry] = await client.start_workflow(
            WORKFLOW,
            request,
            id=names.backup_workflow_id(request.cluster),
            task_queue=names.TASK_QUEUE,
            result_type=BackupEntry,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"Backup of {request.cluster}",
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
