"""The running cloud: its parts in the order in which they start, its ports, its end."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from aiohttp import web

from localcloud.core.accounts import load_accounts
from localcloud.core.admin import admin_application
from localcloud.core.calls import Calls
from localcloud.core.config import Config
from localcloud.core.context import Context, cloud_identity
from localcloud.core.http_server import HttpServer
from localcloud.core.ports import bind_all, keep
from localcloud.core.rpc_server import rpc_application
from localcloud.core.rpc_service import RpcService
from localcloud.core.store import Store

_log = logging.getLogger("localcloud")


class Part(Protocol):
    """A subsystem: takes up its state at `start`, lets go of what the process holds at `stop`."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


def open_context(state_dir: Path, config: Config) -> tuple[Context, dict[str, socket.socket]]:
    """The context on a state directory whose lock is held, and a bound socket per service.

    Raises PortTakenError.
    """
    sockets = bind_all(state_dir, config.ports, cloud_identity(state_dir))
    context = Context(
        state_dir=state_dir,
        config=config,
        store=Store(state_dir / "state.sqlite"),
        accounts=load_accounts(state_dir, config),
        calls=Calls(state_dir / "calls.jsonl"),
        ports={service: bound.getsockname()[1] for service, bound in sockets.items()},
    )
    keep(state_dir, context.ports)
    return context, sockets


class Cloud:
    """Parts and services on their ports.

    parts: what starts before the services, in this order (networks, machines, OSS).
    services: the RPC services; each is served on the port of its name.
    oss: the OSS application.
    stop_requested: set when the admin endpoint is asked for the end; `stop_machines` says how.
    """

    def __init__(
        self,
        context: Context,
        sockets: dict[str, socket.socket],
        parts: Sequence[Part],
        services: Sequence[RpcService],
        oss: web.Application,
    ) -> None:
        self._context = context
        self._sockets = sockets
        self._parts = [*parts, *services]
        self._started: list[Part] = []
        self.stop_requested = asyncio.Event()
        self.stop_machines = False
        for service in services:
            context.servers[service.name] = HttpServer(rpc_application(context, service))
        context.servers["oss"] = HttpServer(oss)

    async def start(self) -> None:
        """Start the parts, then open the ports; the admin port opens last and means healthy."""
        for part in self._parts:
            self._started.append(part)
            await part.start()
        self._context.servers["admin"] = HttpServer(admin_application(self._context, self._request_stop))
        for name, server in self._context.servers.items():
            await server.listen(self._sockets[name])
        ports = ", ".join(f"{name} {port}" for name, port in self._context.ports.items())
        _log.info("ready on 127.0.0.1: %s; state in %s", ports, self._context.state_dir)

    async def stop(self) -> None:
        """Close the ports, end background work, stop the parts in reverse order, close the state."""
        for server in self._context.servers.values():
            await server.stop()
        await self._context.tasks.cancel_all()
        for part in reversed(self._started):
            await part.stop()
        for bound in self._sockets.values():
            bound.close()
        self._context.store.close()

    def _request_stop(self, stop_machines: bool) -> None:
        self.stop_machines = stop_machines
        self.stop_requested.set()
