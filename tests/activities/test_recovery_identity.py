"""Whose secrets a cluster has, before, during and after a recovery."""

from dataclasses import replace

import pytest

from activities.recovery.identity import RecoveryIdentity
from activities.tasks import RecoverTask, RetireTask
from tests.activities.recoveries import ATTEMPT, NEWEST, OLD, Recovery
from wdrip import names
from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.cluster import ClusterRecord

OWN = names.secrets_key("c1")
STAGED = names.staged_secrets_key("c1", ATTEMPT)
FORMER = names.former_secrets_key("c1", ATTEMPT)


@pytest.fixture
def identity(recovery: Recovery) -> RecoveryIdentity:
    return RecoveryIdentity(recovery.cloud.clients())


@pytest.fixture
def here(recovery: Recovery) -> RecoverTask:
    """A recovery in place."""
    return recovery.task(recovery.back_up())


@pytest.fixture
def over(recovery: Recovery) -> RecoverTask:
    """A recovery of another cluster."""
    return recovery.task(recovery.back_up(of=recovery.old))


def test_secrets_are_laid_ready_under_a_key_of_their_own(
    recovery: Recovery, identity: RecoveryIdentity, here: RecoverTask
) -> None:
    before = dict(recovery.objects)
    assert recovery.run(identity.stage_identity, here) == recovery.record
    beside = recovery.opened(names.backup_secrets_key("c1", NEWEST), OWN)
    assert recovery.opened(STAGED) == beside
    assert {key for key in recovery.objects if recovery.objects[key] != before.get(key)} == {STAGED}


def test_what_a_machine_may_have_been_given_is_never_replaced(
    recovery: Recovery, identity: RecoveryIdentity, over: RecoverTask
) -> None:
    recovery.run(identity.stage_identity, over)
    given = recovery.objects[STAGED]
    recovery.run(identity.stage_identity, over)
    assert recovery.objects[STAGED] == given


def test_another_clusters_token_is_replaced_and_its_network_moves_in(
    recovery: Recovery, identity: RecoveryIdentity, over: RecoverTask
) -> None:
    record: ClusterRecord = recovery.run(identity.stage_identity, over)
    assert record.config.network == recovery.old.config.network
    assert (record.name, record.uid, record.config.iaas) == ("c1", "uid-1", recovery.record.config.iaas)
    staged = recovery.opened(STAGED)
    beside = recovery.opened(names.backup_secrets_key(OLD, NEWEST), names.secrets_key(OLD))
    assert staged.kubeadm_token != beside.kubeadm_token
    assert replace(staged, kubeadm_token=beside.kubeadm_token) == beside


def test_secrets_that_are_missing_are_named(
    recovery: Recovery, identity: RecoveryIdentity, here: RecoverTask
) -> None:
    key = names.backup_secrets_key("c1", NEWEST)
    del recovery.objects[key]
    with pytest.raises(PermanentError, match=f"{key} is missing .* choose another backup with --backup"):
        recovery.run(identity.stage_identity, here)
    with pytest.raises(PermanentError, match=f"{STAGED} is missing"):
        recovery.run(identity.adopt_identity, here)
    assert FORMER not in recovery.objects


def test_another_clusters_secrets_in_this_ones_place_are_not_opened(
    recovery: Recovery, identity: RecoveryIdentity, here: RecoverTask, over: RecoverTask
) -> None:
    stranger = recovery.objects[names.backup_secrets_key(OLD, over.backup.date)]
    recovery.objects[names.backup_secrets_key("c1", NEWEST)] = stranger
    with pytest.raises((PermanentError, InvalidInput)):
        recovery.run(identity.stage_identity, here)
    assert STAGED not in recovery.objects


def test_they_become_the_clusters_own_and_the_former_are_kept(
    recovery: Recovery, identity: RecoveryIdentity, over: RecoverTask
) -> None:
    former = recovery.objects[OWN]
    recovery.run(identity.stage_identity, over)
    for _ in range(2):
        recovery.run(identity.adopt_identity, over)
    assert recovery.opened(OWN) == recovery.opened(STAGED)
    assert recovery.objects[FORMER] == former


@pytest.mark.parametrize("adopted", [0, 1, 2])
@pytest.mark.parametrize("staged", [True, False])
def test_whatever_was_done_is_put_back_exactly(
    recovery: Recovery, identity: RecoveryIdentity, over: RecoverTask, adopted: int, staged: bool
) -> None:
    before = dict(recovery.objects)
    if staged:
        recovery.run(identity.stage_identity, over)
        for _ in range(adopted):
            recovery.run(identity.adopt_identity, over)
    for _ in range(2):
        recovery.run(identity.put_identity_back, over)
    assert recovery.objects == before


def test_in_the_end_only_the_clusters_own_are_left(
    recovery: Recovery, identity: RecoveryIdentity, over: RecoverTask
) -> None:
    recovery.run(identity.stage_identity, over)
    recovery.run(identity.adopt_identity, over)
    adopted = recovery.objects[OWN]
    task = RetireTask(record=recovery.record, instance_ids=("i-old",), attempt_id=ATTEMPT)
    for _ in range(2):
        recovery.run(identity.forget_former, task)
    assert recovery.objects[OWN] == adopted
    assert not {STAGED, FORMER} & set(recovery.objects)
