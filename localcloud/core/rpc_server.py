"""The RPC gateway: from an HTTP request to a verified action of a service, and its answer as JSON."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.core.fault_effects import drop_connection, hold_back
from localcloud.core.faults import Effect, Fault
from localcloud.core.request_log import log_request
from localcloud.core.rpc_request import RpcRequest
from localcloud.core.rpc_service import RpcService
from localcloud.core.signatures import acs3, rpc_query
from localcloud.core.signatures.freshness import Freshness
from localcloud.core.signatures.rejections import security_token_unknown
from localcloud.core.signatures.wire import WireRequest

_log = logging.getLogger("localcloud.rpc")

# A template of 512 KiB in a form body, percent-encoded, is three times as long.
_MAX_BODY = 4 * 1024 * 1024
# Parameters of the protocol, not of the action.
_PROTOCOL = frozenset(
    {
        *("Action", "Version", "Format", "AccessKeyId", "SecurityToken", "Timestamp"),
        *("Signature", "SignatureMethod", "SignatureNonce", "SignatureType", "SignatureVersion"),
    }
)

_Faults = Mapping[Effect, Fault]


def rpc_application(context: Context, service: RpcService) -> web.Application:
    """The HTTP application that serves one RPC service."""
    application = web.Application(client_max_size=_MAX_BODY)
    application.router.add_route("*", "/{path:.*}", _Gateway(context, service).handle)
    return application


class _Gateway:
    def __init__(self, context: Context, service: RpcService) -> None:
        self._context = context
        self._service = service
        self._actions = service.actions()
        self._idempotent = service.idempotent_actions()
        self._freshness = Freshness(context.now)

    async def handle(self, http: web.Request) -> web.Response:
        """Serve one request; every outcome is logged and recorded."""
        started = time.monotonic()
        request_id = str(uuid.uuid4()).upper()
        wire = await _read(http)
        params = dict([*wire.query, *wire.form])
        action = wire.header("x-acs-action") or params.get("Action", "")
        faults: _Faults = {}
        try:
            request = self._verified(wire, params, action, request_id)
            faults = self._context.faults.take(self._service.name, action, request.params)
            await hold_back(http, faults.get("latency"), faults.get("hang"))
            response, code = _planned_answer(faults) or await self._perform(request), ""
        except ApiError as error:
            response, code = self._refusal(error, request_id, faults), error.code
        status = response.status
        if "lost_reply" in faults or "hang" in faults:
            drop_connection(http)
            status = 0
        self._context.calls.record(self._service.name, action, params, status, code)
        # An unknown action is the caller's text; it stays out of the log.
        known = action if action in self._actions else "unknown"
        log_request(self._service.name, known, status, code, started=started, request_id=request_id)
        return response

    def _verified(
        self, wire: WireRequest, params: Mapping[str, str], action: str, request_id: str
    ) -> RpcRequest:
        if wire.method not in ("GET", "POST"):
            raise ApiError(405, "UnsupportedHTTPMethod", "This http method is not supported.")
        if wire.header("x-acs-security-token") or params.get("SecurityToken"):
            raise security_token_unknown()
        verify = acs3.verify if wire.header("authorization") else rpc_query.verify
        account = verify(wire, self._context.accounts, self._freshness)
        version = wire.header("x-acs-version") or params.get("Version", "")
        if not action:
            raise ApiError(400, "MissingAction", "Action is mandatory for this action.")
        if not version:
            raise ApiError(400, "MissingVersion", "Version is mandatory for this action.")
        if version != self._service.version:
            raise ApiError(400, "InvalidVersion", "Specified parameter Version is not valid.")
        if params.get("Format", "JSON").upper() != "JSON":
            raise ApiError(
                400, "InvalidFormat", "Specified parameter Format is not valid: only JSON is served."
            )
        if action not in self._actions or wire.path != "/":
            raise ApiError(
                404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."
            )
        own = {name: value for name, value in params.items() if name not in _PROTOCOL}
        return RpcRequest(self._service.name, action, version, account.id, request_id, own, wire.body)

    async def _perform(self, request: RpcRequest) -> web.Response:
        if request.action in self._idempotent:
            answer = await self._perform_once(request)
        else:
            answer = await self._call(request)
        return web.json_response({**answer, "RequestId": request.request_id})

    async def _perform_once(self, request: RpcRequest) -> dict[str, Any]:
        idempotency = self._context.idempotency
        with idempotency.in_work(request):
            answer = idempotency.recall(request)
            if answer is None:
                answer = await self._call(request)
                if idempotency.recall(request) is None:
                    idempotency.remember(request, answer)
        return answer

    async def _call(self, request: RpcRequest) -> dict[str, Any]:
        try:
            return await self._actions[request.action](request)
        except ApiError:
            raise
        except Exception as error:
            _log.exception("%s %s failed, request %s", request.service, request.action, request.request_id)
            raise ApiError(
                500, "InternalError", "The request processing has failed due to some unknown error."
            ) from error

    def _refusal(self, error: ApiError, request_id: str, faults: _Faults) -> web.Response:
        body = {
            "RequestId": request_id,
            "HostId": f"{self._service.name}.aliyuncs.com",
            "Code": error.code,
            "Message": error.message,
            "Recommend": f"https://api.aliyun.com/troubleshoot?q={error.code}&product={self._service.name}",
        }
        return web.json_response(body, status=error.status, headers=_retry_after(faults))


def _planned_answer(faults: _Faults) -> web.Response | None:
    """A planned answer that is not the cloud's own; raises ApiError for one that is; None without any."""
    if "hang" in faults:
        return web.Response()
    if "throttle" in faults:
        raise ApiError(400, "Throttling.User", "Request was denied due to user flow control.")
    error = faults.get("error")
    if error is None:
        return None
    if error.body is None:
        raise ApiError(error.status, error.code, error.message)
    return web.Response(status=error.status, text=error.body, content_type="text/html")


def _retry_after(faults: _Faults) -> dict[str, str]:
    fault = faults.get("throttle") or faults.get("error")
    if fault is None or fault.retry_after is None:
        return {}
    return {"x-acs-retry-after": str(fault.retry_after)}


async def _read(http: web.Request) -> WireRequest:
    path, _, query = http.raw_path.partition("?")
    body = await http.read()
    is_form = http.content_type == "application/x-www-form-urlencoded"
    form = body.decode("utf-8", errors="replace") if is_form else ""
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in http.headers.items():
        headers[name.lower()] = (*headers.get(name.lower(), ()), value)
    return WireRequest(
        method=http.method,
        path=path,
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        form=tuple(parse_qsl(form, keep_blank_values=True)),
        headers=headers,
        body=body,
    )
