"""ClientToken: the same call gives the same answer, a different call under the same token is refused.

An effect and the memory of its token must reach the disk together, or a kill between the two makes a second
machine. A service therefore calls `remember` inside the transaction that records its effect; for services
that do not, the RPC layer remembers after the action has returned.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest, invalid
from localcloud.core.store import Store

_KIND = "client-token"
# ECS and ROS API reference: at most 64 ASCII characters.
_MAX_TOKEN = 64


class Idempotency:
    """The answers given under client tokens, kept in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._in_work: set[str] = set()

    def recall(self, request: RpcRequest) -> dict[str, Any] | None:
        """The answer that was given under this request's token, or None (also without a token).

        Raises IdempotentParameterMismatch (400) when the token was used with other parameters.
        """
        token = _token(request)
        if not token:
            return None
        remembered = self._store.get(_KIND, _id(request, token))
        if remembered is None:
            return None
        if remembered["fingerprint"] != _fingerprint(request):
            raise ApiError(
                400,
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request. "
                "Do not reuse a client token with different requests, unless the requests are identical.",
            )
        answer: dict[str, Any] = remembered["answer"]
        return answer

    def remember(self, request: RpcRequest, answer: dict[str, Any]) -> None:
        """Keep `answer` for the request's token; nothing happens without a token."""
        token = _token(request)
        if token:
            document = {"fingerprint": _fingerprint(request), "answer": answer}
            self._store.put(_KIND, _id(request, token), document)

    @contextmanager
    def in_work(self, request: RpcRequest) -> Iterator[None]:
        """Hold the token while its call runs; a second call meanwhile gets LastTokenProcessing (400)."""
        token = _token(request)
        key = _id(request, token)
        if token and key in self._in_work:
            raise ApiError(400, "LastTokenProcessing", "The last token request is processing.")
        self._in_work.add(key)
        try:
            yield
        finally:
            self._in_work.discard(key)


def _token(request: RpcRequest) -> str:
    token = request.params.get("ClientToken", "")
    if len(token) > _MAX_TOKEN or not token.isascii():
        raise invalid("ClientToken", f"must be at most {_MAX_TOKEN} ASCII characters")
    return token


def _id(request: RpcRequest, token: str) -> str:
    return "/".join((request.service, request.account_id, request.action, token))


def _fingerprint(request: RpcRequest) -> str:
    # A digest, not the parameters themselves: they may carry user data and other people's secrets.
    text = json.dumps(sorted(request.params.items()), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
