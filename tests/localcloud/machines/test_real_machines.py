"""Real machines: boot, commands, power, disks, isolation, balancing, and a killed cloud."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models

from localcloud.client import clean_local_cloud
from tests.localcloud.machines.place import IMAGE, REGION, Place, leftovers, networked, real_cloud
from tests.localcloud.running import wait_until

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]

_FIRST_BOOT = "#!/bin/sh\necho ran >> /srv/user-data\n"
# Answers every connection with the machine's name.
_SERVER = (
    "systemd-run --quiet --collect --unit=name-server socat TCP-LISTEN:8080,fork,reuseaddr 'SYSTEM:hostname'"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One cloud for the module."""
    with real_cloud(tmp_path_factory.mktemp("machines")) as place:
        yield place


@pytest.fixture(scope="module")
def network(place: Place) -> dict[str, Any]:
    """One network for the module."""
    return place.stack("network", *networked())[1]


def _ask(address: str, port: int) -> str:
    """What a name server answers to this host; empty when nobody does."""
    try:
        with socket.create_connection((address, port), timeout=2) as connection:
            return connection.recv(100).decode().strip()
    except OSError:
        return ""


def _asking(address: str, port: int) -> str:
    """The script that prints what a name server answers to a machine. It only reads: told that its input has
    ended, socat would wait half a second for the answer and take none for success."""
    return f"socat -u TCP:{address}:{port},connect-timeout=2 -"


def test_a_machine_is_an_ordinary_server(place: Place, network: dict[str, Any]) -> None:
    instance_id = place.launch(network, _FIRST_BOOT, host_name="node-a")[0]
    assert place.run(instance_id, "hostname") == "node-a\n"
    assert place.run(instance_id, "cat /proc/1/comm") == "systemd\n"
    assert place.run(instance_id, "systemctl --failed --no-legend") == ""
    assert place.address(instance_id) in place.run(instance_id, "ip -br address show eth0")
    # What a container runtime needs: control groups that can be made, a kernel that can be set up.
    place.run(
        instance_id,
        "for d in /sys/fs/cgroup/*/; do mkdir $d/probe && rmdir $d/probe || exit 1; done\n"
        "sysctl -w net.ipv4.ip_forward=1 vm.overcommit_memory=1",
    )
    place.delete(instance_id)


def test_metadata_and_the_bucket_are_reached_from_inside(place: Place, network: dict[str, Any]) -> None:
    instance_id = place.launch(network)[0]
    metadata = "curl -sf http://100.100.100.200/latest/meta-data/instance-id"
    assert place.run(instance_id, metadata) == instance_id
    bucket = f"curl -s -o /dev/null -w '%{{http_code}}' {place.cloud.access.endpoints['ossInternal']}/"
    assert place.run(instance_id, bucket) == "403"
    place.delete(instance_id)


def test_ends_of_commands(place: Place, network: dict[str, Any]) -> None:
    instance_id = place.launch(network)[0]
    failed = place.end(place.begin(instance_id, "echo out; echo err >&2; exit 3"))
    assert (failed.invocation_status, failed.exit_code, failed.output) == ("Failed", 3, "out\nerr\n")
    late = place.end(place.begin(instance_id, "echo before; sleep 4242", timeout=10))
    assert (late.invocation_status, late.output) == ("Timeout", "before\n")
    assert place.end(place.begin(instance_id, "pgrep -f '[s]leep 4242'")).exit_code == 1
    long = place.end(place.begin(instance_id, "head -c 30000 /dev/zero | tr '\\0' x; echo end"))
    assert (long.dropped, long.output[-5:], len(long.output)) == (30004 - 24576, "xend\n", 24576)
    invoke_id = place.begin(instance_id, "sleep 4243")
    assert wait_until(lambda: place.end(place.begin(instance_id, "pgrep -f '[s]leep 4243'")).exit_code == 0)
    place.ecs.stop_invocation(models.StopInvocationRequest(region_id=REGION, invoke_id=invoke_id))
    assert place.end(invoke_id).invocation_status == "Terminated"
    place.delete(instance_id)


