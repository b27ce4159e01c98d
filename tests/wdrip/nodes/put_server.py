"""An HTTP server that takes what machines upload."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class PutServer(ThreadingHTTPServer):
    """Takes PUTs and answers as told: a list of statuses, 200 for ever after. `spoil`: with another MD5."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: list[int] = []
        self.objects: dict[str, bytes] = {}
        self.headers: list[dict[str, str]] = []
        self.spoil = False

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: PutServer

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        if status == 200:
            self.server.objects[self.path] = content
        arrived = content + b"!" if self.server.spoil else content
        body = b"<StringToSign>secret</StringToSign>"
        self.send_response(status)
        self.send_header("ETag", f'"{hashlib.md5(arrived).hexdigest().upper()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has
        """Quiet."""


@contextmanager
def put_server() -> Iterator[PutServer]:
    """A server while the block runs."""
    with PutServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
