"""Working out a recovery, before anything is touched."""

from datetime import UTC, datetime

from pydantic import ValidationError
from temporalio import activity

from activities.clients import Clients
from activities.tasks import OfferTask
from wdrip import names
from wdrip.clients.backup_store import BackupStore
from wdrip.errors import PermanentError
from wdrip.models.backup import BackupEntry
from wdrip.models.cluster import ClusterRecord
from wdrip.models.recovery import RecoveryPlan
from wdrip.planning.recovery import (
    RecoverySource,
    RecoveryTarget,
    plan_recovery,
    refuse_transfer,
    with_network_of,
)
from wdrip.security.sealing import load_key

SYSTEM_GIGABYTES = 10
"""What an image, the package and the unpacked container images take of a system disk, generously."""


class RecoveryOffers:
    """Chooses what a recovery restores, and says what that loses."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def offer_recovery(self, task: OfferTask) -> RecoveryPlan:
        """The plan of the recovery.

        Raises InvalidInput when what was asked for cannot be, PermanentError when no backup can be used; both
        name the remedy.
        """
        record, source = task.record, task.request.source or task.record.name
        bucket = self._clients.bucket(record.provider)
        store = BackupStore(bucket, source)
        versions = record.actual or record.asked
        plan = plan_recovery(
            RecoverySource(source, self._uid(task, source), self._key_id(record)),
            RecoveryTarget(record.name, versions.kubernetes, versions.etcd, task.wanted_masters),
            store.index(),
            store.sizes(),
            datetime.now(UTC),
            date=task.request.date,
            last_revision=task.last_revision,
        )
        if not plan.in_place:
            self._refuse_transfer(record, plan.backup)
        return plan

    def _uid(self, task: OfferTask, source: str) -> str:
        """Of the source as the bucket's index knows it; empty when its entry is gone or damaged."""
        if source == task.record.name:
            return task.record.uid
        found = self._clients.bucket(task.record.provider).get(names.cluster_key(source))
        try:
            return "" if found is None else ClusterRecord.model_validate_json(found).uid
        except ValidationError:
            return ""

    def _key_id(self, record: ClusterRecord) -> str:
        return load_key(self._clients.provider(record.provider)).id

    def _refuse_transfer(self, record: ClusterRecord, backup: BackupEntry) -> None:
        free = max(0, record.config.iaas.disk.gigabytes - SYSTEM_GIGABYTES) * 1024**3
        refuse_transfer(
            backup.name, record.name, str(record.phase), free_bytes=free, snapshot_bytes=backup.size
        )
        with_network_of(record, record_at(self._clients, record.provider, backup))


def record_at(clients: Clients, provider: str, backup: BackupEntry) -> ClusterRecord:
    """The cluster's record beside the backup. Raises PermanentError when it is missing or damaged."""
    key = names.backup_config_key(backup.name, backup.date)
    found = clients.bucket(provider).get(key)
    if found is None:
        raise PermanentError(f"{key} is missing from the bucket; choose another backup with --backup")
    try:
        return ClusterRecord.model_validate_json(found)
    except ValidationError as error:
        raise PermanentError(f"{key} is damaged; choose another backup with --backup") from error
