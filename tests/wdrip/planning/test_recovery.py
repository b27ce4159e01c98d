"""Which backup is restored, what is said of it, and that no order of steps destroys before it has proven."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wdrip.backup_entries import CLUSTER, entry
from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.backup import BackupEntry, BackupIndex, Standing
from wdrip.models.recovery import RecoveryPlan
from wdrip.models.recovery import RecoveryStep as Step
from wdrip.models.step_kind import StepKind
from wdrip.planning.decision import Act, Hold, Settled
from wdrip.planning.recovery import (
    DESTRUCTIVE,
    DISRUPTIVE,
    KEPT_LATER,
    RecoverySource,
    RecoveryTarget,
    complaint,
    missing_before,
    nodes_without_machine,
    plan_recovery,
    recovery_steps,
    refuse_transfer,
    retirement_due,
)

NOW = datetime(2021, 10, 2, 10, 30, tzinfo=UTC)
SOURCE = RecoverySource(CLUSTER, "uid", "key-1")
TARGET = RecoveryTarget(CLUSTER, "v1.20.4-aliyun.1", "3.4.23", 3)
NEW = RecoveryTarget("kubernetes-id-002", "v1.20.2", "3.4.23", 1)
NEWEST, MIDDLE, OLDEST = "20211002-1024", "20211002-1014", "20211002-1004"


def index_of(*standings: Standing) -> BackupIndex:
    """Up to three backups, newest first."""
    dates = (NEWEST, MIDDLE, OLDEST)
    return BackupIndex.of(entry(date, standing) for date, standing in zip(dates, standings, strict=False))


def plan(
    index: BackupIndex,
    *,
    target: RecoveryTarget = TARGET,
    date: str | None = None,
    last_revision: int | None = None,
    missing: tuple[str, ...] = (),
) -> RecoveryPlan:
    sizes = {each.path: each.size for each in index.entries if each.date not in missing}
    return plan_recovery(SOURCE, target, index, sizes, NOW, date=date, last_revision=last_revision)


def test_the_newest_good_one_is_chosen_and_the_others_stand_ready() -> None:
    index = index_of(Standing.SOUND, Standing.VERIFIED, Standing.SOUND)
    found = plan(index)
    assert found.backup == index.entries[0]
    assert found.fallbacks == (MIDDLE, OLDEST)
    assert found.refused == ()


@pytest.mark.parametrize(
    ("newest", "word"),
    [(Standing.BAD, "it is bad: it does not restore"), (Standing.UNVERIFIED, "nobody has looked at it yet")],
)
def test_one_that_is_not_good_is_named_and_the_next_taken(newest: Standing, word: str) -> None:
    found = plan(index_of(newest, Standing.SOUND))
    assert found.backup.date == MIDDLE
    assert found.refused == (f"backup {NEWEST} is not used: {word}",)


def test_every_combination_restores_only_what_is_good() -> None:
    for standings in product(Standing, repeat=3):
        index = index_of(*standings)
        good = [each for each in index.entries if each.good]
        if not good:
            with pytest.raises(PermanentError):
                plan(index)
            continue
        found = plan(index)
        assert found.backup == good[0]
        assert list(found.fallbacks) == [each.date for each in good[1:]]
        # Whatever is newer than what is restored is named.
        assert len(found.refused) == index.entries.index(good[0])


def test_a_missing_object_is_passed_over() -> None:
    found = plan(index_of(Standing.SOUND, Standing.SOUND), missing=(NEWEST,))
    assert found.backup.date == MIDDLE
    assert "its object" in found.refused[0]


def test_a_date_given_is_taken_even_if_nobody_has_looked_at_it() -> None:
    index = index_of(Standing.SOUND, Standing.UNVERIFIED, Standing.SOUND)
    found = plan(index, date=MIDDLE)
    assert found.backup.date == MIDDLE
    assert found.fallbacks == (OLDEST,)
    assert found.refused == ()


def test_a_bad_date_is_refused_with_the_next_good_one() -> None:
    with pytest.raises(InvalidInput) as refused:
        plan(index_of(Standing.SOUND, Standing.BAD, Standing.VERIFIED), date=MIDDLE)
    assert str(refused.value) == (
        f"--backup: {MIDDLE}: it is bad: it does not restore; "
        f"the next good one is {OLDEST} (drill verified): --backup {OLDEST}"
    )


def test_a_bad_date_with_nothing_older_is_refused_with_the_newest_good_one() -> None:
    with pytest.raises(InvalidInput, match=f"next good one is {NEWEST}"):
        plan(index_of(Standing.SOUND, Standing.BAD), date=MIDDLE)


def test_a_date_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidInput, match=f"{CLUSTER} has no such backup"):
        plan(index_of(Standing.SOUND), date="20200101-0000")


def test_no_backups_at_all() -> None:
    with pytest.raises(PermanentError, match="has no backups"):
        plan(BackupIndex())


def test_no_verified_backup_offers_one_to_be_looked_at() -> None:
    with pytest.raises(PermanentError, match=f"wdrip backup verify.* --backup {MIDDLE}"):
        plan(index_of(Standing.BAD, Standing.UNVERIFIED))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "other"}, "it is of cluster other"),
        ({"cluster_uid": "former"}, "an earlier cluster that was called kubernetes-id-001 too"),
        ({"key_id": "key-2"}, "sealed with another key"),
        ({"kubernetes_version": "v1.21.0"}, "it is of Kubernetes v1.21.0"),
        ({"kubernetes_version": "v1.19.9"}, "it is of Kubernetes v1.19.9"),
        ({"etcd_version": "3.5.1"}, "it is of etcd 3.5.1, which etcd 3.4.23 does not read"),
        ({"etcd_version": "3.2.9"}, "which etcd 3.4.23 does not read"),
        ({"etcd_version": "3.3.9"}, ""),
        ({"kubernetes_version": "v1.20.15"}, ""),
        ({"key_id": "key-1"}, ""),
    ],
)
def test_what_speaks_against_a_backup(changes: dict[str, object], words: str) -> None:
    one = entry(NEWEST, Standing.SOUND, **changes)
    found = complaint(one, SOURCE, TARGET, {one.path: one.size})
    assert found == "" if not words else words in found


def test_a_source_whose_record_is_gone_is_known_by_its_name() -> None:
    one = entry(NEWEST, key_id="key-2")
    assert complaint(one, RecoverySource(CLUSTER, "", ""), NEW, {one.path: one.size}) == ""


def test_the_loss_is_told_in_age_and_revisions() -> None:
    assert plan(index_of(Standing.SOUND), last_revision=130).loss == (
        "every change after 2021-10-02 10:24 UTC, 6 min ago, that is after revision 100 "
        "(30 revisions up to 130, the last one seen)"
    )


@pytest.mark.parametrize("last_revision", [None, 99, 100])
def test_nothing_is_counted_as_lost_that_the_backup_holds(last_revision: int | None) -> None:
    found = plan(index_of(Standing.SOUND), last_revision=last_revision)
    assert found.loss.endswith("that is after revision 100")


EVERY_WAY = [recovery_steps(in_place=here) for here in (True, False)]


@pytest.mark.parametrize("steps", EVERY_WAY)
def test_nothing_is_destroyed_before_it_is_proven_wherever_it_stops(steps: tuple[Step, ...]) -> None:
    proof = {Step.PROVE_BACKUP, Step.RESTORE_ETCD}
    for length in range(len(steps) + 1):
        prefix = set(steps[:length])
        if prefix & (DESTRUCTIVE | DISRUPTIVE):
            assert proof <= prefix
        if prefix & DESTRUCTIVE:
            assert {Step.CHECK_API, Step.SWITCH_ENDPOINT, Step.BACK_UP_RESULT} <= prefix
        if Step.SWITCH_ENDPOINT in prefix:
            assert {Step.CLEAN_STALE, Step.CHECK_API} <= prefix
        if length < len(steps):
            assert not missing_before(steps[length], steps[:length])


@given(st.permutations(list(Step)))
def test_any_other_order_is_stopped_before_it_destroys(order: list[Step]) -> None:
    """However a plan came to be: the workflow asks before every step, so a destructive one waits."""
    done: list[Step] = []
    # As often as it takes for every step to come.
    for step in order * len(order):
        if step not in done and not missing_before(step, done):
            done.append(step)
    assert set(done) == set(order)
    for step in DESTRUCTIVE:
        before = set(done[: done.index(step)])
        assert {Step.PROVE_BACKUP, Step.RESTORE_ETCD, Step.SWITCH_ENDPOINT, Step.SET_OLD_ASIDE} <= before


@pytest.mark.parametrize("steps", EVERY_WAY)
def test_automation_rests_until_the_recovered_cluster_is_kept_again(steps: tuple[Step, ...]) -> None:
    assert steps[0] is Step.PAUSE_AUTOMATION
    assert steps[steps.index(Step.RESUME_AUTOMATION) + 1 :] == KEPT_LATER
    assert len(set(steps)) == len(steps)


def test_in_place_the_old_masters_rest_before_the_new_one_acts() -> None:
    steps = recovery_steps(in_place=True)
    assert steps.index(Step.SET_OLD_ASIDE) < steps.index(Step.START_CONTROL_PLANE)
    other = recovery_steps(in_place=False)
    assert other.index(Step.CHECK_API) < other.index(Step.SET_OLD_ASIDE)


@pytest.mark.parametrize("steps", EVERY_WAY)
def test_nothing_old_is_in_service_after_the_switch(steps: tuple[Step, ...]) -> None:
    assert steps.index(Step.SET_OLD_ASIDE) < steps.index(Step.SWITCH_ENDPOINT)
    assert missing_before(Step.SWITCH_ENDPOINT, set(Step) - {Step.SET_OLD_ASIDE}) == {Step.SET_OLD_ASIDE}


def test_onto_another_cluster_its_own_state_is_saved_before_anything() -> None:
    steps = plan(index_of(Standing.SOUND), target=NEW).steps
    assert steps.index(Step.BACK_UP_TARGET) == 1
    assert steps.index(Step.STAGE_IDENTITY) < steps.index(Step.BUILD_MASTER)
    assert steps.index(Step.CHECK_API) < steps.index(Step.ADOPT_IDENTITY) < steps.index(Step.SWITCH_ENDPOINT)
    assert Step.BIND_TO_TARGET in steps


def test_old_machines_go_only_when_all_masters_stand() -> None:
    assert retirement_due(Settled(), None, NOW)
    assert not retirement_due(Hold(reason="out of stock"), None, NOW)
    assert not retirement_due(Act(step=StepKind.LAUNCH_MASTER, reason="1 of 3"), None, NOW)
    assert not retirement_due(Settled(), NOW + timedelta(minutes=1), NOW)
    assert retirement_due(Settled(), NOW, NOW)


GIB = 1024**3


@pytest.mark.parametrize(
    ("source", "phase", "free", "words"),
    [
        (NEW.name, "Running", 40 * GIB, "--from: is kubernetes-id-002 itself"),
        (CLUSTER, "", 40 * GIB, "cluster kubernetes-id-002 does not exist; create it first"),
        (CLUSTER, "Creating", 40 * GIB, "cluster kubernetes-id-002 is Creating"),
        (CLUSTER, "Running", 3 * GIB, "larger disks"),
    ],
)
def test_a_transfer_that_makes_no_sense_is_refused(source: str, phase: str, free: int, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        refuse_transfer(source, NEW.name, phase, free_bytes=free, snapshot_bytes=GIB)
    assert words in str(refused.value)


def test_a_transfer_that_makes_sense_is_not() -> None:
    refuse_transfer(CLUSTER, NEW.name, "Running", free_bytes=4 * GIB, snapshot_bytes=GIB)


def test_nodes_of_dead_machines_go_and_strangers_stay() -> None:
    nodes = ["192.168.0.77.i-dead", "192.168.0.78.i-lives", "virtual-kubelet", "192.168.0.79.i-gone"]
    assert nodes_without_machine(nodes, {"i-lives"}) == ("192.168.0.77.i-dead", "192.168.0.79.i-gone")


@given(st.lists(st.sampled_from(Standing), max_size=6))
def test_what_is_restored_is_never_bad(standings: list[Standing]) -> None:
    entries: list[BackupEntry] = [
        entry(f"20211002-10{number:02}", standing) for number, standing in enumerate(standings)
    ]
    index = BackupIndex.of(entries)
    try:
        found = plan(index)
    except PermanentError:
        assert not any(each.good for each in entries)
        return
    good = {each.date for each in entries if each.good}
    assert {found.backup.date, *found.fallbacks} <= good
