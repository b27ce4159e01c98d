"""The identity of the cluster that comes back: its authorities and keys, as they were at the backup."""

from dataclasses import replace

from temporalio import activity

from activities.clients import Clients
from activities.recovery.offers import record_at
from activities.tasks import RecoverTask, RetireTask
from wdrip import names
from wdrip.errors import PermanentError
from wdrip.models.cluster import ClusterRecord
from wdrip.planning.recovery import with_network_of
from wdrip.security.bundle import SecretsBundle
from wdrip.security.sealing import load_key, seal, unseal
from wdrip.security.tokens import new_token


class RecoveryIdentity:
    """Lays the identity ready, makes it the cluster's own, and puts the former one back."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def stage_identity(self, task: RecoverTask) -> ClusterRecord:
        """Lay the backup's secrets ready under a key of this recovery; nothing uses them yet.

        Returns the target's record with the network of the cluster that comes back. Another cluster's token
        is replaced: it may have been revoked. Raises PermanentError when the secrets are missing or cannot
        be opened.
        """
        record, backup = task.record, task.backup
        bucket = self._clients.bucket(record.provider)
        beside = names.backup_secrets_key(backup.name, backup.date)
        sealed = bucket.get(beside)
        if sealed is None:
            raise PermanentError(f"{beside} is missing from the bucket; choose another backup with --backup")
        key = load_key(self._clients.provider(record.provider))
        content = unseal(sealed, key, names.secrets_key(backup.name))
        if not task.plan.in_place:
            bundle = SecretsBundle.from_bytes(content)
            content = replace(bundle, kubeadm_token=new_token()).to_bytes()
        staged = names.staged_secrets_key(record.name, task.attempt_id)
        # Repeated, it must not replace what a machine may have been given already.
        bucket.create(staged, seal(content, key, staged))
        return with_network_of(record, record_at(self._clients, record.provider, backup))

    @activity.defn(no_thread_cancel_exception=True)
    def adopt_identity(self, task: RecoverTask) -> None:
        """Make the staged secrets the cluster's own; the former ones are kept until the old machines go."""
        name, attempt_id = task.record.name, task.attempt_id
        bucket = self._clients.bucket(task.record.provider)
        key = load_key(self._clients.provider(task.record.provider))
        own, staged = names.secrets_key(name), names.staged_secrets_key(name, attempt_id)
        sealed = bucket.get(staged)
        if sealed is None:
            raise PermanentError(f"{staged} is missing from the bucket; recover again")
        former = bucket.get(own)
        if former is not None:
            bucket.create(names.former_secrets_key(name, attempt_id), former)
        bucket.put(own, seal(unseal(sealed, key, staged), key, own))

    @activity.defn(no_thread_cancel_exception=True)
    def forget_former(self, task: RetireTask) -> None:
        """Delete what the recovery kept of the former secrets, and what it had laid ready."""
        name, bucket = task.record.name, self._clients.bucket(task.record.provider)
        bucket.delete(names.former_secrets_key(name, task.attempt_id))
        bucket.delete(names.staged_secrets_key(name, task.attempt_id))

    @activity.defn(no_thread_cancel_exception=True)
    def put_identity_back(self, task: RecoverTask) -> None:
        """Undo `adopt_identity` and `stage_identity`, as far as they came."""
        name, attempt_id = task.record.name, task.attempt_id
        bucket = self._clients.bucket(task.record.provider)
        former = names.former_secrets_key(name, attempt_id)
        kept = bucket.get(former)
        if kept is not None:
            bucket.put(names.secrets_key(name), kept)
            bucket.delete(former)
        bucket.delete(names.staged_secrets_key(name, attempt_id))
