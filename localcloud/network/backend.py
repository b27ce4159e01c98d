"""The cloud's networks as other parts of it call them (resource types of ROS, machines of ECS)."""

from __future__ import annotations

from localcloud.core.context import Context
from localcloud.network.elastic_addresses import ElasticAddresses
from localcloud.network.fabric import Fabric
from localcloud.network.interfaces import Interfaces
from localcloud.network.internal_services import InternalServices
from localcloud.network.load_balancers import LoadBalancers
from localcloud.network.namespaces import NamespaceFabric
from localcloud.network.nat_gateways import NatGateways
from localcloud.network.records import Records
from localcloud.network.security_groups import SecurityGroups
from localcloud.network.vpcs import Vpcs


class Network:
    """Every operation on networks, under the names of the parts that do them.

    All `create_…` take a `token`: the same non-empty one gives the same resource again, so that a caller
    killed half-way can repeat its call. All `delete_…` raise the resource's NotFound (404) when it is gone.
    """

    def __init__(self, context: Context, fabric: Fabric | None = None) -> None:
        store = context.store
        self.fabric: Fabric = fabric or NamespaceFabric(context.identity, context.state_dir)
        self.interfaces = Interfaces(store)
        self.internal_services = InternalServices(context, self.fabric, self.interfaces)
        self.vpcs = Vpcs(context, self.fabric, self.interfaces, self.internal_services)
        self.security_groups = SecurityGroups(context, self.vpcs.vpcs)
        gateways = Records(store, "nat_gateway", "NatGatewayId", "InvalidNatGatewayId.NotFound")
        balancers = Records(store, "load_balancer", "LoadBalancerId", "InvalidLoadBalancerId.NotFound")
        self.elastic = ElasticAddresses(context, gateways, balancers)
        self.nat_gateways = NatGateways(context, self.vpcs, gateways, self.elastic)
        self.load_balancers = LoadBalancers(self.fabric, self.vpcs, self.interfaces, balancers, self.elastic)

        self.create_vpc = self.vpcs.create_vpc
        self.delete_vpc = self.vpcs.delete_vpc
        self.create_vswitch = self.vpcs.create_vswitch
        self.delete_vswitch = self.vpcs.delete_vswitch
        self.create_security_group = self.security_groups.create_security_group
        self.set_security_group_rules = self.security_groups.set_security_group_rules
        self.delete_security_group = self.security_groups.delete_security_group
        self.create_nat_gateway = self.nat_gateways.create_nat_gateway
        self.delete_nat_gateway = self.nat_gateways.delete_nat_gateway
        self.create_snat_entry = self.nat_gateways.create_snat_entry
        self.delete_snat_entry = self.nat_gateways.delete_snat_entry
        self.allocate_eip = self.elastic.allocate_eip
        self.release_eip = self.elastic.release_eip
        self.associate_eip = self.elastic.associate_eip
        self.unassociate_eip = self.elastic.unassociate_eip
        self.create_load_balancer = self.load_balancers.create_load_balancer
        self.delete_load_balancer = self.load_balancers.delete_load_balancer
        self.create_listener = self.load_balancers.create_listener
        self.delete_listener = self.load_balancers.delete_listener
        self.set_backend_servers = self.load_balancers.set_backend_servers
        self.server_health = self.load_balancers.server_health

    async def start(self) -> None:
        """Remove what no record knows, make again what the host has lost, serve inside every VPC."""
        kinds = (self.vpcs.vpcs, self.load_balancers.balancers)
        known = {document_id for records in kinds for document_id in records.ids()}
        known |= set(self.interfaces.owners())
        await self.fabric.keep_only(frozenset(known))
        await self.vpcs.start()
        await self.load_balancers.start()

    async def stop(self) -> None:
        """Leave routers and balancers as they are; machines go on without the cloud."""
        await self.internal_services.close()
