"""What is asked of the workflows around backups, and the note that holds a backup's place in the bucket."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from wdrip.models.backup import BackupEntry, ObjectFacts, SnapshotFacts


class BackupRequest(BaseModel):
    """Input of the `Backup` workflow. The cluster's record is read when it runs: a schedule lives long."""

    model_config = ConfigDict(extra="forbid")

    cluster: str
    provider: str
    """Provider key in the worker's own configuration."""
    reason: str
    """Why now, in words, e.g. `on schedule`."""


class VerifyRequest(BackupRequest):
    """Input of the `VerifyBackup` workflow."""

    date: str = ""
    """Which backup; empty: the newest."""


class Verified(BaseModel):
    """A backup after it was restored as a drill."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entry: BackupEntry
    """With the new verdict."""
    mended: str = ""
    """What was wrong with the index, which was written anew; empty when nothing was."""


class Retained(BaseModel):
    """What a round of retention took out of the index: dates of backups."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    removed: tuple[str, ...] = ()
    """There are enough without them."""
    lost: tuple[str, ...] = ()
    """Their snapshots were gone from the bucket."""


class Sent(BaseModel):
    """A snapshot whose parts have all arrived in the bucket."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    member: str
    """Name of the etcd member that gave it."""
    taken_at: AwareDatetime
    """The snapshot is not older."""
    facts: SnapshotFacts
    ciphertext: ObjectFacts | None = None
    """What was sent, when the snapshot was encrypted before."""
    etags: dict[int, str]
    """Of each part, by number."""

    @property
    def stored(self) -> ObjectFacts:
        """What the parts make."""
        return self.ciphertext or self.facts


class BackupClaim(BaseModel):
    """`claim.json` beside a snapshot: whose date it is, and how far that backup has come."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attempt_id: str
    instance_id: str = ""
    """The machine that has the snapshot; empty until one was chosen."""
    taken_at: AwareDatetime | None = None
    """When that machine was first asked for the snapshot: what it has is not older."""
    upload_id: str = ""
    """The upload that was begun for that machine's snapshot."""
    sent: Sent | None = None
    """From then on the machine is needed no more."""
