"""What every part of the cloud is given: state, configuration, faults, background tasks, the clock."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localcloud.core.accounts import Accounts
from localcloud.core.calls import Calls
from localcloud.core.config import Config
from localcloud.core.faults import Faults
from localcloud.core.http_server import HttpServer
from localcloud.core.idempotency import Idempotency
from localcloud.core.store import Store
from localcloud.core.tasks import Tasks

AdminHandler = Callable[[Mapping[str, str], dict[str, Any]], Awaitable[dict[str, Any] | None]]


@dataclass(frozen=True)
class AdminRoute:
    """A route of the admin endpoint. The handler gets path variables and JSON body, and returns JSON."""

    method: str
    path: str
    handler: AdminHandler


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Context:
    """The frame in which the services live.

    servers: the HTTP server by service name (`ecs`, `ros`, `oss`), so that a network can add a listening
        socket of its own namespace to the same application.
    ports: the loopback port by service name, known before any subsystem starts.
    admin_routes: what subsystems add to the admin endpoint, before it starts.
    """

    state_dir: Path
    config: Config
    store: Store
    accounts: Accounts
    calls: Calls
    faults: Faults = field(default_factory=Faults)
    tasks: Tasks = field(default_factory=Tasks)
    clock: Callable[[], datetime] = _utc_now
    servers: dict[str, HttpServer] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    admin_routes: list[AdminRoute] = field(default_factory=list)
    idempotency: Idempotency = field(init=False)

    def __post_init__(self) -> None:
        self.idempotency = Idempotency(self.store)

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return self.clock()

    def add_admin_route(self, method: str, path: str, handler: AdminHandler) -> None:
        """Add a route to the admin endpoint, for example `POST /machines/{id}/power-off`."""
        self.admin_routes.append(AdminRoute(method, path, handler))

    @property
    def identity(self) -> str:
        """Six hex digits that tell this cloud's namespaces and interfaces from another's."""
        return cloud_identity(self.state_dir)


def cloud_identity(state_dir: Path) -> str:
    """Six hex digits of the state directory's absolute path."""
    return hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()[:6]
