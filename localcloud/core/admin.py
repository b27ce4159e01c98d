"""The admin endpoint: health, recorded calls, faults, shutdown, and what subsystems add.

Loopback only, and only with the bearer token from the state directory's `admin-token` file.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from localcloud.core.context import AdminHandler, AdminRoute, Context
from localcloud.core.errors import ApiError
from localcloud.core.faults import Fault
from localcloud.core.ports import endpoints
from localcloud.core.private_files import write_private

Shutdown = Callable[[bool], None]


def admin_token(state_dir: Path) -> str:
    """The bearer token, made when absent (file mode 0600)."""
    path = state_dir / "admin-token"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8").strip()


def admin_application(context: Context, shutdown: Shutdown) -> web.Application:
    """The HTTP application; `shutdown(stop_machines)` is called when a caller asks for the end."""
    application = web.Application(middlewares=[_guard(admin_token(context.state_dir))])
    for route in [*_own_routes(context, shutdown), *context.admin_routes]:
        application.router.add_route(route.method, route.path, _serve(route.handler))
    return application


def _own_routes(context: Context, shutdown: Shutdown) -> list[AdminRoute]:
    async def health(_: Mapping[str, str], __: dict[str, Any]) -> dict[str, Any]:
        return {"status": "ok", "identity": context.identity, "endpoints": endpoints(context.ports)}

    async def calls(_: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return {"calls": context.calls.list(body.get("service"), body.get("action"))}

    async def list_faults(_: Mapping[str, str], __: dict[str, Any]) -> dict[str, Any]:
        return {"faults": [fault.model_dump() for fault in context.faults.list()]}

    async def add_fault(_: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return context.faults.add(Fault.model_validate(body)).model_dump()

    async def clear_faults(path: Mapping[str, str], _: dict[str, Any]) -> None:
        context.faults.clear(path.get("id"))

    async def stop(_: Mapping[str, str], body: dict[str, Any]) -> None:
        shutdown(str(body.get("machines", "")).lower() == "true")

    return [
        AdminRoute("GET", "/health", health),
        AdminRoute("GET", "/calls", calls),
        AdminRoute("GET", "/faults", list_faults),
        AdminRoute("POST", "/faults", add_fault),
        AdminRoute("DELETE", "/faults", clear_faults),
        AdminRoute("DELETE", "/faults/{id}", clear_faults),
        AdminRoute("POST", "/shutdown", stop),
    ]


def _guard(token: str) -> Any:
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def check(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, expected):
            return web.json_response({"code": "Unauthorized", "message": "bearer token wanted"}, status=401)
        return await handler(request)

    return check


def _serve(handler: AdminHandler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        try:
            sent = await request.json() if request.can_read_body else {}
            answer = await handler(request.match_info, {**request.query, **sent})
        except ApiError as error:
            return web.json_response({"code": error.code, "message": error.message}, status=error.status)
        except (ValueError, TypeError, ValidationError) as error:
            return web.json_response({"code": "InvalidParameter", "message": str(error)}, status=400)
        return web.json_response(answer or {})

    return serve
