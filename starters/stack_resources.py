"""The resources of a cluster's stack as rows of its progress."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starters.log import log
from starters.progress import Row
from wdrip.errors import WdripError

if TYPE_CHECKING:
    from wdrip.clients.ros import RosClient, Stack, StackResource
    from wdrip.models.provider_config import Provider

# ROS counts calls per minute and account; a person does not read faster than this.
_FRESH_SECONDS = 3.0


class StackResources:
    """Asks the cloud for a stack's resources, not too often; a cloud without an answer ends no watching."""

    def __init__(self, provider: "Provider") -> None:
        self._provider = provider
        self._client: RosClient | None = None
        self._rows: Sequence[Row] = ()
        self._asked = 0.0
        self._told = False

    def __call__(self, stack_id: str) -> Sequence[Row]:
        """The stack and its resources; the last known ones when the cloud does not answer."""
        if not stack_id or time.monotonic() - self._asked < _FRESH_SECONDS:
            return self._rows
        try:
            self._rows = self._ask(stack_id)
        except WdripError as error:
            if not self._told:
                log(f"the stack's resources cannot be shown: {error}")
                self._told = True
        self._asked = time.monotonic()
        return self._rows

    def _ask(self, stack_id: str) -> Sequence[Row]:
        if self._client is None:
            from wdrip.clients.ros import RosClient

            self._client = RosClient(self._provider)
        stack = self._client.stack(stack_id)
        return [
            *([_stack_row(stack)] if stack else []),
            *(_resource_row(each) for each in self._client.resources(stack_id)),
        ]


def _stack_row(stack: "Stack") -> Row:
    return Row("ALIYUN::ROS::Stack", stack.name, stack.status, _state(stack.status), detail=stack.reason)


def _resource_row(resource: "StackResource") -> Row:
    state = _state(resource.status)
    return Row(
        kind=resource.type,
        name=resource.name,
        status=resource.status,
        state=state,
        started=resource.created,
        finished=resource.updated if state != "running" else None,
        detail=resource.reason,
    )


def _state(status: str) -> str:
    """`CREATE_IN_PROGRESS` as running, `UPDATE_COMPLETE` as done, …; `INIT_COMPLETE` has not begun."""
    if status.startswith("INIT_"):
        return "pending"
    if status.endswith("_FAILED"):
        return "failed"
    return "done" if status.endswith("_COMPLETE") else "running"
