"""A network fabric without a network: it answers at once, or waits where a test tells it to."""

from __future__ import annotations

import asyncio
import socket

from localcloud.network.fabric import Balancer, Interface


class InMemoryFabric:
    """Remembers balancers; `stuck` is the set of resource kinds whose making never ends."""

    def __init__(self, stuck: frozenset[str] = frozenset()) -> None:
        self.balancers: dict[str, Balancer] = {}
        self._stuck = stuck

    async def keep_only(self, ids: frozenset[str]) -> None: ...

    async def ensure_vpc(self, vpc_id: str) -> None:
        await self._perhaps_wait("vpc")

    async def remove_vpc(self, vpc_id: str) -> None: ...

    async def ensure_vswitch(self, vpc_id: str, vswitch_id: str, gateway: str, prefix: int) -> None:
        await self._perhaps_wait("vswitch")

    async def remove_vswitch(self, vpc_id: str, vswitch_id: str) -> None: ...

    async def attach(self, interface: Interface) -> None: ...

    async def detach(self, machine_id: str) -> None: ...

    async def partition(self, interface: Interface, cut: bool) -> None: ...

    def machine_namespace(self, machine_id: str) -> str:
        return f"/nowhere/{machine_id}"

    async def ensure_address(self, vpc_id: str, address: str) -> None: ...

    async def remove_address(self, vpc_id: str, address: str) -> None: ...

    def listen(self, vpc_id: str, address: str, port: int) -> socket.socket:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        return listening

    async def ensure_balancer(self, balancer: Balancer) -> None:
        await self._perhaps_wait("balancer")
        self.balancers[balancer.id] = balancer

    async def remove_balancer(self, balancer_id: str, vpc_id: str | None) -> None:
        self.balancers.pop(balancer_id, None)

    async def server_health(self, balancer_id: str) -> dict[str, dict[int, bool]]:
        return {}

    async def _perhaps_wait(self, kind: str) -> None:
        if kind in self._stuck:
            await asyncio.Event().wait()
