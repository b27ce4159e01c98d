"""RunInstances: what it makes, what it makes only once, what it refuses."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models

from localcloud.core.config import Limits
from tests.localcloud.core.raw import acs3_headers, post
from tests.localcloud.ecs.cloud import IMAGE, TYPE, ZONE, Ecs, refused, running_ecs, small_config


def test_a_machine_goes_through_pending_and_starting_to_running(ecs: Ecs) -> None:
    ecs.runtime.allow_boot.clear()
    instance_id = ecs.run()[0]
    assert ecs.get(instance_id).status in ("Pending", "Starting")
    ecs.runtime.allow_boot.set()
    ecs.await_status(instance_id, "Running")


def test_what_was_asked_for_is_described(ecs: Ecs) -> None:
    instance_id = ecs.running(
        instance_name="node-a",
        host_name="node-a",
        description="first",
        tag=[models.RunInstancesRequestTag(key="k", value="v")],
    )
    found = ecs.get(instance_id)
    assert (found.instance_name, found.host_name, found.description) == ("node-a", "node-a", "first")
    assert (found.image_id, found.instance_type, found.zone_id) == (IMAGE, TYPE, ZONE)
    assert (found.cpu, found.memory) == (4, 8192)
    assert found.vpc_attributes.vpc_id == ecs.place.vpc_id
    assert found.vpc_attributes.private_ip_address.ip_address == ["192.168.0.1"]
    assert found.security_group_ids.security_group_id == [ecs.place.group_id]
    assert [(tag.tag_key, tag.tag_value) for tag in found.tags.tag] == [("k", "v")]


def test_the_machine_gets_name_address_and_memory_of_its_type(ecs: Ecs) -> None:
    instance_id = ecs.running(host_name="node-a")
    machine = ecs.runtime.booted[0]
    assert (machine.id, machine.hostname, machine.address) == (instance_id, "node-a", "192.168.0.1")
    assert machine.memory == 8 * 2**30


def test_several_machines_get_numbered_names_and_addresses_of_their_own(ecs: Ecs) -> None:
    ids = ecs.run(amount=3, host_name="node", unique_suffix=True)
    found = [ecs.get(each) for each in ids]
    assert [each.host_name for each in found] == ["node001", "node002", "node003"]
    assert len({each.vpc_attributes.private_ip_address.ip_address[0] for each in found}) == 3


def test_a_pattern_numbers_names_from_where_it_says(ecs: Ecs) -> None:
    ids = ecs.run(amount=2, instance_name="node-[7,3]-x")
    assert [ecs.get(each).instance_name for each in ids] == ["node-007-x", "node-008-x"]


def test_the_same_token_gives_the_same_machine(ecs: Ecs) -> None:
    first = ecs.run(client_token="token-1")
    assert ecs.run(client_token="token-1") == first
    assert len(ecs.find()) == 1


def test_a_token_with_other_parameters_is_refused(ecs: Ecs) -> None:
    ecs.run(client_token="token-1")
    with refused("IdempotentParameterMismatch", 400):
        ecs.run(client_token="token-1", amount=2)
    assert len(ecs.find()) == 1


def test_a_lost_reply_makes_no_second_machine(ecs: Ecs) -> None:
    ecs.cloud.admin.add_fault("ecs", "RunInstances", "lost_reply")
    with pytest.raises(Exception, match="onnection"):
        ecs.run(client_token="token-1")
    assert len(ecs.run(client_token="token-1")) == 1
    assert len(ecs.find()) == 1


def test_a_dry_run_answers_with_its_own_code_and_makes_nothing(ecs: Ecs) -> None:
    with refused("DryRunOperation", 400):
        ecs.run(dry_run=True)
    assert ecs.find() == []


def test_an_image_family_means_its_newest_image(ecs: Ecs) -> None:
    instance_id = ecs.run(image_id=None, image_family="acs:alibaba_cloud_linux_3_2104_lts_x64")[0]
    assert ecs.get(instance_id).image_id == "aliyun_3_x64_20G_alibase_20260513.vhd"


def test_a_machine_that_cannot_boot_is_stopped(ecs: Ecs) -> None:
    ecs.runtime.broken = True
    instance_id = ecs.run()[0]
    ecs.await_status(instance_id, "Stopped")
    ecs.runtime.broken = False
    ecs.start(instance_id)
    ecs.await_status(instance_id, "Running")


_TOO_LONG = base64.b64encode(b"x" * (32 * 1024 + 1)).decode()


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"region_id": "mars-1"}, "InvalidRegionId.NotFound", 404),
        ({"region_id": None}, "MissingRegionId", 400),
        ({"image_id": "no.vhd"}, "InvalidImageId.NotFound", 404),
        ({"image_id": None}, "MissingImageId", 400),
        ({"image_id": None, "image_family": "acs:none"}, "InvalidImageFamily.NotFound", 404),
        ({"instance_type": "ecs.none"}, "InvalidInstanceType.ValueNotSupported", 403),
        ({"v_switch_id": "vsw-none"}, "InvalidVSwitchId.NotFound", 404),
        ({"security_group_id": "sg-none"}, "InvalidSecurityGroupId.NotFound", 404),
        ({"security_group_id": None}, "MissingSecurityGroupId", 400),
        ({"zone_id": "cn-hangzhou-z"}, "InvalidZoneId.NotFound", 404),
        ({"zone_id": "cn-hangzhou-h"}, "InvalidParameter.Conflict", 400),
        ({"ram_role_name": "nobody"}, "InvalidRamRole.NotFound", 404),
        ({"amount": 101}, "InvalidParameter", 400),
        ({"instance_name": "1"}, "InvalidInstanceName.Malformed", 400),
        ({"host_name": "-x-"}, "InvalidHostName.Malformed", 400),
        ({"user_data": "no base64!"}, "InvalidUserData.Base64FormatInvalid", 400),
        ({"user_data": _TOO_LONG}, "InvalidUserData.SizeExceeded", 400),
        ({"private_ip_address": "192.168.0.253"}, "InvalidPrivateIpAddress.Malformed", 400),
        ({"private_ip_address": "10.0.0.1"}, "InvalidPrivateIpAddress.Malformed", 400),
    ],
)
def test_a_bad_parameter_is_refused_with_the_real_code(
    idle_ecs: Ecs, changes: dict[str, Any], code: str, status: int
) -> None:
    with refused(code, status):
        idle_ecs.run(**changes)
    assert idle_ecs.find() == []


@pytest.mark.parametrize(
    ("category", "size", "code", "status"),
    [
        ("cloud_tape", "40", "InvalidSystemDiskCategory.ValueNotSupported", 403),
        ("cloud_essd", "10", "InvalidSystemDiskSize.LessThanImageSize", 400),
        ("cloud_essd", "99999", "InvalidSystemDiskSize.ValueNotSupported", 400),
    ],
)
def test_a_bad_disk_is_refused(idle_ecs: Ecs, category: str, size: str, code: str, status: int) -> None:
    with refused(code, status):
        idle_ecs.run(system_disk=models.RunInstancesRequestSystemDisk(category=category, size=size))


def test_user_data_of_32_kib_is_taken(ecs: Ecs) -> None:
    text = base64.b64encode(b"#" * 32 * 1024).decode()
    instance_id = ecs.run(user_data=text)[0]
    request = models.DescribeUserDataRequest(region_id="cn-hangzhou", instance_id=instance_id)
    assert ecs.client.describe_user_data(request).body.user_data == text


def test_a_vswitch_that_is_not_ready_is_refused(ecs: Ecs) -> None:
    vswitch = ecs.store.get("vswitch", ecs.place.vswitch_id) or {}
    ecs.store.put("vswitch", ecs.place.vswitch_id, {**vswitch, "Status": "Pending"})
    with refused("IncorrectVSwitchStatus", 400):
        ecs.run()


def test_an_address_is_given_once(ecs: Ecs) -> None:
    ecs.run(private_ip_address="192.168.0.9")
    with refused("InvalidPrivateIpAddress.Duplicated", 400):
        ecs.run(private_ip_address="192.168.0.9")
    assert len(ecs.find()) == 1


def test_out_of_stock_and_over_quota(tmp_path: Path) -> None:
    config = small_config(limits=Limits(instances=3, stock={"ecs.c6.xlarge": 1}))
    with running_ecs(tmp_path / "cloud", config=config) as ecs:
        with refused("OperationDenied.NoStock", 403):
            ecs.run(amount=2)
        assert ecs.find() == []
        assert len(ecs.run(amount=2, min_amount=1)) == 1
        with refused("OperationDenied.NoStock", 403):
            ecs.run()
        ecs.run(amount=2, instance_type="ecs.g6.large")
        with refused("QuotaExceed.ElasticQuota", 403):
            ecs.run(instance_type="ecs.g6.large")


def test_raw_http_gets_the_error_body_of_the_cloud(idle_ecs: Ecs) -> None:
    params = {"RegionId": "cn-hangzhou", "ImageId": "no.vhd", "InstanceType": TYPE}
    headers = acs3_headers(idle_ecs.cloud, params, x_acs_action="RunInstances")
    answer = post(idle_ecs.cloud, params, headers)
    assert answer.status_code == 404
    body = answer.json()
    assert body["Code"] == "InvalidImageId.NotFound"
    assert set(body) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
