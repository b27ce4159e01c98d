"""Classic load balancers: TCP listeners, backends with weights, health checks."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.core.errors import ApiError
from localcloud.network.elastic_addresses import ElasticAddresses
from localcloud.network.fabric import Balancer, Fabric, HealthCheck, Listener, Server
from localcloud.network.identifiers import new_id
from localcloud.network.interfaces import Interfaces
from localcloud.network.records import Document, Records
from localcloud.network.vpcs import Vpcs

_MAX_BACKENDS = 200
"""Backends of one load balancer, by the quota table of the CLB documentation."""


class LoadBalancers:
    """Creates, changes and deletes load balancers; the fabric follows each change."""

    def __init__(
        self,
        fabric: Fabric,
        vpcs: Vpcs,
        interfaces: Interfaces,
        balancers: Records,
        elastic: ElasticAddresses,
    ) -> None:
        self._fabric = fabric
        self._vpcs = vpcs
        self._interfaces = interfaces
        self._elastic = elastic
        self._changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.balancers = balancers
        elastic.on_balancer_change(self._realise)

    async def start(self) -> None:
        """Let every load balancer serve again as its record says."""
        for balancer in self.balancers.all():
            await self._realise(balancer["LoadBalancerId"])

    async def create_load_balancer(
        self,
        name: str,
        *,
        address_type: str = "intranet",
        vpc_id: str = "",
        vswitch_id: str = "",
        charge_type: str = "PayByCLCU",
        spec: str = "",
        tags: Sequence[dict[str, str]] = (),
        token: str = "",
    ) -> Document:
        """A load balancer: {LoadBalancerId, Address, AddressType, VpcId, VSwitchId, …}, state active.

        `intranet` gets an address of the vSwitch, `internet` an elastic one. Pay-by-specification is no
        longer sold. Raises InvalidVSwitchId.NotFound (404), InvalidParameter (400).
        """
        existing = self.balancers.made_with(token)
        if existing is not None:
            return existing
        if address_type not in ("intranet", "internet"):
            raise ApiError(400, "InvalidParameter", f"AddressType {address_type!r} is not valid.")
        if charge_type != "PayByCLCU" or spec:
            raise ApiError(
                400, "InvalidParameter", "Pay-by-specification is no longer sold; use PayByCLCU without spec."
            )
        balancer_id = new_id("lb")
        balancer: Document = {
            "LoadBalancerId": balancer_id,
            "LoadBalancerName": name,
            "LoadBalancerStatus": "active",
            "AddressType": address_type,
            "VpcId": vpc_id,
            "VSwitchId": vswitch_id,
            "InstanceChargeType": charge_type,
            "Listeners": {},
            "BackendServers": [],
            "Tags": list(tags),
            "Token": token,
        }
        if address_type == "internet":
            balancer["Address"] = self._elastic.reserve_public_address(balancer_id)
        else:
            vswitch = self._vpcs.vswitches.get(vswitch_id)
            balancer["VpcId"] = vswitch["VpcId"]
            balancer["Address"] = self._interfaces.reserve(balancer_id, vswitch)["Address"]
        self.balancers.save(balancer)
        await self._realise(balancer_id)
        return balancer

    async def delete_load_balancer(self, balancer_id: str) -> None:
        """Raises InvalidLoadBalancerId.NotFound (404), DependencyViolation.EIPS (400)."""
        balancer = self.balancers.get(balancer_id)
        if self._elastic.addresses_of(balancer_id):
            raise ApiError(400, "DependencyViolation.EIPS", f"{balancer_id} has an elastic address.")
        async with self._changing[balancer_id]:
            await self._fabric.remove_balancer(balancer_id, balancer["VpcId"] or None)
            if balancer["AddressType"] == "intranet":
                await self._fabric.remove_address(balancer["VpcId"], balancer["Address"])
                self._interfaces.release(balancer_id)
            else:
                self._elastic.eips.delete(balancer_id)
            self.balancers.delete(balancer_id)

    async def create_listener(
        self,
        balancer_id: str,
        port: int,
        backend_port: int,
        *,
        protocol: str = "tcp",
        health_check: Mapping[str, Any] | None = None,
        scheduler: str = "wrr",
        bandwidth: int = -1,
    ) -> Document:
        """A running TCP listener: {LoadBalancerId, ListenerPort, ListenerPortsAndProtocol, …}.

        health_check: keys of the real API with their defaults there: HealthCheck (on), HealthCheckConnectPort
        (the backend port), HealthCheckInterval (2 s), HealthCheckConnectTimeout (5 s), HealthyThreshold (3),
        UnhealthyThreshold (3). The same listener again is no error.
        Raises InvalidLoadBalancerId.NotFound (404), ListenerAlreadyExists, InvalidParameter (400).
        """
        wanted = {
            "ListenerPort": port,
            "BackendServerPort": backend_port,
            "Protocol": protocol,
            "Scheduler": scheduler,
            "Bandwidth": bandwidth,
            "HealthCheck": dict(health_check or {}),
            "Status": "running",
        }
        balancer = self.balancers.get(balancer_id)
        _check_listener(wanted)
        existing = balancer["Listeners"].get(str(port))
        if existing not in (None, wanted):
            raise ApiError(400, "ListenerAlreadyExists", f"{balancer_id} has a listener on port {port}.")
        balancer["Listeners"][str(port)] = wanted
        self.balancers.save(balancer)
        await self._realise(balancer_id)
        pair = [{"ListenerPort": port, "ListenerProtocol": protocol}]
        return {**wanted, "LoadBalancerId": balancer_id, "ListenerPortsAndProtocol": pair}

    async def delete_listener(self, balancer_id: str, port: int) -> None:
        """Raises InvalidLoadBalancerId.NotFound, ListenerNotFound (404)."""
        balancer = self.balancers.get(balancer_id)
        if balancer["Listeners"].pop(str(port), None) is None:
            raise ApiError(404, "ListenerNotFound", f"{balancer_id} has no listener on port {port}.")
        self.balancers.save(balancer)
        await self._realise(balancer_id)

    async def set_backend_servers(self, balancer_id: str, servers: Sequence[Mapping[str, Any]]) -> None:
        """Exactly these machines stand behind from now on: [{ServerId, Weight (0 to 100, default 100)}].

        Raises InvalidLoadBalancerId.NotFound (404), ObtainIpFail (400) for a machine that does not exist or
        is not in the load balancer's VPC, InvalidParameter (400).
        """
        balancer = self.balancers.get(balancer_id)
        if len(servers) > _MAX_BACKENDS:
            raise ApiError(400, "TooManyBackendServers", f"At most {_MAX_BACKENDS} backends are allowed.")
        wanted = {str(each["ServerId"]): int(each.get("Weight", 100)) for each in servers}
        for server_id, weight in wanted.items():
            self._check_backend(balancer, server_id, weight)
        balancer["BackendServers"] = [{"ServerId": key, "Weight": value} for key, value in wanted.items()]
        self.balancers.save(balancer)
        await self._realise(balancer_id)

    async def forget_server(self, server_id: str) -> None:
        """A deleted machine leaves every load balancer by itself, as in the real cloud."""
        for balancer in self.balancers.all():
            kept = [each for each in balancer["BackendServers"] if each["ServerId"] != server_id]
            if len(kept) != len(balancer["BackendServers"]):
                balancer["BackendServers"] = kept
                self.balancers.save(balancer)
                await self._realise(balancer["LoadBalancerId"])

    async def server_health(self, balancer_id: str) -> dict[str, dict[int, bool]]:
        """Health by server id and listener port. Raises InvalidLoadBalancerId.NotFound (404)."""
        self.balancers.get(balancer_id)
        return await self._fabric.server_health(balancer_id)

    def _check_backend(self, balancer: Document, server_id: str, weight: int) -> None:
        interface = self._interfaces.of(server_id)
        if interface is None or balancer["VpcId"] not in ("", interface["VpcId"]):
            raise ApiError(400, "ObtainIpFail", f"Server {server_id!r} is not in the load balancer's VPC.")
        if weight not in range(101):
            raise ApiError(400, "InvalidParameter", "Weight must be between 0 and 100.")

    async def _realise(self, balancer_id: str) -> None:
        async with self._changing[balancer_id]:
            # Read inside the lock: the record may have changed while an earlier change was realised.
            balancer = self.balancers.find(balancer_id)
            if balancer is None:
                return
            if balancer["AddressType"] == "intranet":
                await self._fabric.ensure_address(balancer["VpcId"], balancer["Address"])
            await self._fabric.ensure_balancer(self._described(balancer))

    def _described(self, balancer: Document) -> Balancer:
        servers = []
        vpc_id = balancer["VpcId"] or None
        for each in balancer["BackendServers"]:
            interface = self._interfaces.of(each["ServerId"])
            if interface is not None:
                servers.append(Server(each["ServerId"], interface["Address"], each["Weight"]))
                vpc_id = interface["VpcId"]
        private = balancer["AddressType"] == "intranet"
        return Balancer(
            id=balancer["LoadBalancerId"],
            vpc_id=vpc_id,
            addresses=(balancer["Address"],) if private else (),
            public=tuple(self._elastic.addresses_of(balancer["LoadBalancerId"]))
            if private
            else (balancer["Address"],),
            listeners=tuple(_described_listener(each) for each in balancer["Listeners"].values()),
            servers=tuple(servers),
        )


def _check_listener(listener: Document) -> None:
    for name in ("ListenerPort", "BackendServerPort"):
        if listener[name] not in range(1, 65536):
            raise ApiError(400, "InvalidParameter", f"{name} must be between 1 and 65535.")
    if listener["Protocol"] != "tcp":
        raise ApiError(400, "InvalidParameter", "Only TCP listeners are offered here.")
    if listener["Scheduler"] not in ("wrr", "rr", "wlc"):
        raise ApiError(400, "InvalidParameter", f"Scheduler {listener['Scheduler']!r} is not valid.")
    check = _check_of(listener)
    # Bounds of CreateLoadBalancerTCPListener.
    if check and not (
        1 <= check.interval <= 50
        and 1 <= check.timeout <= 300
        and 2 <= check.healthy_threshold <= 10
        and 2 <= check.unhealthy_threshold <= 10
    ):
        raise ApiError(400, "InvalidParameter", "A health check value is out of range.")


def _check_of(listener: Document) -> HealthCheck | None:
    given = listener["HealthCheck"]
    if str(given.get("HealthCheck", "on")).lower() in ("off", "false"):
        return None
    return HealthCheck(
        port=int(given.get("HealthCheckConnectPort") or listener["BackendServerPort"]),
        interval=int(given.get("HealthCheckInterval") or 2),
        timeout=int(given.get("HealthCheckConnectTimeout") or 5),
        healthy_threshold=int(given.get("HealthyThreshold") or 3),
        unhealthy_threshold=int(given.get("UnhealthyThreshold") or 3),
    )


def _described_listener(listener: Document) -> Listener:
    return Listener(
        port=listener["ListenerPort"],
        backend_port=listener["BackendServerPort"],
        scheduler=listener["Scheduler"],
        check=_check_of(listener),
    )
