"""When a cluster is backed up, what the next backup is called, and whether backups are overdue."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from wdrip.models.backup import DATE_FORMAT, BackupEntry, BackupIndex, BackupPolicy, Standing, VerdictKind
from wdrip.models.cron import Cron

CATCH_UP = timedelta(minutes=1)
"""Backups missed while Temporal was down are not made up for, but one that is just due is."""

_GRACE = timedelta(minutes=5)
"""What taking, uploading and looking at a backup may take before it counts as late."""


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


@dataclass(frozen=True)
class BackupCondition:
    """Whether a cluster is as well backed up as its policy wants."""

    ok: bool
    reason: str
    """One CamelCase word, as in a Kubernetes condition."""
    message: str
    last_good: BackupEntry | None
    missed: int
    """Backups that were due since the last one and did not come."""


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


def backup_condition(
    index: BackupIndex,
    policy: BackupPolicy,
    now: datetime,
    since: datetime,
    *,
    paused: bool = False,
    failure: str = "",
) -> BackupCondition:
    """Whether backups come and the last good one is young enough.

    since: when backups began to be taken (the schedule was made, or resumed); before that none was due.
    failure: why the latest attempt failed; empty when it did not.
    """
    good = next((entry for entry in index.entries if entry.good), None)
    # A backup by a clock that was ahead must not hide that none comes.
    past = [entry for entry in index.entries if entry.taken_at <= now + _GRACE]
    newest = max((entry.taken_at for entry in past), default=since)
    missed = _missed(policy, max(newest, since), now)
    known = _last(good, now)
    age = now - next((entry.taken_at for entry in past if entry.good), since)
    bad = index.entries[0].complaint if index.entries and not index.entries[0].good else ""
    problems = (
        (paused, "BackupsPaused", "backups are paused"),
        (bool(bad), "BackupBad", f"the newest backup is bad: {bad}"),
        (age > _alarm_age(policy, now), "BackupTooOld", f"{missed} missed"),
        (bool(failure), "BackupFailed", "the latest backup failed"),
        (missed > 0, "BackupMissed", f"{missed} missed"),
    )
    for found, reason, message in problems:
        if found:
            told = "; ".join((message, *([failure] if failure else []), known))
            return BackupCondition(False, reason, told, good, missed)
    if good is None:
        return BackupCondition(True, "BackupExpected", "no backup was due yet", None, 0)
    return BackupCondition(True, "BackupRecent", known, good, 0)


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


def _last(good: BackupEntry | None, now: datetime) -> str:
    if good is None:
        return "there is no good backup"
    return f"the last good backup is {good.date}, {in_words(now - good.taken_at)} old"


def _missed(policy: BackupPolicy, last: datetime, now: datetime) -> int:
    due = now - _GRACE
    if policy.cron is None:
        return max(0, (due - last) // policy.interval)
    cron, missed = Cron(policy.cron), 0
    while missed < _MANY and (due_at := cron.last_before(due)) is not None and due_at > last:
        missed += 1
        due = due_at - timedelta(minutes=1)
    return missed


_MANY = 1000
"""Nobody counts further; a cron expression of every minute and a year without backups would."""


def _alarm_age(policy: BackupPolicy, now: datetime) -> timedelta:
    """As the policy says, or two backups missed."""
    if policy.max_age_seconds is not None:
        return timedelta(seconds=policy.max_age_seconds)
    if policy.cron is None:
        return 2 * policy.interval + _GRACE
    cron = Cron(policy.cron)
    last = cron.last_before(now - _GRACE)
    before = cron.last_before(last - timedelta(minutes=1)) if last is not None else None
    return now - before if before is not None else timedelta.max
