"""What a VPC's machines reach besides each other: instance metadata and the bucket's internal address.

The sockets are opened inside the VPC's namespace and served by this process; nothing forwards.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from localcloud.core.context import Context
from localcloud.core.http_server import HttpServer
from localcloud.core.ports import OSS_INTERNAL_ADDRESS
from localcloud.network.fabric import Fabric
from localcloud.network.interfaces import Interfaces
from localcloud.network.metadata import metadata_application

METADATA_ADDRESS = "100.100.100.200"
"""The address of instance metadata on every ECS machine."""


@dataclass
class _Opened:
    metadata: HttpServer
    oss: web.SockSite | None = None


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
        await self._listen(vpc_id, METADATA_ADDRESS, 80, opened.metadata)
        if "oss" in self._context.servers:
            port = self._context.ports["oss"]
            opened.oss = await self._listen(vpc_id, OSS_INTERNAL_ADDRESS, port, self._context.servers["oss"])

    async def close_in(self, vpc_id: str) -> None:
        """Close this VPC's sockets, so that its namespace can go."""
        opened = self._opened.pop(vpc_id, None)
        if opened is None:
            return
        if opened.oss is not None:
            await opened.oss.stop()
        await opened.metadata.stop()

    async def close(self) -> None:
        """Close all at the end of the process; the cloud itself has stopped its OSS server by then."""
        for opened in self._opened.values():
            await opened.metadata.stop()
        self._opened.clear()

    async def _listen(self, vpc_id: str, address: str, port: int, server: HttpServer) -> web.SockSite:
        await self._fabric.ensure_address(vpc_id, address)
        return await server.listen(self._fabric.listen(vpc_id, address, port))
