"""ALIYUN::SLB::Listener."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone, not_emulated

_HEALTH_CHECK = {
    "Switch": Property(allowed=("on", "off")),
    "HealthCheckType": Property(allowed=("tcp",)),
    "Port": Property("integer", minimum=1, maximum=65535),
    "Interval": Property("integer", minimum=1, maximum=50),
    "Timeout": Property("integer", minimum=1, maximum=300),
    "HealthyThreshold": Property("integer", minimum=2, maximum=10),
    "UnhealthyThreshold": Property("integer", minimum=2, maximum=10),
    **not_emulated("Domain", "Exp", "HealthCheckMethod", "HttpCode", "Req", "URI"),
}
# How CreateLoadBalancerTCPListener calls what the template calls otherwise.
_API_NAMES = {
    "Switch": "HealthCheck",
    "Port": "HealthCheckConnectPort",
    "Interval": "HealthCheckInterval",
    "Timeout": "HealthCheckConnectTimeout",
}


class Listener(ResourceType):
    """A port on which a load balancer passes TCP connections to its backend servers."""

    name = "ALIYUN::SLB::Listener"
    properties: ClassVar[Schema] = {
        "LoadBalancerId": Property(required=True),
        "ListenerPort": Property("integer", required=True, minimum=1, maximum=65535),
        "BackendServerPort": Property("integer", minimum=1, maximum=65535),
        "Protocol": Property(required=True, allowed=("tcp", "udp", "http", "https")),
        "Bandwidth": Property("integer", required=True, minimum=-1, maximum=5120),
        "Scheduler": Property(allowed=("wrr", "wlc", "rr")),
        "HealthCheck": Property("map", fields=_HEALTH_CHECK),
        "Description": Property(minimum=1, maximum=80),
        "StartListener": Property("boolean"),
        **not_emulated("AclId", "AclIds", "AclStatus", "AclType", "CACertificateId", "ConnectionDrain"),
        **not_emulated("ConnectionDrainTimeout", "EnableHttp2", "FullNatEnabled", "Gzip", "HttpConfig"),
        **not_emulated("IdleTimeout", "MasterSlaveServerGroupId", "Persistence", "PortRange"),
        **not_emulated("ProxyProtocolV2Enabled", "RequestTimeout", "ServerCertificateId", "Tags"),
        **not_emulated("TLSCipherPolicy", "VServerGroupId"),
    }
    attributes = frozenset(["LoadBalancerId", "ListenerPortsAndProtocol"])

    def check(self, properties: Mapping[str, Any]) -> str | None:
        """Only TCP is carried here."""
        if properties.get("Protocol") in ("udp", "http", "https"):
            return f"Protocol {properties['Protocol']} is not emulated by the local cloud"
        if properties.get("StartListener") is False:
            return "StartListener false is not emulated by the local cloud"
        if properties.get("BackendServerPort") is None:
            return "BackendServerPort must be specified when no VServerGroupId is"
        return None

    async def create(self, step: Step) -> Made:
        """Open the port."""
        properties = step.properties
        balancer, port = properties["LoadBalancerId"], properties["ListenerPort"]
        check = properties.get("HealthCheck", {})
        await self.network.create_listener(
            balancer,
            port,
            properties["BackendServerPort"],
            protocol=properties["Protocol"],
            health_check={_API_NAMES.get(name, name): value for name, value in check.items()},
            scheduler=properties.get("Scheduler", "wrr"),
            bandwidth=properties["Bandwidth"],
        )
        listening = [{"ListenerPort": port, "ListenerProtocol": properties["Protocol"]}]
        return Made(
            f"{balancer}:{properties['Protocol']}:{port}",
            {"LoadBalancerId": balancer, "ListenerPortsAndProtocol": listening},
        )

    async def delete(self, step: Step) -> None:
        """Close the port."""
        try:
            await self.network.delete_listener(
                step.properties["LoadBalancerId"], step.properties["ListenerPort"]
            )
        except ApiError as error:
            ignore_gone(error)
