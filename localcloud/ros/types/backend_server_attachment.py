"""ALIYUN::SLB::BackendServerAttachment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone

_DEFAULT_WEIGHT = 100


class BackendServerAttachment(ResourceType):
    """Which machines stand behind a load balancer."""

    name = "ALIYUN::SLB::BackendServerAttachment"
    properties: ClassVar[Schema] = {
        "LoadBalancerId": Property(required=True),
        "BackendServers": Property(
            "list",
            updatable=True,
            items=Property(
                "map",
                fields={
                    "ServerId": Property(required=True),
                    "Weight": Property("integer", required=True, minimum=0, maximum=100),
                    "Description": Property(),
                    "Type": Property(allowed=("ecs",)),
                    "ServerIp": Property(emulated=False),
                },
            ),
        ),
        "BackendServerList": Property("list", updatable=True, items=Property()),
        "BackendServerWeightList": Property(
            "list", updatable=True, items=Property("integer", minimum=0, maximum=100)
        ),
    }
    attributes = frozenset(["LoadBalancerId", "BackendServers"])

    async def create(self, step: Step) -> Made:
        """Put the machines behind the load balancer."""
        return await self._set(step, _servers(step.properties))

    async def update(self, step: Step, changed: frozenset[str]) -> Made:  # noqa: ARG002
        """Make the machines behind the load balancer exactly those of the template."""
        return await self._set(step, _servers(step.properties))

    async def delete(self, step: Step) -> None:
        """Take the machines away."""
        try:
            await self._set(step, [])
        except ApiError as error:
            ignore_gone(error)

    async def _set(self, step: Step, servers: list[dict[str, Any]]) -> Made:
        balancer = step.properties["LoadBalancerId"]
        await self.network.set_backend_servers(balancer, servers)
        return Made(step.physical_id or balancer, {"LoadBalancerId": balancer, "BackendServers": servers})


def _servers(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The machines with their weights; a duplicate inside one request is ignored."""
    listed = properties.get("BackendServers")
    if listed is None:
        ids = properties.get("BackendServerList", [])
        weights = list(properties.get("BackendServerWeightList", [])) or [_DEFAULT_WEIGHT]
        # Resource type reference: a short list of weights is filled up with its last one.
        weights += [weights[-1]] * (len(ids) - len(weights))
        listed = [{"ServerId": each, "Weight": weight} for each, weight in zip(ids, weights, strict=False)]
    by_id: dict[str, int] = {}
    for server in listed:
        by_id.setdefault(server["ServerId"], server["Weight"])
    return [{"ServerId": server_id, "Weight": weight} for server_id, weight in by_id.items()]
