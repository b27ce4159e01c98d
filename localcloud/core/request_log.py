"""One line per request: time, service, action, status, code, duration, request id. Never a value."""

from __future__ import annotations

import logging
import sys
import time

_log = logging.getLogger("localcloud.requests")


def configure_logging() -> None:
    """Send the cloud's log to standard error, times in UTC."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger("localcloud")
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False


def log_request(
    service: str, action: str, status: int, code: str, *, started: float, request_id: str
) -> None:
    """Write the line; `started` is of `time.monotonic()`, status 0 means that no answer was sent."""
    milliseconds = (time.monotonic() - started) * 1000
    _log.info("%s %s %d %s %.0fms %s", service, action, status, code or "-", milliseconds, request_id)
