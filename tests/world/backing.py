"""The activities around backups, upon the simulated world."""

from temporalio import activity

from activities.tasks import VerifyTask
from tests.wdrip.backup_entries import entry
from tests.world.keeping import KeepingActivities
from wdrip.errors import InvalidInput
from wdrip.models.backup import Standing
from wdrip.models.backup_health import BackupHealth
from wdrip.models.backup_request import BackupRequest, Retained, Verified
from wdrip.models.cluster import ClusterRecord


class BackingActivities(KeepingActivities):
    """Schedules, and what stands before and after the taking of a backup."""

    @activity.defn(no_thread_cancel_exception=True)
    def find_cluster(self, request: BackupRequest) -> ClusterRecord:
        with self._world.look("find_cluster"):
            if request.cluster not in self._world.index:
                raise InvalidInput("name", f"there is no cluster {request.cluster}", "see `wdrip get`")
            return self._world.index[request.cluster]

    @activity.defn(no_thread_cancel_exception=True)
    def retain_backups(self, record: ClusterRecord) -> Retained:
        with self._world.call("retain_backups"):
            gone = ("20211001-1024",) if self._cluster.backups > 4 else ()
            self._cluster.backups = min(self._cluster.backups, 4)
            return Retained(removed=gone, lost=tuple(sorted(self._world.lost_backups)))

    @activity.defn(no_thread_cancel_exception=True)
    def find_due_drill(self, request: BackupRequest) -> str:
        with self._world.look("find_due_drill"):
            return self._world.due_drill

    @activity.defn(no_thread_cancel_exception=True)
    def verify_backup(self, task: VerifyTask) -> Verified:
        with self._world.call("verify_backup"):
            date = task.date or "20211002-1024"
            bad = date in self._world.bad_backups
            standing = Standing.BAD if bad else Standing.VERIFIED
            return Verified(entry=entry(date, standing, name=task.record.name))

    @activity.defn(no_thread_cancel_exception=True)
    def remove_backups(self, record: ClusterRecord) -> None:
        with self._world.call("remove_backups"):
            self._cluster.backups = 0

    # Not asynchronous as the real ones are: what hangs here must not hold up the worker's loop.

    @activity.defn(no_thread_cancel_exception=True)
    def schedule_backups(self, record: ClusterRecord) -> None:
        with self._world.call("schedule_backups"):
            self._world.schedules.add(record.name)

    @activity.defn(no_thread_cancel_exception=True)
    def look_at_backups(self, record: ClusterRecord) -> BackupHealth:
        with self._world.look("look_at_backups"):
            scheduled = record.name in self._world.schedules
            return self._world.backup_health.model_copy(update={"scheduled": scheduled})

    @activity.defn(no_thread_cancel_exception=True)
    def unschedule_backups(self, record: ClusterRecord) -> None:
        with self._world.call("unschedule_backups"):
            self._world.schedules.discard(record.name)