def test_disk_and_user_data_through_power_and_replacement(place: Place, network: dict[str, Any]) -> None:
    instance_id = place.launch(network, _FIRST_BOOT)[0]

    def ran() -> str:
        return str(place.end(place.begin(instance_id, "cat /srv/user-data; cat /srv/mark")).output)

    assert wait_until(lambda: "ran" in ran())
    machine_id = place.run(instance_id, "cat /etc/machine-id; echo kept > /srv/mark")
    address = place.address(instance_id)
    place.ecs.reboot_instance(models.RebootInstanceRequest(instance_id=instance_id))
    assert wait_until(lambda: place.get(instance_id).status != "Running")
    place.await_status(instance_id, "Running")
    assert ran() == "ran\nkept\n"
    place.ecs.stop_instance(models.StopInstanceRequest(instance_id=instance_id))
    place.await_status(instance_id, "Stopped")
    place.ecs.replace_system_disk(models.ReplaceSystemDiskRequest(instance_id=instance_id, image_id=IMAGE))
    place.ecs.start_instance(models.StartInstanceRequest(instance_id=instance_id))
    place.await_status(instance_id, "Running")
    assert wait_until(lambda: ran().startswith("ran\n") and "kept" not in ran())
    assert place.run(instance_id, "cat /etc/machine-id") != machine_id
    assert place.address(instance_id) == address
    place.delete(instance_id)


def test_a_machine_that_does_not_boot_is_stopped_and_can_be_started_again(
    place: Place, network: dict[str, Any]
) -> None:
    instance_id = place.launch(network)[0]
    place.run(instance_id, "cp /bin/true /srv/init && mv /srv/init /usr/lib/systemd/systemd")
    place.ecs.stop_instance(models.StopInstanceRequest(instance_id=instance_id, force_stop=True))
    place.await_status(instance_id, "Stopped")
    for _ in range(3):
        place.ecs.start_instance(models.StartInstanceRequest(instance_id=instance_id))
        place.await_status(instance_id, "Stopped")
    place.ecs.replace_system_disk(models.ReplaceSystemDiskRequest(instance_id=instance_id, image_id=IMAGE))
    place.ecs.start_instance(models.StartInstanceRequest(instance_id=instance_id))
    place.await_status(instance_id, "Running")
    place.delete(instance_id)


def test_a_machine_that_powers_itself_off_or_reboots(place: Place, network: dict[str, Any]) -> None:
    instance_id = place.launch(network)[0]
    boot = place.run(instance_id, "cat /proc/sys/kernel/random/boot_id; hostname > /run/volatile")
    place.begin(instance_id, "systemctl reboot")

    def rebooted() -> bool:
        if place.get(instance_id).status != "Running":
            return False
        result = place.end(place.begin(instance_id, "cat /run/volatile"))
        return bool(result.invocation_status == "Failed" and result.exit_code == 1)

    assert boot
    assert wait_until(rebooted, 60)
    place.begin(instance_id, "systemctl poweroff")
    place.await_status(instance_id, "Stopped")
    place.delete(instance_id)


def test_equal_addresses_in_two_networks_do_not_meet(place: Place, network: dict[str, Any]) -> None:
    _, other = place.stack("other", *networked())
    here = place.launch(network, private_ip_address="192.168.0.100")[0]
    there = place.launch(other, private_ip_address="192.168.0.100")[0]
    neighbour = place.launch(other, private_ip_address="192.168.0.101", host_name="neighbour")[0]
    for each in (here, there, neighbour):
        place.run(each, _SERVER)
    ask = _asking("192.168.0.101", 8080)
    assert place.run(there, ask) == "neighbour\n"
    assert place.end(place.begin(here, ask)).exit_code != 0
    # The host itself is in neither.
    assert _ask("192.168.0.101", 8080) == ""
    place.cloud.admin.request("POST", f"/machines/{neighbour}/partition")
    assert place.end(place.begin(there, ask)).exit_code != 0
    place.cloud.admin.request("DELETE", f"/machines/{neighbour}/partition")
    assert wait_until(lambda: place.end(place.begin(there, ask)).exit_code == 0, 20)
    place.delete(here, there, neighbour)


