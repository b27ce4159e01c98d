"""A snapshot on its way from an etcd member to the bucket; it never passes through the worker."""

from dataclasses import dataclass
from datetime import UTC, datetime

from activities.commands import carry_out
from activities.fleet import fleet
from activities.membership import read_members
from wdrip import names
from wdrip.clients.ecs import EcsClient
from wdrip.clients.oss import Bucket, upload_headers
from wdrip.errors import PermanentError, TemporaryError
from wdrip.models.backup import BackupEntry, ObjectFacts, SnapshotFacts, Verdict
from wdrip.models.cluster import ClusterRecord
from wdrip.models.observation import MachineState
from wdrip.nodes.backup_operations import (
    PART_BYTES,
    PARTS_PER_COMMAND,
    arrived_parts,
    discard_snapshot,
    encrypt_snapshot,
    parts_left,
    sealed,
    take_snapshot,
    taken,
    upload_parts,
    upload_snapshot,
    verdict_of,
    verify_snapshot,
)
from wdrip.planning.backup_source import backup_source, surviving_source
from wdrip.planning.quorum import has_quorum

URL_SECONDS = 3600
"""How long a machine may use a URL: a part of 512 MiB at 1 MB/s needs nine minutes, and may be tried anew."""


@dataclass(frozen=True)
class Snapshots:
    """Snapshots of one cluster: how its machines and the bucket are reached."""

    ecs: EcsClient
    bucket: Bucket
    record: ClusterRecord

    @property
    def encrypted(self) -> bool:
        """Whether snapshots are encrypted before they leave their machine."""
        return self.record.config.backup.encrypt

    def source(self, chosen: str = "", beyond: int | None = None) -> tuple[MachineState, bool]:
        """The machine to take a snapshot on, and whether etcd has its quorum: `chosen` (an instance id) while
        its member is healthy.

        beyond: without a quorum the living member that holds most does, if that is more than this revision.
        Raises TemporaryError when no member is fit, PermanentError when none holds more.
        """
        machines = fleet(self.ecs, self.record)
        members = read_members(self.ecs, machines)
        if members is None:
            words = "no master tells etcd's members, so no backup can be taken"
            # What is lost for good is not waited for.
            raise TemporaryError(words) if beyond is None else PermanentError(words)
        on = {machine.node_name: machine for machine in machines if machine.status == "Running"}
        fit = [each for each in members if each.name in on]
        before = [each for each in fit if on[each.name].instance_id == chosen]
        if beyond is not None and not has_quorum(members):
            return on[surviving_source(before or fit, beyond).name], False
        return on[backup_source(before or fit).name], True

    def take(self, machine: MachineState, date: str, *, quorum: bool) -> SnapshotFacts:
        """Take the snapshot, or read what is known of the one that was taken for this date."""
        operation = take_snapshot(date, machine.private_ip, self.record.uid, quorum=quorum)
        output = carry_out(self.ecs, machine.instance_id, operation)
        try:
            return taken(output)
        except ValueError as error:
            raise PermanentError(f"{machine.instance_id} told nothing of its snapshot: {error}") from error

    def encrypt(self, machine: MachineState, date: str) -> ObjectFacts:
        """Let the machine encrypt the snapshot; what is sent then is this."""
        output = carry_out(self.ecs, machine.instance_id, encrypt_snapshot(date))
        try:
            return sealed(output)
        except ValueError as error:
            raise PermanentError(
                f"{machine.instance_id} told nothing of what it encrypted: {error}"
            ) from error

    def begin_upload(self, date: str, facts: ObjectFacts) -> str:
        """Id of an upload in parts; empty for what goes in one piece."""
        if facts.size <= PART_BYTES:
            return ""
        return self.bucket.begin_parts(self._key(date), upload_headers(facts.sha256))

    def upload(self, machine: MachineState, date: str, facts: ObjectFacts, upload_id: str) -> None:
        """Let the machine send what the bucket does not have yet, and see that it arrived whole.

        facts: of the snapshot, or of what it was encrypted to. Raises TemporaryError when it did not.
        """
        if not self._arrived(date, facts):
            if upload_id:
                self._upload_parts(machine, date, facts, upload_id)
            else:
                self._upload_whole(machine, date, facts)
        if not self._arrived(date, facts):
            raise TemporaryError(f"{self._key(date)} did not arrive whole in the bucket")

    def verify(self, machine: MachineState, entry: BackupEntry) -> Verdict:
        """Let the machine fetch the backup and prove that it restores."""
        url = self.bucket.presigned_get(entry.path, URL_SECONDS)
        output = carry_out(self.ecs, machine.instance_id, verify_snapshot(entry, url))
        try:
            return verdict_of(output, datetime.now(UTC))
        except ValueError as error:
            raise PermanentError(f"{machine.instance_id} gave no verdict: {error}") from error

    def discard(self, machine: MachineState, date: str) -> None:
        """Remove the machine's own copy."""
        carry_out(self.ecs, machine.instance_id, discard_snapshot(date))

    def _upload_whole(self, machine: MachineState, date: str, facts: ObjectFacts) -> None:
        headers = upload_headers(facts.sha256)
        url = self.bucket.presigned_put(self._key(date), URL_SECONDS, headers=headers)
        carry_out(
            self.ecs, machine.instance_id, upload_snapshot(date, url, headers, encrypted=self.encrypted)
        )

    def _upload_parts(self, machine: MachineState, date: str, facts: ObjectFacts, upload_id: str) -> None:
        key, etags = self._key(date), dict[int, str]()
        while left := parts_left(facts.size, etags):
            urls = [
                (part, self.bucket.presigned_part(key, upload_id, part.number, URL_SECONDS))
                for part in left[:PARTS_PER_COMMAND]
            ]
            operation = upload_parts(date, upload_id, urls, encrypted=self.encrypted)
            output = carry_out(self.ecs, machine.instance_id, operation)
            try:
                etags |= arrived_parts(output)
            except ValueError as error:
                raise PermanentError(
                    f"{machine.instance_id} told nothing of what it uploaded: {error}"
                ) from error
        self.bucket.complete_parts(key, upload_id, etags)

    def _arrived(self, date: str, facts: ObjectFacts) -> bool:
        found = self.bucket.head(self._key(date))
        return found is not None and (found.size, found.sha256) == (facts.size, facts.sha256)

    def _key(self, date: str) -> str:
        return names.backup_key(self.record.name, date)
