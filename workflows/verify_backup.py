"""The `VerifyBackup` workflow: a backup is restored as a drill."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.backups import Backups
    from activities.drills import Drills
    from activities.tasks import VerifyTask
    from wdrip.models.backup_request import BackupRequest, Verified, VerifyRequest
from workflows.calls import act
from workflows.failures import plain, reason
from workflows.showing import place, tell

OPERATION = "verify"
"""Value of the search attribute `WdripOperation` of these workflows."""

_LOOK = timedelta(minutes=2)
_RESTORE = timedelta(minutes=30)
"""8 GiB, etcd's largest database, at 10 MB/s, then restored and read."""


@workflow.defn(name="VerifyBackup")
class VerifyBackup:
    """Restores one backup into an etcd of its own on a master, and keeps the verdict beside it."""

    @workflow.run
    async def run(self, request: VerifyRequest) -> Verified:
        """The backup with its new verdict, good or bad.

        Fails with ApplicationError (InvalidInput: no such cluster or backup, or the cluster does not run) or
        PermanentError: then nothing is known of the backup that was not known before.
        """
        subject = f"Drill with {_named(request.date)} of {request.cluster}, {request.reason}"
        tell(request, OPERATION, f"{subject}: begins")
        try:
            verified = await self._verify(request)
        except FailureError as error:
            tell(request, OPERATION, f"{subject}: could not be done: {reason(error)}")
            raise plain(error) from error
        entry = verified.entry
        outcome = "it restores" if entry.good else f"it is bad: {entry.complaint}"
        words = f"Drill with {_named(entry.date)} of {request.cluster}, {request.reason}: {outcome}"
        tell(request, OPERATION, f"{words}; {verified.mended}, and was mended" if verified.mended else words)
        return verified

    async def _verify(self, request: VerifyRequest) -> Verified:
        asked = BackupRequest(cluster=request.cluster, provider=request.provider, reason=request.reason)
        record = await act(
            Backups.find_cluster, asked, summary=f"Read the entry of {request.cluster}", deadline=_LOOK
        )
        place(record)
        return await act(
            Drills.verify_backup,
            VerifyTask(record=record, date=request.date),
            summary=f"Restore {_named(request.date)} of {request.cluster} as a drill",
            deadline=_RESTORE,
        )


def _named(date: str) -> str:
    return f"backup {date}" if date else "the newest backup"
