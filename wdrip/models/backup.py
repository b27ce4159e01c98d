"""Backups of a cluster: what each one is, what was found out about it, and how often one is taken."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Strict, model_validator

from wdrip import names
from wdrip.models.cron import Cron
from wdrip.models.reading import Document, Whole, refuse

DATE_FORMAT = "%Y%m%d-%H%M"
"""A backup's date in the bucket: UTC, to the minute, as in the guide."""

Date = Annotated[str, Field(pattern=r"^\d{8}-\d{4}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VerdictKind(StrEnum):
    """How thoroughly a backup was looked at."""

    STRUCTURE = "structure"
    """Size, hash and the database's own structure."""
    DRILL = "drill"
    """Restored into an etcd of its own and read back."""


class Standing(StrEnum):
    """What all verdicts together say of a backup."""

    BAD = "bad"
    UNVERIFIED = "unverified"
    SOUND = "structure"
    """Its structure is right; nobody has restored it yet."""
    VERIFIED = "drill"
    """It was restored."""


class Verdict(_Model):
    """What one look at a backup found."""

    verified_at: AwareDatetime
    kind: VerdictKind
    ok: bool
    reason: str = ""
    """Why not, in words; empty when ok."""


class ObjectFacts(_Model):
    """What tells one content from another."""

    sha256: Sha256
    size: int = Field(gt=0)
    """Bytes."""


class SnapshotFacts(ObjectFacts):
    """What a machine tells of a snapshot that it has taken."""

    revision: int = Field(ge=1)
    total_keys: int = Field(ge=0)
    """Entries in all of the database's buckets, as `etcdctl snapshot status` counts."""
    live_keys: int | None = Field(default=None, ge=0)
    """Keys at that revision; None when the member could not be asked (no quorum, or compacted since)."""
    marker: str = ""
    """The value that was written under MARKER_KEY just before; empty when nothing could be written."""
    etcd_version: str
    """Without a leading `v`, e.g. `3.4.23`."""


class BackupEntry(SnapshotFacts):
    """One backup in the index. There is an object for it: the entry is written after the upload."""

    name: str
    """The cluster's name."""
    cluster_uid: str
    """Tells two clusters of one name apart."""
    prefix: str = names.BACKUP_PREFIX
    date: Date
    """`yyyymmdd-HHMM`, unique in the index. Later backups have later dates even if the clock went back."""
    path: str
    """Bucket key of the snapshot."""
    kubernetes_version: str
    """e.g. `v1.20.2`."""
    taken_at: AwareDatetime
    """By the clock of that moment."""
    member: str
    """Name of the etcd member that gave it."""
    ciphertext: ObjectFacts | None = None
    """The object in the bucket, when the snapshot was encrypted before it left the machine."""
    key_id: str = ""
    """Fingerprint of the key that the cluster's secrets were sealed with; empty when it is not known."""
    uploaded_at: AwareDatetime
    verdicts: tuple[Verdict, ...] = ()
    """The last of each kind, in the order in which they were given; a drill looks at the structure, too, so
    that a later one takes the place of both."""

    @model_validator(mode="after")
    def _lies_where_it_belongs(self) -> Self:
        if self.path != names.backup_key(self.name, self.date) or self.prefix != names.BACKUP_PREFIX:
            raise ValueError(f"backup {self.date} of {self.name} does not lie at {self.prefix} {self.path}")
        return self

    @property
    def standing(self) -> Standing:
        """BAD while the newest verdict of either kind is: a look cannot outweigh a failed drill."""
        newest = {verdict.kind: verdict.ok for verdict in self.verdicts}
        if not all(newest.values()):
            return Standing.BAD
        if VerdictKind.DRILL in newest:
            return Standing.VERIFIED
        return Standing.SOUND if newest else Standing.UNVERIFIED

    @property
    def good(self) -> bool:
        """Whether it was looked at and nothing speaks against it."""
        return self.standing in (Standing.SOUND, Standing.VERIFIED)

    def with_verdict(self, verdict: Verdict) -> "BackupEntry":
        """This backup with one more verdict, which takes the place of those that it makes void."""
        drilled = verdict.kind is VerdictKind.DRILL
        others = () if drilled else tuple(each for each in self.verdicts if each.kind is not verdict.kind)
        return self.model_copy(update={"verdicts": (*others, verdict)})

    @property
    def encrypted(self) -> bool:
        """Whether the snapshot was encrypted before it left the machine."""
        return self.ciphertext is not None

    @property
    def stored(self) -> ObjectFacts:
        """What lies in the bucket: the snapshot itself, or its ciphertext."""
        return self.ciphertext or self

    def misfit(self, size: int | None) -> str:
        """Why an object of `size` bytes (None: there is none) is not this backup; empty when it may be."""
        if size is None:
            return "its object is missing from the bucket"
        return "" if size == self.stored.size else f"it has {size} bytes, not {self.stored.size}"

    @property
    def complaint(self) -> str:
        """The reason of the newest bad verdict; empty when there is none."""
        return next((each.reason for each in reversed(self.verdicts) if not each.ok), "")


class BackupIndex(_Model):
    """`wdrip/backup/<name>/index.json`: a cluster's backups, newest first."""

    entries: tuple[BackupEntry, ...] = ()

    @model_validator(mode="after")
    def _newest_first(self) -> Self:
        dates = [entry.date for entry in self.entries]
        if dates != sorted(set(dates), reverse=True):
            raise ValueError("entries are not newest first, or two have one date")
        return self

    @classmethod
    def of(cls, entries: Iterable[BackupEntry]) -> "BackupIndex":
        """An index of entries in any order, e.g. of those that lie beside the snapshots."""
        return cls(entries=tuple(sorted(entries, key=lambda entry: entry.date, reverse=True)))

    def dated(self, date: str) -> BackupEntry | None:
        """The entry of that date."""
        return next((entry for entry in self.entries if entry.date == date), None)

    def with_entry(self, entry: BackupEntry) -> "BackupIndex":
        """This index with `entry`, in the place of an older one of the same date."""
        return self.of([entry, *(other for other in self.entries if other.date != entry.date)])

    def without(self, dates: Collection[str]) -> "BackupIndex":
        """This index without the entries of those dates."""
        return self.of(entry for entry in self.entries if entry.date not in dates)

    def with_verdict(self, date: str, verdict: Verdict) -> "BackupIndex":
        """This index with one more verdict on a backup; unchanged when the backup is gone."""
        entry = self.dated(date)
        return self if entry is None else self.with_entry(entry.with_verdict(verdict))


class BackupTiers(Document):
    """Backups kept beyond the newest ones: the last of each hour, day and ISO week, in UTC."""

    hourly: Annotated[Whole, Field(ge=0)] = Field(0, description="For so many hours.")
    daily: Annotated[Whole, Field(ge=0)] = Field(0, description="For so many days.")
    weekly: Annotated[Whole, Field(ge=0)] = Field(0, description="For so many ISO weeks.")


_Seconds = Annotated[Whole, Field(le=366 * 86_400)]
"""Who waits longer than a year has no backups."""


class BackupPolicy(Document):
    """How often a cluster is backed up and how long backups stay."""

    interval_seconds: _Seconds = Field(
        600, alias="intervalSeconds", description="Seconds between two backups, at least 60."
    )
    cron: str | None = Field(
        None,
        description="Five cron fields in UTC, instead of the interval, e.g. `0 */2 * * *`.",
    )
    keep: Whole = Field(4, description="Newest backups that stay, at least 1; bad ones do not count.")
    tiers: BackupTiers = Field(default_factory=BackupTiers)
    max_age_seconds: _Seconds | None = Field(
        None,
        alias="maxAgeSeconds",
        description="Age of the last good backup from which the cluster has a condition; by default when "
        "two were missed.",
    )
    drill_every_seconds: _Seconds = Field(
        86_400,
        alias="drillEverySeconds",
        description="How often the newest backup is restored as a drill, in seconds, at least 60.",
    )
    encrypt: Annotated[bool, Strict()] = Field(
        False,
        description="Encrypt snapshots on the master, with a key that the bucket has only among the "
        "cluster's sealed secrets.",
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.interval_seconds < 60:
            raise refuse("is below a minute", "write 60 or more", "intervalSeconds")
        if self.cron is not None:
            try:
                Cron(self.cron)
            except ValueError as error:
                raise refuse(str(error), "write e.g. `0 */2 * * *` for every second hour", "cron") from None
        if self.keep < 1:
            raise refuse("would keep no backup", "write 1 or more", "keep")
        if self.max_age_seconds is not None and self.max_age_seconds < 60:
            raise refuse("is below a minute", "write 60 or more", "maxAgeSeconds")
        if (
            self.cron is None
            and self.max_age_seconds is not None
            and self.max_age_seconds < self.interval_seconds
        ):
            raise refuse(
                "is shorter than the interval, so every backup would be too old",
                f"write {self.interval_seconds} or more",
                "maxAgeSeconds",
            )
        if self.drill_every_seconds < 60:
            raise refuse("is below a minute", "write 60 or more", "drillEverySeconds")
        return self

    @property
    def interval(self) -> timedelta:
        """`interval_seconds`."""
        return timedelta(seconds=self.interval_seconds)
