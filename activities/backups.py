"""Backups of a cluster: taken, looked at, entered in the index, and removed when there are enough."""

from datetime import UTC, datetime

from temporalio import activity

from activities.clients import Clients
from activities.snapshots import Snapshots
from activities.tasks import BackupTask
from wdrip import names
from wdrip.clients.backup_store import BackupStore
from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.backup import BackupEntry, BackupIndex, Verdict, VerdictKind
from wdrip.models.backup_request import BackupClaim, BackupRequest, Retained, Sent
from wdrip.models.cluster import ClusterRecord, Phase
from wdrip.planning.retention import retention
from wdrip.security.sealing import load_key


class Backups:
    """Takes and removes backups."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def find_cluster(self, request: BackupRequest) -> ClusterRecord:
        """The record of a cluster that can be backed up. Raises InvalidInput when there is none."""
        return running_cluster(self._clients, request)

    @activity.defn(no_thread_cancel_exception=True)
    def take_backup(self, task: BackupTask) -> BackupEntry:
        """Take a backup, check it, send it, and write its index entry.

        Repeated with the same attempt id it goes on where it was; one that was entered is returned as it is.
        The entry is written last: what has none is garbage, which retention removes.

        Raises PermanentError when the snapshot turns out to be damaged, or does not arrive whole.
        """
        record, store = task.record, self._store(task.record)
        date, claim = store.claim(task.attempt_id, datetime.now(UTC))
        entry = store.entry(date)
        if entry is None:
            beyond = _newest_revision(store.index(), record.uid) if task.from_survivor else None
            entry = self._taken(record, store, date, claim, beyond)
        if not entry.good:
            raise PermanentError(f"backup {date} of {record.name} is bad: {entry.complaint}; take another")
        return entry

    @activity.defn(no_thread_cancel_exception=True)
    def retain_backups(self, record: ClusterRecord) -> Retained:
        """Remove what there is enough of, and what never became a backup."""
        store = self._store(record)
        in_flight = store.in_flight(datetime.now(UTC))
        index = store.index()
        chosen = retention(record.name, index, store.sizes(), record.config.backup, in_flight)
        going = (*chosen.removed, *chosen.lost)
        # Entries go first, so that none is ever without its snapshot.
        for each in going:
            store.delete(names.backup_entry_key(record.name, each.date))
        if going:
            store.rewrite_index()
        for key in chosen.doomed_keys:
            store.delete(key)
        return Retained(
            removed=tuple(each.date for each in chosen.removed),
            lost=tuple(each.date for each in chosen.lost),
        )

    @activity.defn(no_thread_cancel_exception=True)
    def remove_backups(self, record: ClusterRecord) -> None:
        """Delete every backup of the cluster, the index first."""
        store = self._store(record)
        store.delete(names.backup_index_key(record.name))
        for key in store.sizes():
            store.delete(key)

    def _store(self, record: ClusterRecord) -> BackupStore:
        return BackupStore(self._clients.bucket(record.provider), record.name)

    def _taken(
        self, record: ClusterRecord, store: BackupStore, date: str, claim: BackupClaim, beyond: int | None
    ) -> BackupEntry:
        """Take and send the snapshot of that date, and enter it. beyond: see `Snapshots.source`."""
        bucket = self._clients.bucket(record.provider)
        snapshots = Snapshots(self._clients.ecs(record.provider), bucket, record)
        sent = claim.sent
        if sent is None:
            machine, quorum = snapshots.source(claim.instance_id, beyond)
            taken_at = claim.taken_at
            if machine.instance_id != claim.instance_id or taken_at is None:
                # Parts of another machine's snapshot would not fit to this one's.
                if claim.upload_id:
                    snapshots.abort(date, claim.upload_id)
                taken_at = datetime.now(UTC)
                claim = BackupClaim(
                    attempt_id=claim.attempt_id,
                    instance_id=machine.instance_id,
                    taken_at=taken_at,
                    upload_id=snapshots.begin(date),
                )
                store.note(date, claim)
            facts, arrived = snapshots.take(machine, date, claim.upload_id, quorum=quorum)
            ciphertext = snapshots.encrypt(machine, date) if snapshots.encrypted else None
            etags = snapshots.send(machine, date, claim.upload_id, ciphertext or facts, arrived)
            sent = Sent(
                member=machine.node_name, taken_at=taken_at, facts=facts, ciphertext=ciphertext, etags=etags
            )
            claim = claim.model_copy(update={"sent": sent})
            store.note(date, claim)
        snapshots.complete(date, claim.upload_id, sent)
        self._save_config(record, date)
        entry = self._entry(record, date, sent)
        store.enter(entry)
        snapshots.discard(claim.instance_id, date)
        return entry

    def _entry(self, record: ClusterRecord, date: str, sent: Sent) -> BackupEntry:
        now = datetime.now(UTC)
        return BackupEntry(
            **sent.facts.model_dump(),
            name=record.name,
            cluster_uid=record.uid,
            date=date,
            path=names.backup_key(record.name, date),
            kubernetes_version=(record.actual or record.asked).kubernetes,
            taken_at=sent.taken_at,
            member=sent.member,
            ciphertext=sent.ciphertext,
            key_id=load_key(self._clients.provider(record.provider)).id,
            uploaded_at=now,
            # Hash and structure held before the bucket put it together, and what arrived is what was sent.
            verdicts=(Verdict(verified_at=now, kind=VerdictKind.STRUCTURE, ok=True),),
        )

    def _save_config(self, record: ClusterRecord, date: str) -> None:
        """Put what a recovery needs besides the snapshot beside it; the secrets stay sealed."""
        bucket = self._clients.bucket(record.provider)
        sealed = bucket.get(names.secrets_key(record.name))
        if sealed is None:
            raise PermanentError(f"{names.secrets_key(record.name)} is missing from the bucket")
        bucket.put(names.backup_secrets_key(record.name, date), sealed)
        text = record.model_dump_json(by_alias=True, indent=2).encode()
        bucket.put(names.backup_config_key(record.name, date), text)


def running_cluster(clients: Clients, request: BackupRequest) -> ClusterRecord:
    """The record of the cluster as the index has it now. Raises InvalidInput unless it runs."""
    found = clients.bucket(request.provider).get(names.cluster_key(request.cluster))
    if found is None:
        raise InvalidInput("name", f"there is no cluster {request.cluster}", "see `wdrip get`")
    record = ClusterRecord.model_validate_json(found)
    if record.phase is not Phase.RUNNING:
        raise InvalidInput(
            "name", f"cluster {request.cluster} is {record.phase}", f"wait until it is {Phase.RUNNING}"
        )
    return record


def _newest_revision(index: BackupIndex, cluster_uid: str) -> int:
    """Of the newest good backup of this very cluster; 0 when there is none."""
    own = (each for each in index.entries if each.cluster_uid == cluster_uid)
    return next((each.revision for each in own if each.good), 0)
