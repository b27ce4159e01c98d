"""When backups are taken, what they are called, and when somebody must be told that none come."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wdrip.backup_entries import CLUSTER, entry, moment
from wdrip.models.backup import DATE_FORMAT, BackupIndex, BackupPolicy, Standing, Verdict, VerdictKind
from wdrip.planning.backup_schedule import (
    backup_condition,
    backup_spec,
    drill_is_due,
    in_words,
    next_date,
)

MINUTE = timedelta(minutes=1)
NOW = datetime(2021, 10, 2, 10, 24, 30, tzinfo=UTC)


def dated(at: datetime) -> str:
    return at.strftime(DATE_FORMAT)


def test_the_guides_schedule() -> None:
    spec = backup_spec(CLUSTER, BackupPolicy())
    assert (spec.interval, spec.cron) == (10 * MINUTE, "")
    assert "every 10 min" in spec.note
    assert "keeps 4" in spec.note


def test_a_fleet_is_spread_over_the_interval() -> None:
    offsets = [backup_spec(f"cluster-{number}", BackupPolicy()).offset for number in range(600)]
    assert all(timedelta() <= offset < 10 * MINUTE for offset in offsets)
    # No minute has more than twice its share.
    assert max(sum(offset // MINUTE == minute for offset in offsets) for minute in range(10)) < 120


def test_a_clusters_place_stays_the_same() -> None:
    assert backup_spec("a", BackupPolicy()) == backup_spec("a", BackupPolicy())


def test_cron_is_spread_within_its_minute() -> None:
    crons = {backup_spec(f"cluster-{n}", BackupPolicy(cron="0 */2 * * *")).cron for n in range(300)}
    assert all(cron.endswith(" 0 */2 * * * *") for cron in crons)
    assert all(0 <= int(cron.split()[0]) < 60 for cron in crons)
    assert len(crons) > 50


def test_a_date_is_utc_to_the_minute() -> None:
    east = NOW.astimezone(tz=None)
    assert next_date(east, ()) == "20211002-1024"


@given(now=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), taken=st.sets(st.integers(0, 10**6)))
def test_dates_only_ever_rise(now: datetime, taken: set[int]) -> None:
    dates = {dated(datetime(2024, 12, 31, tzinfo=UTC) + each * MINUTE) for each in taken}
    found = next_date(now.replace(tzinfo=UTC), dates)
    assert all(found > each for each in dates)
    assert dates or found == dated(now)


def condition(
    *ages: int, policy: BackupPolicy | None = None, since: int = 10_000, standing: Standing = Standing.SOUND
) -> tuple[str, int]:
    """Reason and missed count with backups of those ages (minutes) and a schedule of age `since`."""
    index = BackupIndex.of(entry(dated(NOW - age * MINUTE), standing) for age in ages)
    found = backup_condition(index, policy or BackupPolicy(), NOW, NOW - since * MINUTE)
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
    assert condition(*ages, since=since) == found


def test_overdue_by_cron() -> None:
    daily = BackupPolicy(cron="0 3 * * *")
    assert condition(7 * 60, policy=daily) == ("BackupRecent", 0)
    assert condition(8 * 60, policy=daily) == ("BackupMissed", 1)
    assert condition(35 * 60, policy=daily) == ("BackupTooOld", 2)


def test_an_alarm_of_ones_own() -> None:
    assert condition(13, policy=BackupPolicy(max_age_seconds=700)) == ("BackupTooOld", 0)


def test_only_good_ones_count_for_the_age() -> None:
    index = BackupIndex.of(
        [entry(dated(NOW - 3 * MINUTE), Standing.UNVERIFIED), entry(dated(NOW - 40 * MINUTE))]
    )
    found = backup_condition(index, BackupPolicy(), NOW, NOW - 1000 * MINUTE)
    assert (found.reason, found.missed) == ("BackupTooOld", 0)
    assert "20211002-0944, 40 min old" in found.message


def test_a_bad_newest_is_told_with_its_reason() -> None:
    index = BackupIndex.of([entry(dated(NOW - 3 * MINUTE), Standing.BAD), entry(dated(NOW - 13 * MINUTE))])
    found = backup_condition(index, BackupPolicy(), NOW, NOW - 1000 * MINUTE)
    assert found.reason == "BackupBad"
    assert "it does not restore" in found.message
    assert found.last_good == index.entries[1]


def test_paused_and_failed_are_told_with_the_last_good_one() -> None:
    index = BackupIndex.of([entry(dated(NOW - 3 * MINUTE))])
    since = NOW - 1000 * MINUTE
    paused = backup_condition(index, BackupPolicy(), NOW, since, paused=True)
    failed = backup_condition(index, BackupPolicy(), NOW, since, failure="the bucket refuses")
    assert (paused.reason, failed.reason) == ("BackupsPaused", "BackupFailed")
    assert "the bucket refuses" in failed.message
    assert all("the last good backup is 20211002-1021" in each.message for each in (paused, failed))


def test_a_backup_of_the_future_hides_no_miss() -> None:
    # Taken by a clock that was a day ahead; the schedule has been running for an hour since.
    index = BackupIndex.of([entry(dated(NOW + 1440 * MINUTE))])
    found = backup_condition(index, BackupPolicy(), NOW + 60 * MINUTE, NOW)
    assert (found.reason, found.missed) == ("BackupTooOld", 5)


def test_a_drill_is_due_a_day_after_the_last() -> None:
    drilled = BackupIndex.of([entry("20211001-0900", Standing.VERIFIED), entry("20211002-1000")])
    assert drill_is_due(drilled, BackupPolicy(), moment("20211002-0859")) is None
    assert drill_is_due(drilled, BackupPolicy(), moment("20211002-0900")) == drilled.entries[0]


def test_after_a_failed_drill_the_next_backup_is_due_and_the_bad_one_is_not() -> None:
    bad = Verdict(verified_at=NOW, kind=VerdictKind.DRILL, ok=False, reason="no")
    index = BackupIndex.of([entry("20211002-1000")]).with_verdict("20211002-1000", bad)
    assert drill_is_due(index, BackupPolicy(), NOW) is None
    later = entry("20211002-1010")
    assert drill_is_due(index.with_entry(later), BackupPolicy(), NOW) == later


def test_no_drill_is_due_without_backups() -> None:
    assert drill_is_due(BackupIndex(), BackupPolicy(), NOW) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (90, "90 s"), (120, "2 min"), (3600, "1 h"), (12_345, "3 h 25 min"), (190_000, "2 d 4 h")],
)
def test_durations_in_words(seconds: int, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words
