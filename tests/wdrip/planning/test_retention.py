"""What goes: every small case, the rules over random indexes, and many rounds on end."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wdrip.backup_entries import CLUSTER, entry
from wdrip import names
from wdrip.models.backup import DATE_FORMAT, BackupEntry, BackupIndex, BackupPolicy, BackupTiers, Standing
from wdrip.planning.retention import Retention, retention

BEGIN = datetime(2021, 10, 1, tzinfo=UTC)


def date(minutes: int) -> str:
    return (BEGIN + timedelta(minutes=minutes)).strftime(DATE_FORMAT)


def objects(entries: Iterable[BackupEntry]) -> set[str]:
    """The bucket that has all of them."""
    keys = {names.backup_index_key(CLUSTER)}
    for each in entries:
        keys |= {each.path, names.backup_entry_key(CLUSTER, each.date)}
    return keys


def check(index: BackupIndex, keys: set[str], policy: BackupPolicy, in_flight: set[str]) -> Retention:
    """A round, with everything that must hold of any."""
    done = retention(CLUSTER, index, keys, policy, in_flight)
    left, doomed = done.index.entries, set(done.doomed_keys)
    # Every entry keeps its object, and every object that stays has an entry or is being worked on.
    assert all(each.path in keys - doomed for each in left)
    dates = {each.date for each in left} | in_flight
    assert all(key == names.backup_index_key(CLUSTER) or key.split("/")[3] in dates for key in keys - doomed)
    assert names.backup_index_key(CLUSTER) not in doomed
    assert not any(key.split("/")[3] in in_flight for key in doomed)
    # Nothing is lost without being told.
    assert {each.date for each in (*left, *done.removed, *done.lost)} == {each.date for each in index.entries}
    there = [each for each in index.entries if each.path in keys]
    for protected in (
        next((each for each in there if each.good), None),
        next((each for each in there if each.standing is Standing.VERIFIED), None),
    ):
        assert protected is None or protected in left
    usable = [each for each in there if each.standing is not Standing.BAD]
    assert set(usable[: policy.keep]) <= set(left)
    # A second round finds nothing to do.
    again = retention(CLUSTER, done.index, keys - doomed, policy, in_flight)
    assert (again.index, again.removed, again.lost, again.doomed_keys) == (done.index, (), (), ())
    return done


@pytest.mark.parametrize("keep", [1, 2, 4])
def test_every_index_of_up_to_five_backups(keep: int) -> None:
    for count in range(6):
        for standings in product(Standing, repeat=count):
            index = BackupIndex.of(entry(date(10 * n), standing) for n, standing in enumerate(standings))
            check(index, objects(index.entries), BackupPolicy(keep=keep), set())


@given(
    backups=st.lists(
        st.tuples(st.integers(0, 60 * 24 * 40), st.sampled_from(Standing), st.booleans(), st.booleans()),
        max_size=25,
        unique_by=lambda each: each[0],
    ),
    garbage=st.sets(st.integers(0, 60 * 24 * 40), max_size=5),
    keep=st.integers(1, 6),
    tiers=st.builds(BackupTiers, hourly=st.integers(0, 5), daily=st.integers(0, 5), weekly=st.integers(0, 3)),
)
def test_the_rules_hold_of_any_index(
    backups: list[tuple[int, Standing, bool, bool]], garbage: set[int], keep: int, tiers: BackupTiers
) -> None:
    index = BackupIndex.of(entry(date(at), standing) for at, standing, _, _ in backups)
    missing = {names.backup_key(CLUSTER, date(at)) for at, _, there, _ in backups if not there}
    keys = objects(index.entries) - missing | {names.backup_key(CLUSTER, date(at)) for at in garbage}
    in_flight = {date(at) for at, _, _, busy in backups if busy}
    check(index, keys, BackupPolicy(keep=keep, tiers=tiers), in_flight)


def test_the_guides_four_are_kept() -> None:
    index = BackupIndex.of(entry(date(10 * n)) for n in range(5))
    done = check(index, objects(index.entries), BackupPolicy(), set())
    assert [each.date for each in done.removed] == [date(0)]
    assert set(done.doomed_keys) == {
        names.backup_key(CLUSTER, date(0)),
        names.backup_entry_key(CLUSTER, date(0)),
    }


def test_an_old_drilled_backup_outlives_newer_ones_that_nobody_restored() -> None:
    index = BackupIndex.of([entry(date(0), Standing.VERIFIED), *(entry(date(10 * n)) for n in range(1, 9))])
    done = check(index, objects(index.entries), BackupPolicy(), set())
    assert [each.date for each in done.index.entries] == [date(80), date(70), date(60), date(50), date(0)]


def test_bad_ones_push_no_good_one_out() -> None:
    index = BackupIndex.of([entry(date(0)), *(entry(date(10 * n), Standing.BAD) for n in range(1, 9))])
    done = check(index, objects(index.entries), BackupPolicy(), set())
    assert [each.date for each in done.index.entries] == [date(80), date(70), date(60), date(50), date(0)]


def test_a_bad_one_goes_once_a_good_one_is_newer() -> None:
    index = BackupIndex.of([entry(date(0), Standing.BAD), entry(date(10))])
    done = check(index, objects(index.entries), BackupPolicy(), set())
    assert [each.date for each in done.removed] == [date(0)]


def test_an_entry_without_object_leaves_and_is_told() -> None:
    index = BackupIndex.of([entry(date(0)), entry(date(10))])
    done = check(index, objects([entry(date(10))]), BackupPolicy(), set())
    assert [each.date for each in done.lost] == [date(0)]


def test_an_upload_that_never_got_its_entry_is_garbage_and_one_under_way_is_not() -> None:
    index = BackupIndex.of([entry(date(0))])
    keys = objects(index.entries) | {names.backup_key(CLUSTER, date(n)) for n in (10, 20)}
    done = check(index, keys, BackupPolicy(), {date(20)})
    assert done.doomed_keys == (names.backup_key(CLUSTER, date(10)),)


def test_other_clusters_objects_are_nobodys_garbage() -> None:
    others = {"wdrip/backup/kubernetes-id-0011/20211001-0000/snapshot.db", "wdrip/clusters/a.json"}
    assert retention(CLUSTER, BackupIndex(), others, BackupPolicy()).doomed_keys == ()


def test_a_month_of_rounds_leaves_the_last_of_each_hour_day_and_week() -> None:
    policy = BackupPolicy(keep=4, tiers=BackupTiers(hourly=3, daily=3, weekly=3))
    index = BackupIndex()
    for number in range(0, 31 * 24 * 6, 3):
        index = index.with_entry(entry(date(10 * number)))
        index = retention(CLUSTER, index, objects(index.entries), policy).index
    assert [each.date for each in index.entries] == [
        # The newest four, of which three are the last of their hours.
        "20211031-2330",
        "20211031-2300",
        "20211031-2230",
        "20211031-2200",
        "20211031-2130",
        # The last of each day.
        "20211030-2330",
        "20211029-2330",
        # The last of each week; the third is the running one's.
        "20211024-2330",
        "20211017-2330",
    ]
