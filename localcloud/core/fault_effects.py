"""What the faults in force do to a call, whatever its protocol."""

from __future__ import annotations

import asyncio

from aiohttp import web

from localcloud.core.faults import Fault

# How often a hanging call looks whether its caller has gone, in seconds.
_LOOK = 0.1


async def hold_back(request: web.Request, latency: Fault | None, hang: Fault | None) -> None:
    """Wait as the faults say: `latency` its seconds, `hang` until the caller closes the connection."""
    if latency is not None:
        await asyncio.sleep(latency.seconds)
    # The server tells a handler of a closed connection only by this state: there is no event to await.
    while hang is not None and not caller_gone(request):  # noqa: ASYNC110
        await asyncio.sleep(_LOOK)


def caller_gone(request: web.Request) -> bool:
    """Whether the connection is closed."""
    return request.transport is None or request.transport.is_closing()


def drop_connection(request: web.Request) -> None:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
