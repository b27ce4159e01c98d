"""Power, disk and end of instances, with their states and refusals."""

from __future__ import annotations

import json

import pytest
from alibabacloud_ecs20140526 import models

from localcloud.machines.runtime import PowerEnd
from tests.localcloud.ecs.cloud import IMAGE, REGION, Ecs, refused
from tests.localcloud.running import wait_until


def _replace_disk(ecs: Ecs, instance_id: str, image_id: str = IMAGE) -> str:
    request = models.ReplaceSystemDiskRequest(instance_id=instance_id, image_id=image_id)
    return str(ecs.client.replace_system_disk(request).body.disk_id)


def _disk(ecs: Ecs, instance_id: str) -> str:
    request = models.DescribeDisksRequest(region_id=REGION, instance_id=instance_id)
    return str(ecs.client.describe_disks(request).body.disks.disk[0].disk_id)


def test_stop_and_start(ecs: Ecs) -> None:
    instance_id = ecs.running()
    ecs.stop(instance_id)
    assert not ecs.runtime.on
    ecs.start(instance_id)
    ecs.await_status(instance_id, "Running")
    assert ecs.runtime.on == {instance_id}


def test_reboot_boots_again(ecs: Ecs) -> None:
    instance_id = ecs.running()
    ecs.client.reboot_instance(models.RebootInstanceRequest(instance_id=instance_id))
    assert wait_until(lambda: len(ecs.runtime.booted) == 2)
    ecs.await_status(instance_id, "Running")


def test_orders_that_do_not_fit_the_state_are_refused(ecs: Ecs) -> None:
    instance_id = ecs.running()
    with refused("IncorrectInstanceStatus", 403):
        ecs.start(instance_id)
    with refused("IncorrectInstanceStatus", 403):
        _replace_disk(ecs, instance_id)
    with refused("IncorrectInstanceStatus", 403):
        ecs.delete(instance_id, force=False)
    ecs.stop(instance_id)
    with refused("IncorrectInstanceStatus", 403):
        ecs.stop(instance_id)
    with refused("IncorrectInstanceStatus", 403):
        ecs.client.reboot_instance(models.RebootInstanceRequest(instance_id=instance_id))


def test_a_machine_just_created_cannot_be_deleted_yet(ecs: Ecs) -> None:
    ecs.runtime.allow_boot.clear()
    instance_id = ecs.run()[0]
    with refused("IncorrectInstanceStatus.Initializing", 403):
        ecs.delete(instance_id)
    ecs.runtime.allow_boot.set()


def test_a_deleted_machine_disappears_and_frees_its_address(ecs: Ecs) -> None:
    instance_id = ecs.running(private_ip_address="192.168.0.9")
    ecs.delete(instance_id)
    assert ecs.find() == []
    with refused("InvalidInstanceId.NotFound", 404):
        ecs.delete(instance_id)
    ecs.run(private_ip_address="192.168.0.9")


def test_delete_protection(ecs: Ecs) -> None:
    instance_id = ecs.running(deletion_protection=True)
    with refused("InvalidOperation.DeletionProtection", 403):
        ecs.delete(instance_id)
    ecs.client.modify_instance_attribute(
        models.ModifyInstanceAttributeRequest(instance_id=instance_id, deletion_protection=False)
    )
    ecs.delete(instance_id)
    assert ecs.find() == []


def test_deleting_several_is_all_or_none(ecs: Ecs) -> None:
    first, second = ecs.running(), ecs.running(deletion_protection=True)
    request = models.DeleteInstancesRequest(region_id=REGION, instance_id=[first, second], force=True)
    with refused("InvalidOperation.DeletionProtection", 403):
        ecs.client.delete_instances(request)
    assert len(ecs.find()) == 2


def test_a_replaced_disk_is_new_and_from_the_other_image(ecs: Ecs) -> None:
    instance_id = ecs.running()
    before = _disk(ecs, instance_id)
    ecs.stop(instance_id)
    after = _replace_disk(ecs, instance_id, "aliyun_3_x64_20G_alibase_20260513.vhd")
    assert after != before
    assert _disk(ecs, instance_id) == after
    assert ecs.runtime.erased == [instance_id]
    assert ecs.get(instance_id).image_id == "aliyun_3_x64_20G_alibase_20260513.vhd"
    assert ecs.get(instance_id).status == "Stopped"


def test_user_data_changes_only_while_stopped(ecs: Ecs) -> None:
    instance_id = ecs.running()
    request = models.ModifyInstanceAttributeRequest(instance_id=instance_id, user_data="IyEvYmluL3No")
    with refused("IncorrectInstanceStatus", 403):
        ecs.client.modify_instance_attribute(request)
    ecs.stop(instance_id)
    ecs.client.modify_instance_attribute(request)
    asked = models.DescribeUserDataRequest(region_id=REGION, instance_id=instance_id)
    assert ecs.client.describe_user_data(asked).body.user_data == "IyEvYmluL3No"


def test_a_machine_that_powers_itself_off_is_stopped(ecs: Ecs) -> None:
    instance_id = ecs.running()
    ecs.runtime.end_machine(instance_id, PowerEnd.OFF)
    assert ecs.get(instance_id).status == "Stopped"


def test_a_machine_that_reboots_itself_runs_again(ecs: Ecs) -> None:
    instance_id = ecs.running()
    ecs.runtime.end_machine(instance_id, PowerEnd.REBOOT)
    assert ecs.get(instance_id).status == "Running"
    assert len(ecs.runtime.booted) == 2


def test_a_planned_crash_leaves_the_machine_stopped(ecs: Ecs) -> None:
    instance_id = ecs.running()
    ecs.cloud.admin.request("POST", f"/machines/{instance_id}/power-off")
    assert ecs.get(instance_id).status == "Stopped"
    assert not ecs.runtime.on


def test_a_planned_disk_loss_erases_and_stops(ecs: Ecs) -> None:
    instance_id = ecs.running()
    ecs.cloud.admin.request("POST", f"/machines/{instance_id}/wipe-disk")
    assert ecs.runtime.erased == [instance_id]
    assert ecs.get(instance_id).status == "Stopped"


@pytest.mark.parametrize("action", ["start", "stop", "delete"])
def test_an_unknown_machine_is_not_found(idle_ecs: Ecs, action: str) -> None:
    with refused("InvalidInstanceId.NotFound", 404):
        getattr(idle_ecs, action)("i-bp1none")


def test_unknown_ids_are_absent_from_descriptions(idle_ecs: Ecs) -> None:
    assert idle_ecs.find(instance_ids=json.dumps(["i-bp1none"])) == []
