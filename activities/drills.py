"""Drills: a backup is restored into an etcd of its own, and what was found stands beside it from then on."""

from datetime import UTC, datetime

from temporalio import activity

from activities.backups import running_cluster
from activities.clients import Clients
from activities.snapshots import Snapshots
from activities.tasks import VerifyTask
from wdrip.clients.backup_store import BackupStore
from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.backup import BackupEntry, BackupIndex, Verdict, VerdictKind
from wdrip.models.backup_request import BackupRequest, Verified
from wdrip.models.cluster import ClusterRecord
from wdrip.planning.backup_schedule import drill_is_due


class Drills:
    """Looks whether backups restore."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def find_due_drill(self, request: BackupRequest) -> str:
        """The date of the backup that is to be restored now as the cluster's policy wants; empty: none."""
        record = running_cluster(self._clients, request)
        due = drill_is_due(self._store(record).index(), record.config.backup, datetime.now(UTC))
        return "" if due is None else due.date

    @activity.defn(no_thread_cancel_exception=True)
    def verify_backup(self, task: VerifyTask) -> Verified:
        """Let a healthy master restore a backup, and write the verdict into its entry and the index.

        A bad backup is a result. An index that is missing or damaged is written anew.

        Raises InvalidInput when there is no such backup, TemporaryError when no master is fit, PermanentError
        when it has no room for a drill.
        """
        store = self._store(task.record)
        index, damage = store.inspected()
        if damage:
            index = store.rewrite_index()
        entry = _chosen(index, task)
        with store.held(entry.date):
            judged = store.judge(entry.date, self._verdict(task.record, entry))
        if judged is None:
            raise PermanentError(f"backup {entry.date} of {entry.name} was removed while it was looked at")
        return Verified(entry=judged, mended=damage)

    def _verdict(self, record: ClusterRecord, entry: BackupEntry) -> Verdict:
        bucket = self._clients.bucket(record.provider)
        found = bucket.head(entry.path)
        misfit = entry.misfit(None if found is None else found.size)
        if misfit:
            return Verdict(verified_at=datetime.now(UTC), kind=VerdictKind.DRILL, ok=False, reason=misfit)
        snapshots = Snapshots(self._clients.ecs(record.provider), bucket, record)
        machine, _ = snapshots.source()
        return snapshots.verify(machine, entry)

    def _store(self, record: ClusterRecord) -> BackupStore:
        return BackupStore(self._clients.bucket(record.provider), record.name)


def _chosen(index: BackupIndex, task: VerifyTask) -> BackupEntry:
    name = task.record.name
    if not index.entries:
        raise InvalidInput("name", f"{name} has no backups", f"take one with `wdrip backup -n {name}`")
    found = index.dated(task.date) if task.date else index.entries[0]
    if found is None:
        raise InvalidInput(
            "backup", f"{name} has no backup {task.date}", f"choose one of `wdrip get -r backup -n {name}`"
        )
    return found