def test_a_balancer_spreads_checks_and_is_reached_from_the_host(place: Place) -> None:
    balancer = {
        "Type": "ALIYUN::SLB::LoadBalancer",
        "Properties": {
            "VpcId": {"Ref": "Vpc"},
            "VSwitchId": {"Ref": "VSwitch"},
            "AddressType": "intranet",
            "InstanceChargeType": "PayByCLCU",
        },
    }
    listener = {
        "Type": "ALIYUN::SLB::Listener",
        "Properties": {
            "LoadBalancerId": {"Ref": "Balancer"},
            "ListenerPort": 80,
            "BackendServerPort": 8080,
            "Protocol": "tcp",
            "Bandwidth": -1,
            "HealthCheck": {"Interval": 1, "HealthyThreshold": 2, "UnhealthyThreshold": 2},
        },
    }
    eip = {"Type": "ALIYUN::VPC::EIP", "Properties": {"InternetChargeType": "PayByTraffic"}}
    binding = {
        "Type": "ALIYUN::VPC::EIPAssociation",
        "Properties": {"AllocationId": {"Ref": "Eip"}, "InstanceId": {"Ref": "Balancer"}},
    }
    resources, outputs = networked(Balancer=balancer, Listener=listener, Eip=eip, Binding=binding)
    outputs |= {
        "Public": {"Fn::GetAtt": ["Eip", "EipAddress"]},
        "Private": {"Fn::GetAtt": ["Balancer", "IpAddress"]},
    }
    _, network = place.stack("balanced", resources, outputs)
    ids = place.launch(network, amount=3, host_name="server", unique_suffix=True)
    first, second, client = ids
    for each in (first, second):
        place.run(each, _SERVER)
    attach = {
        "Type": "ALIYUN::SLB::BackendServerAttachment",
        "Properties": {"LoadBalancerId": network["Balancer"], "BackendServerList": [first, second]},
    }
    place.stack("attachment", {"Attach": attach}, {})

    def names() -> set[str]:
        return {_ask(network["Public"], 80) for _ in range(6)}

    assert wait_until(lambda: names() == {"server001", "server002"}, 20)
    inside = _asking(network["Private"], 80)
    assert place.run(client, inside).startswith("server00")
    # A backend does not reach the address of its own layer-4 balancer.
    assert place.end(place.begin(first, inside)).exit_code != 0
    place.cloud.admin.request("POST", f"/machines/{first}/power-off")
    assert wait_until(lambda: names() == {"server002"}, 20)
    place.delete(*ids)


def test_a_killed_cloud_finds_machines_balancers_and_results_again(
    place: Place, network: dict[str, Any]
) -> None:
    instance_id = place.launch(network)[0]
    booted = place.run(instance_id, "stat -c %Y /proc/1")
    invoke_id = place.begin(instance_id, "sleep 2; echo survived")
    place.cloud.kill()
    place.cloud.start()
    assert place.get(instance_id).status == "Running"
    assert place.end(invoke_id).output == "survived\n"
    assert place.run(instance_id, "stat -c %Y /proc/1") == booted
    metadata = "curl -sf http://100.100.100.200/latest/meta-data/instance-id"
    assert place.run(instance_id, metadata) == instance_id
    place.delete(instance_id)


def test_cleaning_after_a_kill_leaves_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.launch(place.stack("network", *networked())[1], amount=2)
    assert leftovers(tmp_path)
    place.cloud.kill()
    clean_local_cloud(tmp_path)
    assert leftovers(tmp_path) == []
