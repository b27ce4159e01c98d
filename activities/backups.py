"""Taking a backup of a cluster."""

from temporalio import activity

from activities.clients import Clients
from activities.tasks import BackupTask
from wdrip.models.backup import BackupEntry


class Backups:
    """Takes backups."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def take_backup(self, task: BackupTask) -> BackupEntry:
        """Take a backup, check its structure, and write its index entry."""
        raise NotImplementedError
