"""Whether backups come, are good and are young enough."""

from datetime import datetime, timedelta

from wdrip.models.backup import DATE_FORMAT, BackupEntry, BackupIndex, BackupPolicy, VerdictKind
from wdrip.models.backup_health import BackupHealth
from wdrip.models.cron import Cron

_GRACE = timedelta(minutes=5)
"""What taking, uploading and looking at a backup may take before it counts as late."""


def backup_health(
    index: BackupIndex,
    policy: BackupPolicy,
    now: datetime,
    since: datetime,
    *,
    scheduled: bool = True,
    paused: bool = False,
    failure: str = "",
) -> BackupHealth:
    """Whether the cluster is as well backed up as the policy wants.

    since: when backups began to be taken (the schedule was made); before that none was due. failure: why the
    latest attempt failed; empty when it did not.
    """
    good = next((entry for entry in index.entries if entry.good), None)
    # A backup by a clock that was ahead must not hide that none comes.
    past = [entry for entry in index.entries if entry.taken_at <= now + _GRACE]
    newest = max((entry.taken_at for entry in past), default=since)
    missed = _missed(policy, max(newest, since), now)
    age = now - next((entry.taken_at for entry in past if entry.good), since)
    bad = index.entries[0].complaint if index.entries and not index.entries[0].good else ""
    drilled = _last_drill(index, since)
    problems = (
        (not scheduled, "BackupsUnscheduled", "there is no schedule"),
        (paused, "BackupsPaused", "the schedule is paused"),
        (bool(bad), "BackupBad", f"the newest backup is bad: {bad}"),
        (
            age > _alarm_age(policy, now),
            "BackupTooOld",
            f"{missed} missed" if missed else "no good one came in time",
        ),
        (bool(failure), "BackupFailed", f"the latest attempt failed: {failure}"),
        (missed > 0, "BackupMissed", f"{missed} missed"),
        (
            now - drilled > max(2 * timedelta(seconds=policy.drill_every_seconds), _two_backups(policy, now)),
            "DrillMissed",
            f"none was restored as a drill since {drilled:{DATE_FORMAT}}",
        ),
    )
    reason, words = next(
        ((reason, words) for found, reason, words in problems if found),
        ("BackupRecent", "") if good else ("BackupExpected", "no backup was due yet"),
    )
    if reason == "BackupTooOld" and failure:
        words += f"; the latest attempt failed: {failure}"
    return BackupHealth(
        ok=reason in ("BackupRecent", "BackupExpected"),
        reason=reason,
        message=words if reason in ("BackupRecent", "BackupExpected") else f"{words}; {_known(good)}",
        last_good=good.taken_at if good is not None else None,
        missed=missed,
        scheduled=scheduled,
    )


def _known(good: BackupEntry | None) -> str:
    return "there is no good backup" if good is None else f"the last good backup is {good.date}"


def _last_drill(index: BackupIndex, since: datetime) -> datetime:
    """When a drill last went well; the beginning when none did."""
    verdicts = (each for entry in index.entries for each in entry.verdicts)
    return max(
        (each.verified_at for each in verdicts if each.kind is VerdictKind.DRILL and each.ok), default=since
    )


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
    if policy.max_age_seconds is not None:
        return timedelta(seconds=policy.max_age_seconds)
    return _two_backups(policy, now)


def _two_backups(policy: BackupPolicy, now: datetime) -> timedelta:
    """The time from which on two in a row have not come."""
    if policy.cron is None:
        return 2 * policy.interval + _GRACE
    cron = Cron(policy.cron)
    last = cron.last_before(now - _GRACE)
    before = cron.last_before(last - timedelta(minutes=1)) if last is not None else None
    return now - before if before is not None else timedelta.max
