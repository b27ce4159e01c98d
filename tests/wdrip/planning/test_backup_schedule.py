"""When backups are taken, what they are called, and when one is restored as a drill."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wdrip.backup_entries import CLUSTER, entry, moment
from wdrip.models.backup import DATE_FORMAT, BackupIndex, BackupPolicy, Standing, Verdict, VerdictKind
from wdrip.planning.backup_schedule import backup_spec, drill_is_due, in_words, next_date

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
