"""A snapshot on its way from an etcd member to the bucket; it never passes through the worker."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from activities.commands import carry_out, tell
from activities.fleet import fleet
from activities.membership import read_members
from wdrip import names
from wdrip.clients.ecs import EcsClient
from wdrip.clients.errors import NotFoundError
from wdrip.clients.oss import Bucket
from wdrip.errors import PermanentError, TemporaryError
from wdrip.models.backup import BackupEntry, ObjectFacts, SnapshotFacts, Verdict
from wdrip.models.backup_request import Sent
from wdrip.models.cluster import ClusterRecord
from wdrip.models.observation import MachineState
from wdrip.nodes.backup_operations import (
    PARTS_AHEAD,
    PARTS_PER_COMMAND,
    arrived_parts,
    discard_snapshot,
    encrypt_snapshot,
    parts_left,
    sealed,
    take_snapshot,
    taken,
    upload_parts,
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

    def begin(self, date: str) -> str:
        """Begin the upload; its id."""
        return self.bucket.begin_parts(self._key(date))

    def abort(self, date: str, upload_id: str) -> None:
        """Throw away what has arrived of an upload."""
        self.bucket.abort_parts(self._key(date), upload_id)

    def take(
        self, machine: MachineState, date: str, upload_id: str, *, quorum: bool
    ) -> tuple[SnapshotFacts, dict[int, str]]:
        """Take the snapshot, or read what is known of the one that was taken for this date; with the ETags of
        the parts that were sent meanwhile. One that is to be encrypted is not sent before."""
        ahead = () if self.encrypted else range(1, PARTS_AHEAD + 1)
        operation = take_snapshot(
            date,
            machine.private_ip,
            self.record.uid,
            quorum=quorum,
            upload_id=upload_id,
            urls=self._urls(date, upload_id, ahead),
        )
        output = carry_out(self.ecs, machine.instance_id, operation)
        try:
            return taken(output), arrived_parts(output)
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

    def send(
        self, machine: MachineState, date: str, upload_id: str, facts: ObjectFacts, arrived: dict[int, str]
    ) -> dict[int, str]:
        """Let the machine send the parts that have not arrived; the ETags of all.

        facts: of the snapshot, or of what it was encrypted to.
        """
        etags = dict(arrived)
        while left := parts_left(facts.size, etags):
            urls = self._urls(date, upload_id, left[:PARTS_PER_COMMAND])
            operation = upload_parts(date, upload_id, urls, facts.size, encrypted=self.encrypted)
            output = carry_out(self.ecs, machine.instance_id, operation)
            try:
                etags |= arrived_parts(output)
            except ValueError as error:
                raise PermanentError(
                    f"{machine.instance_id} told nothing of what it uploaded: {error}"
                ) from error
        return etags

    def complete(self, date: str, upload_id: str, sent: Sent) -> None:
        """Let the bucket put the parts together, and see that the object is whole.

        Raises PermanentError when it is not.
        """
        key = self._key(date)
        # Unknown when an earlier attempt completed it: only that can have made an object of this key.
        with suppress(NotFoundError):
            self.bucket.complete_parts(key, upload_id, sent.etags)
        found = self.bucket.head(key)
        if found is None or found.size != sent.stored.size:
            raise PermanentError(f"{key} did not arrive whole in the bucket; take another backup")

    def verify(self, machine: MachineState, entry: BackupEntry) -> Verdict:
        """Let the machine fetch the backup and prove that it restores."""
        url = self.bucket.presigned_get(entry.path, URL_SECONDS)
        output = carry_out(self.ecs, machine.instance_id, verify_snapshot(entry, url))
        try:
            return verdict_of(output, datetime.now(UTC))
        except ValueError as error:
            raise PermanentError(f"{machine.instance_id} gave no verdict: {error}") from error

    def discard(self, instance_id: str, date: str) -> None:
        """Tell the machine to remove its copy. What it does not remove now, a later snapshot on it does."""
        tell(self.ecs, instance_id, discard_snapshot(date))

    def _urls(self, date: str, upload_id: str, parts: Iterable[int]) -> dict[int, str]:
        key = self._key(date)
        return {part: self.bucket.presigned_part(key, upload_id, part, URL_SECONDS) for part in parts}

    def _key(self, date: str) -> str:
        return names.backup_key(self.record.name, date)
