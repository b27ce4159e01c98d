"""One HTTP application on any number of listening sockets, some of them inside other network namespaces."""

from __future__ import annotations

import socket

from aiohttp import web

# 32 KB of user data travel in the query as base64, of which every character may be percent-encoded: 131 KB.
_MAX_LINE = 262144
# A pause longer than this without a request closes a kept-alive connection.
_KEEPALIVE_SECONDS = 75.0


class HttpServer:
    """Serves `application` on every socket that it is given."""

    def __init__(self, application: web.Application) -> None:
        self._runner = web.AppRunner(
            application,
            access_log=None,
            max_line_size=_MAX_LINE,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            # A request in flight at stop gets this long, in seconds, to finish.
            shutdown_timeout=1.0,
        )
        self._ready = False

    async def listen(self, listening: socket.socket) -> web.SockSite:
        """Serve on a socket that is already bound; `await site.stop()` ends it for this socket alone."""
        if not self._ready:
            await self._runner.setup()
            self._ready = True
        site = web.SockSite(self._runner, listening)
        await site.start()
        return site

    async def stop(self) -> None:
        """Close every socket and connection."""
        await self._runner.cleanup()


def bind_loopback(port: int, *, take_over: bool) -> socket.socket:
    """A TCP socket bound to 127.0.0.1, not listening yet. Raises OSError when the port is taken.

    With `take_over`, connections that an earlier process left waiting on the port do not hinder; but then
    another program's socket that is bound and does not listen yet is not noticed.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(take_over))
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    # Inherited by the connections that will wait on the port when this process is gone.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return bound
