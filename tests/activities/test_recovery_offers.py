"""What a recovery is offered from, and what it is refused for before anything is touched."""

from typing import Any

import pytest

from activities.recovery.offers import RecoveryOffers
from activities.tasks import OfferTask
from tests.activities.recoveries import NEWEST, OLD, OLDER, Recovery
from wdrip import names
from wdrip.clients.backup_store import BackupStore
from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.backup import Standing
from wdrip.models.cluster import Phase
from wdrip.models.recovery import RecoverRequest, RecoveryPlan

GIB = 1024**3


def offered(recovery: Recovery, source: str = "", **more: Any) -> RecoveryPlan:
    request = RecoverRequest(source=source, date=more.pop("date", None))
    task = OfferTask(record=recovery.record, request=request, wanted_masters=3, **more)
    plan: RecoveryPlan = recovery.run(RecoveryOffers(recovery.cloud.clients()).offer_recovery, task)
    return plan


def test_the_newest_good_one_is_offered_and_what_it_loses(recovery: Recovery) -> None:
    recovery.back_up(NEWEST, Standing.BAD)
    recovery.back_up(OLDER, revision=100)
    before = dict(recovery.objects)
    plan = offered(recovery, last_revision=130)
    assert (plan.backup.date, plan.in_place, plan.wanted_masters) == (OLDER, True, 3)
    assert plan.refused == (f"backup {NEWEST} is not used: it is bad: it does not restore",)
    assert "30 revisions up to 130" in plan.loss
    assert recovery.objects == before


def test_the_named_one_is_offered(recovery: Recovery) -> None:
    recovery.back_up(NEWEST)
    recovery.back_up(OLDER)
    assert offered(recovery, date=OLDER).backup.date == OLDER
    with pytest.raises(InvalidInput, match="c1 has no such backup"):
        offered(recovery, date="20200101-0000")


def test_one_whose_object_is_not_whole_is_passed_over(recovery: Recovery) -> None:
    recovery.back_up(OLDER)
    recovery.objects[recovery.back_up(NEWEST).path] += b"!"
    assert offered(recovery).backup.date == OLDER


def test_a_former_cluster_of_the_name_is_not_brought_back(recovery: Recovery) -> None:
    recovery.back_up(NEWEST, cluster_uid="uid-former")
    with pytest.raises(PermanentError, match="of an earlier cluster that was called c1 too"):
        offered(recovery)


def test_what_another_key_has_sealed_is_not_offered(recovery: Recovery) -> None:
    recovery.back_up(NEWEST, key_id="another")
    with pytest.raises(PermanentError, match="sealed with another key"):
        offered(recovery)


def test_another_cluster_is_offered_onto_this_one(recovery: Recovery) -> None:
    recovery.back_up(of=recovery.old)
    plan = offered(recovery, OLD)
    assert (plan.target, plan.source, plan.backup.name) == (recovery.record.name, OLD, OLD)


@pytest.mark.parametrize("content", [None, b"{"], ids=["gone", "damaged"])
def test_the_other_cluster_need_not_be_in_the_index(recovery: Recovery, content: bytes | None) -> None:
    recovery.back_up(of=recovery.old)
    if content is not None:
        recovery.objects[names.cluster_key(OLD)] = content
    assert offered(recovery, OLD).backup.name == OLD


def test_a_former_cluster_of_the_others_name_is_not_brought_over(recovery: Recovery) -> None:
    recovery.back_up(of=recovery.old, cluster_uid="uid-former")
    recovery.objects[names.cluster_key(OLD)] = recovery.old.model_dump_json(by_alias=True).encode()
    with pytest.raises(PermanentError, match="of an earlier cluster that was called old too"):
        offered(recovery, OLD)


@pytest.mark.parametrize(
    ("content", "words"), [(None, "is missing from the bucket"), (b"{", "is damaged")], ids=["gone", "broken"]
)
def test_without_the_record_beside_the_backup_nothing_is_brought_over(
    recovery: Recovery, content: bytes | None, words: str
) -> None:
    backup = recovery.back_up(of=recovery.old)
    key = names.backup_config_key(OLD, backup.date)
    del recovery.objects[key]
    if content is not None:
        recovery.objects[key] = content
    with pytest.raises(PermanentError, match=f"{key} {words}; choose another backup with --backup"):
        offered(recovery, OLD)


def test_networks_that_touch_are_refused(recovery: Recovery) -> None:
    recovery.back_up(of=recovery.old)
    iaas = recovery.record.config.iaas.model_copy(update={"vpccidr": "172.16.0.0/12"})
    config = recovery.record.config.model_copy(update={"iaas": iaas})
    recovery.record = recovery.record.model_copy(update={"config": config})
    with pytest.raises(InvalidInput, match=r"--from: the network of old does not fit into c1 .*172.16.0.0"):
        offered(recovery, OLD)


def test_a_disk_too_small_is_refused(recovery: Recovery, monkeypatch: pytest.MonkeyPatch) -> None:
    backup = recovery.back_up(of=recovery.old, size=11 * GIB)
    monkeypatch.setattr(BackupStore, "sizes", lambda _: {backup.path: backup.size})
    with pytest.raises(InvalidInput, match="create a cluster with larger disks"):
        offered(recovery, OLD)


def test_only_a_cluster_that_runs_takes_another_in(recovery: Recovery) -> None:
    recovery.back_up(of=recovery.old)
    recovery.record = recovery.record.model_copy(update={"phase": Phase.FAILED})
    with pytest.raises(InvalidInput, match="--name: cluster c1 is Failed"):
        offered(recovery, OLD)
