"""When a cluster is backed up, what the next backup is called, and when one is restored as a drill."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from wdrip.models.backup import DATE_FORMAT, BackupEntry, BackupIndex, BackupPolicy, Standing, VerdictKind

CATCH_UP = timedelta(minutes=1)
"""Backups missed while Temporal was down are not made up for, but one that is just due is."""


@dataclass(frozen=True)
class BackupSpec:
    """What a Temporal schedule needs; overlapping runs are always skipped. Exactly one of the first two."""

    interval: timedelta | None
    cron: str
    """Temporal's seven fields (second … year); empty with an interval."""
    offset: timedelta
    """Shift of an interval's ticks from the epoch; zero with a cron expression."""
    catch_up: timedelta
    note: str
    """What the Web UI shows beside the schedule."""


def backup_spec(cluster: str, policy: BackupPolicy) -> BackupSpec:
    """The schedule of a cluster, shifted by an amount of its own so that a fleet does not fire together.

    An interval is shifted by any part of itself; a cron expression names a minute, and is shifted within it.
    """
    shift = int.from_bytes(hashlib.sha256(cluster.encode()).digest()[:8], "big")
    kept = f"keeps {policy.keep}" + "".join(
        f", {count} {tier}" for tier, count in policy.tiers.model_dump().items() if count
    )
    if policy.cron is not None:
        cron = " ".join((str(shift % 60), *policy.cron.split(), "*"))
        return BackupSpec(None, cron, timedelta(), CATCH_UP, f"Backs up {cluster} at `{policy.cron}`; {kept}")
    offset = timedelta(seconds=shift % policy.interval_seconds)
    note = f"Backs up {cluster} every {in_words(policy.interval)}; {kept}"
    return BackupSpec(policy.interval, "", offset, CATCH_UP, note)


def next_date(now: datetime, taken: Collection[str]) -> str:
    """The date under which a backup that begins now is kept.

    taken: dates of the index and of objects in the bucket. The result is later than all of them: two backups
    in one minute, or a clock that went back, neither overwrite one nor make a new one look old.
    """
    date = now.astimezone(UTC).replace(second=0, microsecond=0)
    if taken:
        latest = datetime.strptime(max(taken), DATE_FORMAT).replace(tzinfo=UTC)
        date = max(date, latest + timedelta(minutes=1))
    return date.strftime(DATE_FORMAT)


def drill_is_due(index: BackupIndex, policy: BackupPolicy, now: datetime) -> BackupEntry | None:
    """The newest backup, when the last drill that went well is longer ago than the policy wants.

    After one that failed the next backup is due at once: whether any restores is then the question.
    """
    drills = [
        verdict.verified_at
        for entry in index.entries
        for verdict in entry.verdicts
        if verdict.kind is VerdictKind.DRILL and verdict.ok
    ]
    recent = any(now - at < timedelta(seconds=policy.drill_every_seconds) for at in drills)
    newest = next(iter(index.entries), None)
    return None if recent or newest is None or newest.standing is Standing.BAD else newest


def in_words(duration: timedelta) -> str:
    """`90 s`, `10 min`, `3 h 20 min`, `2 d 4 h`: the two largest units that matter."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    units = (("d", 86_400), ("h", 3600), ("min", 60))
    first = next(index for index, (_, size) in enumerate(units) if seconds >= size)
    parts = []
    for unit, size in units[first : first + 2]:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts)
