"""The OSS endpoint: from an HTTP request to a verified operation, and its answer."""

from __future__ import annotations

import base64
import logging
import secrets
import time
from collections.abc import Mapping

from aiohttp import web

from localcloud.core.context import Context
from localcloud.core.fault_effects import drop_connection, hold_back
from localcloud.core.faults import Effect, Fault
from localcloud.core.request_log import log_request
from localcloud.oss.call import Call, Operation, authorize
from localcloud.oss.errors import OssError
from localcloud.oss.operations import find_operation
from localcloud.oss.request import OssRequest, parse_request
from localcloud.oss.signatures.verification import verify
from localcloud.oss.storage import ObjectStorage

_log = logging.getLogger("localcloud.oss")

_Faults = Mapping[Effect, Fault]
_NO_BODY = (204, 304)


def oss_application(context: Context, storage: ObjectStorage) -> web.Application:
    """The HTTP application that serves OSS."""
    application = web.Application()
    application.router.add_route("*", "/{target:(?s:.*)}", _Endpoint(context, storage).handle)
    return application


class _Endpoint:
    def __init__(self, context: Context, storage: ObjectStorage) -> None:
        self._context = context
        self._storage = storage
        self._regions = [region.id for region in context.config.regions]

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Serve one request; every outcome is logged and recorded."""
        started = time.monotonic()
        request_id = secrets.token_hex(12).upper()
        common = {"Server": "AliyunOSS", "x-oss-request-id": request_id}
        name, params, faults, code = "unknown", {}, _no_faults(), ""
        response: web.StreamResponse
        try:
            request = _parse(http)
            operation = find_operation(request)
            name, params = operation.name, {**request.params, "bucket": request.bucket, "key": request.key}
            call = self._verified(http, request, common)
            authorize(call, operation.permission)
            faults = self._context.faults.take("oss", name, params)
            await hold_back(http, faults.get("latency"), faults.get("hang"))
            response = _planned_answer(faults) or await _perform(operation, call, request_id)
        except OssError as error:
            code = error.code
            response = _refusal(error, http, request_id)
        except ConnectionError:
            # The caller went away in the middle of a body: there is nobody to answer.
            code, response = "ConnectionLost", web.Response(status=400)
        if not response.prepared:
            response.headers.update(common)
        status = response.status
        if "lost_reply" in faults or "hang" in faults:
            drop_connection(http)
            status = 0
        self._context.calls.record("oss", name, params, status, code)
        log_request("oss", name, status, code, started=started, request_id=request_id)
        return response

    def _verified(self, http: web.Request, request: OssRequest, common: Mapping[str, str]) -> Call:
        now = self._context.now()
        caller = verify(request, self._context.accounts, self._regions, now)
        return Call(
            http=http,
            request=request,
            caller=caller,
            storage=self._storage,
            now=now,
            default_region=self._regions[0],
            common_headers=common,
        )


def _parse(http: web.Request) -> OssRequest:
    try:
        return parse_request(http.method, http.raw_path, http.headers)
    except ValueError as error:
        raise OssError(400, "InvalidURI", "Couldn't parse the specified URI.") from error


async def _perform(operation: Operation, call: Call, request_id: str) -> web.StreamResponse:
    try:
        return await operation.handler(call)
    except (OssError, ConnectionError):
        raise
    except Exception as error:
        _log.exception("%s failed, request %s", operation.name, request_id)
        raise OssError(500, "InternalError", "We encountered an internal error. Please try again.") from error


def _no_faults() -> _Faults:
    return {}


def _planned_answer(faults: _Faults) -> web.Response | None:
    if "hang" in faults:
        return web.Response()
    if "throttle" in faults:
        raise OssError(503, "QpsLimitExceeded", "Please reduce your request rate.")
    fault = faults.get("error")
    if fault is None:
        return None
    if fault.body is None:
        raise OssError(fault.status, fault.code, fault.message)
    return web.Response(status=fault.status, text=fault.body, content_type="text/html")


def _refusal(error: OssError, http: web.Request, request_id: str) -> web.Response:
    body = error.xml(request_id, http.headers.get("Host", ""))
    if error.status in _NO_BODY:
        return web.Response(status=error.status)
    headers = {**error.headers, **({"x-oss-ec": error.ec} if error.ec else {})}
    if http.method == "HEAD":
        # A HEAD answer has no body: the same document travels in this header.
        headers["x-oss-err"] = base64.b64encode(body).decode()
        return web.Response(status=error.status, headers=headers)
    return web.Response(status=error.status, body=body, headers=headers, content_type="application/xml")
