"""Records of networks: what depends on what, what may be repeated, what load balancers are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.network.backend import Network
from localcloud.network.fabric import HealthCheck, Server
from tests.localcloud.ros.fabric import InMemoryFabric

ZONE = "cn-hangzhou-k"


@contextmanager
def refused(code: str) -> Iterator[None]:
    """The block must end in this error."""
    with pytest.raises(ApiError) as caught:
        yield
    assert caught.value.code == code


@pytest.fixture
async def vpc(network: Network) -> AsyncIterator[dict[str, Any]]:
    """A VPC."""
    yield await network.create_vpc("vpc", "192.168.0.0/16")
    await network.stop()


@pytest.fixture
async def vswitch(network: Network, vpc: dict[str, Any]) -> dict[str, Any]:
    """A vSwitch in it."""
    return await network.create_vswitch(vpc["VpcId"], ZONE, "192.168.0.0/24", "vsw")


async def test_a_vpc_goes_only_when_nothing_is_left_in_it(
    network: Network, vpc: dict[str, Any], vswitch: dict[str, Any]
) -> None:
    group = await network.create_security_group(vpc["VpcId"], "group")
    with refused("DependencyViolation.VSwitch"):
        await network.delete_vpc(vpc["VpcId"])
    await network.delete_vswitch(vswitch["VSwitchId"])
    with refused("DependencyViolation.SecurityGroup"):
        await network.delete_vpc(vpc["VpcId"])
    await network.delete_security_group(group["SecurityGroupId"])
    await network.delete_vpc(vpc["VpcId"])
    with refused("InvalidVpcId.NotFound"):
        await network.delete_vpc(vpc["VpcId"])


async def test_the_same_token_gives_the_same_resource(network: Network, vpc: dict[str, Any]) -> None:
    first = await network.create_vswitch(vpc["VpcId"], ZONE, "192.168.0.0/24", "vsw", token="t")
    again = await network.create_vswitch(vpc["VpcId"], ZONE, "192.168.0.0/24", "vsw", token="t")
    assert again["VSwitchId"] == first["VSwitchId"]
    assert len(network.vpcs.vswitches_of(vpc["VpcId"])) == 1


async def test_a_vswitch_needs_a_known_zone_and_vpc(network: Network, vpc: dict[str, Any]) -> None:
    with refused("InvalidZoneId.NotFound"):
        await network.create_vswitch(vpc["VpcId"], "cn-hangzhou-z", "192.168.0.0/24", "vsw")
    with refused("InvalidVpcId.NotFound"):
        await network.create_vswitch("vpc-none", ZONE, "192.168.0.0/24", "vsw")


async def test_snat_needs_the_address_at_the_gateway_and_holds_it(
    network: Network, vpc: dict[str, Any], vswitch: dict[str, Any]
) -> None:
    gateway = await network.create_nat_gateway(vpc["VpcId"], vswitch["VSwitchId"])
    eip = await network.allocate_eip()
    table, switches = gateway["SNatTableId"], [vswitch["VSwitchId"]]
    with refused("EIP_NOT_IN_GATEWAY"):
        await network.create_snat_entry(table, switches, eip["EipAddress"])
    await network.associate_eip(eip["AllocationId"], gateway["NatGatewayId"])
    entry = (await network.create_snat_entry(table, switches, eip["EipAddress"]))["SnatEntryIds"][0]
    with refused("DependencyViolation.SNAT"):
        await network.delete_vswitch(vswitch["VSwitchId"])
    with refused("OperationUnsupported.EipNatGWCheck"):
        await network.unassociate_eip(eip["AllocationId"])
    with refused("DependencyViolation.SnatEntry"):
        await network.delete_nat_gateway(gateway["NatGatewayId"])
    await network.delete_snat_entry(entry)
    with refused("DependencyViolation.EIPS"):
        await network.delete_nat_gateway(gateway["NatGatewayId"])
    with refused("IncorrectEipStatus"):
        await network.release_eip(eip["AllocationId"])
    await network.unassociate_eip(eip["AllocationId"])
    await network.release_eip(eip["AllocationId"])
    with refused("DependencyViolation.EnhancedNatgw"):
        await network.delete_vswitch(vswitch["VSwitchId"])
    await network.delete_nat_gateway(gateway["NatGatewayId"])
    await network.delete_vswitch(vswitch["VSwitchId"])


async def test_a_load_balancer_is_described_to_the_fabric(
    network: Network, fabric: InMemoryFabric, vswitch: dict[str, Any]
) -> None:
    machine = network.interfaces.reserve("i-1", vswitch)
    balancer_id = (await network.create_load_balancer("lb", vswitch_id=vswitch["VSwitchId"]))[
        "LoadBalancerId"
    ]
    await network.create_listener(
        balancer_id, 6443, 6443, health_check={"HealthCheckInterval": 4, "HealthyThreshold": 2}
    )
    await network.set_backend_servers(balancer_id, [{"ServerId": "i-1", "Weight": 50}])
    eip = await network.allocate_eip()
    await network.associate_eip(eip["AllocationId"], balancer_id)
    described = fabric.balancers[balancer_id]
    assert described.public == (eip["EipAddress"],)
    assert described.servers == (Server("i-1", machine["Address"], 50),)
    assert described.listeners[0].check == HealthCheck(6443, 4, 5, 2, 3)
    await network.load_balancers.forget_server("i-1")
    assert fabric.balancers[balancer_id].servers == ()
    with refused("DependencyViolation.EIPS"):
        await network.delete_load_balancer(balancer_id)
    await network.unassociate_eip(eip["AllocationId"])
    assert fabric.balancers[balancer_id].public == ()
    await network.delete_load_balancer(balancer_id)
    assert not fabric.balancers


async def test_a_load_balancer_refuses_what_the_real_one_refuses(
    network: Network, vswitch: dict[str, Any]
) -> None:
    with refused("InvalidParameter"):
        await network.create_load_balancer("lb", vswitch_id=vswitch["VSwitchId"], charge_type="PayBySpec")
    balancer_id = (await network.create_load_balancer("lb", vswitch_id=vswitch["VSwitchId"]))[
        "LoadBalancerId"
    ]
    with refused("ObtainIpFail"):
        await network.set_backend_servers(balancer_id, [{"ServerId": "i-none"}])
    await network.create_listener(balancer_id, 6443, 6443)
    await network.create_listener(balancer_id, 6443, 6443)
    with refused("ListenerAlreadyExists"):
        await network.create_listener(balancer_id, 6443, 7443)
    with refused("ListenerNotFound"):
        await network.delete_listener(balancer_id, 22)
    with refused("InvalidParameter"):
        await network.create_listener(balancer_id, 0, 6443)
    with refused("InvalidParameter"):
        await network.create_listener(balancer_id, 53, 53, protocol="udp")


async def test_a_backend_must_stand_in_the_load_balancers_vpc(
    network: Network, vswitch: dict[str, Any]
) -> None:
    other = await network.create_vpc("other", "192.168.0.0/16")
    elsewhere = await network.create_vswitch(other["VpcId"], ZONE, "192.168.0.0/24", "vsw")
    network.interfaces.reserve("i-elsewhere", elsewhere)
    balancer_id = (await network.create_load_balancer("lb", vswitch_id=vswitch["VSwitchId"]))[
        "LoadBalancerId"
    ]
    with refused("ObtainIpFail"):
        await network.set_backend_servers(balancer_id, [{"ServerId": "i-elsewhere"}])


async def test_elastic_addresses_are_loopback_and_never_given_twice(network: Network) -> None:
    given = [(await network.allocate_eip())["EipAddress"] for _ in range(5)]
    assert len(set(given)) == 5
    assert all(address.startswith("127.47.") for address in given)


async def test_a_second_elastic_address_at_one_balancer_is_refused(
    network: Network, vswitch: dict[str, Any]
) -> None:
    balancer_id = (await network.create_load_balancer("lb", vswitch_id=vswitch["VSwitchId"]))[
        "LoadBalancerId"
    ]
    first, second = await network.allocate_eip(), await network.allocate_eip()
    await network.associate_eip(first["AllocationId"], balancer_id)
    await network.associate_eip(first["AllocationId"], balancer_id)
    with refused("InvalidBindingStatus"):
        await network.associate_eip(second["AllocationId"], balancer_id)
    with refused("IncorrectEipStatus"):
        await network.associate_eip(first["AllocationId"], (await _another(network, vswitch)))
    with refused("InvalidInstanceId.NotFound"):
        await network.associate_eip(second["AllocationId"], "lb-none")


async def _another(network: Network, vswitch: dict[str, Any]) -> str:
    made = await network.create_load_balancer("lb2", vswitch_id=vswitch["VSwitchId"])
    return str(made["LoadBalancerId"])


async def test_a_restart_realises_what_the_records_hold(context: Context, vswitch: dict[str, Any]) -> None:
    before = Network(context, InMemoryFabric())
    balancer_id = (await before.create_load_balancer("lb", vswitch_id=vswitch["VSwitchId"]))["LoadBalancerId"]
    await before.create_listener(balancer_id, 6443, 6443)
    fabric = InMemoryFabric()
    after = Network(context, fabric)
    await after.start()
    assert [listener.port for listener in fabric.balancers[balancer_id].listeners] == [6443]
    await after.stop()
