"""What a service is: a class whose methods are the actions of one API version."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from localcloud.core.rpc_request import RpcRequest

if TYPE_CHECKING:
    from localcloud.core.context import Context

Handler = Callable[[RpcRequest], Awaitable[dict[str, Any]]]
_Method = TypeVar("_Method", bound=Callable[..., Awaitable[dict[str, Any]]])

_NAME = "_rpc_action"
_IDEMPOTENT = "_rpc_idempotent"


def action(name: str, *, idempotent: bool = False) -> Callable[[_Method], _Method]:
    """Mark an async method `(self, request) -> answer` as the RPC action `name`.

    With `idempotent`, a repeated ClientToken is answered by the RPC layer from what the first call answered
    (see `localcloud.core.idempotency`).
    """

    def mark(method: _Method) -> _Method:
        setattr(method, _NAME, name)
        setattr(method, _IDEMPOTENT, idempotent)
        return method

    return mark


class RpcService:
    """A service with its actions; subclasses set `name` and `version` and mark methods with `action`."""

    name: ClassVar[str]
    version: ClassVar[str]

    def __init__(self, context: Context) -> None:
        self.context = context

    async def start(self) -> None:
        """Take up again whatever the state on disk holds."""

    async def stop(self) -> None:
        """Let go of what this process holds; the state on disk stays."""

    def actions(self) -> dict[str, Handler]:
        """The marked methods by action name."""
        found: dict[str, Handler] = {}
        for attribute in dir(type(self)):
            method = getattr(type(self), attribute)
            if hasattr(method, _NAME):
                found[getattr(method, _NAME)] = getattr(self, attribute)
        return found

    def idempotent_actions(self) -> frozenset[str]:
        """Names of the actions that honour ClientToken."""
        methods = (getattr(type(self), attribute) for attribute in dir(type(self)))
        return frozenset(getattr(each, _NAME) for each in methods if getattr(each, _IDEMPOTENT, False))
