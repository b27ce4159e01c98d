"""Whether a cluster is backed up as its policy wants, and what is said when it is not."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.wdrip.backup_entries import entry
from wdrip.models.backup import DATE_FORMAT, BackupIndex, BackupPolicy, Standing
from wdrip.planning.backup_health import backup_health

MINUTE = timedelta(minutes=1)
NOW = datetime(2021, 10, 2, 10, 24, 30, tzinfo=UTC)


def dated(at: datetime) -> str:
    return at.strftime(DATE_FORMAT)


def health(
    *ages: int, policy: BackupPolicy | None = None, since: int = 2000, standing: Standing = Standing.SOUND
) -> tuple[str, int]:
    """Reason and missed count with backups of those ages (minutes) and a schedule of age `since`."""
    index = BackupIndex.of(entry(dated(NOW - age * MINUTE), standing) for age in ages)
    found = backup_health(index, policy or BackupPolicy(), NOW, NOW - since * MINUTE)
    assert found.ok is (found.reason in ("BackupRecent", "BackupExpected"))
    return found.reason, found.missed


@pytest.mark.parametrize(
    ("ages", "since", "found"),
    [
        ((), 0, ("BackupExpected", 0)),
        ((), 14, ("BackupExpected", 0)),
        # The first was due after ten minutes and has five to come.
        ((), 16, ("BackupMissed", 1)),
        ((), 30, ("BackupTooOld", 2)),
        ((3,), 1000, ("BackupRecent", 0)),
        ((13,), 1000, ("BackupRecent", 0)),
        ((17,), 1000, ("BackupMissed", 1)),
        ((27,), 1000, ("BackupTooOld", 2)),
        ((600,), 1000, ("BackupTooOld", 59)),
        # Resumed just now after a pause: late, but nothing was missed.
        ((600,), 1, ("BackupTooOld", 0)),
    ],
)
def test_overdue_by_an_interval(ages: tuple[int, ...], since: int, found: tuple[str, int]) -> None:
    assert health(*ages, since=since) == found


def test_overdue_by_cron() -> None:
    daily = BackupPolicy(cron="0 3 * * *")
    assert health(7 * 60, policy=daily) == ("BackupRecent", 0)
    assert health(8 * 60, policy=daily) == ("BackupMissed", 1)
    assert health(35 * 60, policy=daily) == ("BackupTooOld", 2)


def test_an_alarm_of_ones_own() -> None:
    assert health(13, policy=BackupPolicy(max_age_seconds=700)) == ("BackupTooOld", 0)


def test_only_good_ones_count_for_the_age() -> None:
    index = BackupIndex.of(
        [entry(dated(NOW - 3 * MINUTE), Standing.UNVERIFIED), entry(dated(NOW - 40 * MINUTE))]
    )
    found = backup_health(index, BackupPolicy(), NOW, NOW - 1000 * MINUTE)
    assert (found.reason, found.missed) == ("BackupTooOld", 0)
    assert found.message == "no good one came in time; the last good backup is 20211002-0944"


def test_a_bad_newest_is_told_with_its_reason() -> None:
    index = BackupIndex.of([entry(dated(NOW - 3 * MINUTE), Standing.BAD), entry(dated(NOW - 13 * MINUTE))])
    found = backup_health(index, BackupPolicy(), NOW, NOW - 1000 * MINUTE)
    assert found.reason == "BackupBad"
    assert "it does not restore" in found.message
    assert found.last_good == index.entries[1].taken_at


def test_paused_and_failed_are_told_with_the_last_good_one() -> None:
    index = BackupIndex.of([entry(dated(NOW - 3 * MINUTE))])
    since = NOW - 1000 * MINUTE
    paused = backup_health(index, BackupPolicy(), NOW, since, paused=True)
    gone = backup_health(index, BackupPolicy(), NOW, since, scheduled=False)
    failed = backup_health(index, BackupPolicy(), NOW, since, failure="the bucket refuses")
    found = (paused, gone, failed)
    assert [each.reason for each in found] == ["BackupsPaused", "BackupsUnscheduled", "BackupFailed"]
    assert "the bucket refuses" in failed.message
    assert all("the last good backup is 20211002-1021" in each.message for each in found)


def test_one_that_is_too_old_tells_why_none_comes() -> None:
    index = BackupIndex.of([entry(dated(NOW - 60 * MINUTE))])
    found = backup_health(index, BackupPolicy(), NOW, NOW - 1000 * MINUTE, failure="the bucket refuses")
    assert found.message == (
        "5 missed; the latest attempt failed: the bucket refuses; the last good backup is 20211002-0924"
    )


@pytest.mark.parametrize(
    ("drilled", "interval", "found"),
    [
        # By default one a day.
        (47 * 60, 600, "BackupRecent"),
        (49 * 60, 600, "DrillMissed"),
        # Drills follow backups, which are rarer here.
        (120 * 60, 3 * 86_400, "BackupRecent"),
        (150 * 60, 3 * 86_400, "DrillMissed"),
    ],
)
def test_that_none_was_restored_for_long_is_told(drilled: int, interval: int, found: str) -> None:
    restored = entry(dated(NOW - drilled * MINUTE), Standing.VERIFIED)
    index = BackupIndex.of([restored, entry(dated(NOW - 3 * MINUTE))])
    policy = BackupPolicy(interval_seconds=interval)
    health = backup_health(index, policy, NOW, NOW - 100_000 * MINUTE)
    assert health.reason == found
    assert health.ok or f"none was restored as a drill since {restored.date}" in health.message


def test_all_is_said_in_the_same_words_as_long_as_nothing_changes() -> None:
    index = BackupIndex.of([entry(dated(NOW - 3 * MINUTE))])
    looks = (
        backup_health(index, BackupPolicy(), NOW + each * MINUTE, NOW - 1000 * MINUTE) for each in (0, 9)
    )
    assert len(set(looks)) == 1


def test_a_backup_of_the_future_hides_no_miss() -> None:
    # Taken by a clock that was a day ahead; the schedule has been running for an hour since.
    index = BackupIndex.of([entry(dated(NOW + 1440 * MINUTE))])
    found = backup_health(index, BackupPolicy(), NOW + 60 * MINUTE, NOW)
    assert (found.reason, found.missed) == ("BackupTooOld", 5)
