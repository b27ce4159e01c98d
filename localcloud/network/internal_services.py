"""What a VPC's machines reach besides each other: instance metadata and the bucket's internal address.

The sockets are opened inside the VPC's namespace and served by this process; nothing forwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from localcloud.core.context import Context
from localcloud.core.http_server import HttpServer
from localcloud.network.fabric import Fabric
from localcloud.network.interfaces import Interfaces
from localcloud.network.metadata import metadata_application

METADATA_ADDRESS = "100.100.100.200"
"""The address of instance metadata on every ECS machine."""
OSS_ADDRESS = "100.118.0.1"
"""In the real cloud, internal OSS endpoints resolve into 100.118.0.0/16 and neighbouring ranges."""


@dataclass
class _Opened:
    metadata: HttpServer
    sites: list[web.SockSite] = field(default_factory=list)


class InternalServices:
    """Opens and closes the sockets of each VPC."""

    def __init__(self, context: Context, fabric: Fabric, interfaces: Interfaces) -> None:
        self._context = context
        self._fabric = fabric
        self._interfaces = interfaces
        self._opened: dict[str, _Opened] = {}

    async def open_in(self, vpc_id: str) -> None:
        """Serve inside this VPC; nothing happens when it is served already."""
        if vpc_id in self._opened:
            return
        application = metadata_application(self._context, self._interfaces, vpc_id)
        opened = self._opened[vpc_id] = _Opened(HttpServer(application))
        await self._listen(opened, vpc_id, METADATA_ADDRESS, 80, opened.metadata)
        if "oss" in self._context.servers:
            port = self._context.ports["oss"]
            await self._listen(opened, vpc_id, OSS_ADDRESS, port, self._context.servers["oss"])

    async def close_in(self, vpc_id: str) -> None:
        """Close this VPC's sockets, so that its namespace can go."""
        opened = self._opened.pop(vpc_id, None)
        if opened is None:
            return
        for site in opened.sites:
            await site.stop()
        await opened.metadata.stop()

    async def close(self) -> None:
        """Close all."""
        for vpc_id in list(self._opened):
            await self.close_in(vpc_id)

    async def _listen(
        self, opened: _Opened, vpc_id: str, address: str, port: int, server: HttpServer
    ) -> None:
        await self._fabric.ensure_address(vpc_id, address)
        opened.sites.append(await server.listen(self._fabric.listen(vpc_id, address, port)))
