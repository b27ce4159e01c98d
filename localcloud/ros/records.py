"""Stacks, their resources and events as they stand on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, Field

from localcloud.core.context import Context

Action = Literal["CREATE", "UPDATE", "DELETE", "CREATE_ROLLBACK", "ROLLBACK"]

_STACK, _RESOURCE, _EVENT = "ros-stack", "ros-resource", "ros-event"
STACK_TYPE = "ALIYUN::ROS::Stack"


class Version(BaseModel):
    """What a stack is made from: template text, the parameters sent, the tags."""

    template_body: str
    parameters: dict[str, str] = Field(default_factory=dict)
    tags: list[dict[str, str]] = Field(default_factory=list)


class Operation(BaseModel):
    """What a stack is busy with.

    deadline: when it has timed out.
    previous: what an update rolls back to.
    replacement: whether resources may be replaced; `tainted`: those that must be.
    retained: resources that a delete leaves alone.
    cancel: how it was cancelled, or empty.
    root_reason: why the operation that this one rolls back failed.
    """

    id: str = Field(default_factory=lambda: uuid4().hex)
    action: Action
    deadline: datetime
    previous: Version | None = None
    replacement: bool = False
    tainted: list[str] = Field(default_factory=list)
    retained: list[str] = Field(default_factory=list)
    cancel: Literal["", "Safe", "Quick"] = ""
    root_reason: str = ""


class Stack(BaseModel):
    """One stack, deleted ones too."""

    id: str = Field(default_factory=lambda: str(uuid4()))
    name: str
    region: str
    account_id: str
    version: Version
    created: datetime
    updated: datetime | None = None
    status: str = ""
    status_reason: str = ""
    operation: Operation | None = None
    operation_info: dict[str, str] | None = None
    rollback_failed_root_reason: str = ""
    disable_rollback: bool = False
    deletion_protection: bool = False
    timeout_minutes: int = 60
    parallelism: int = 0
    ram_role_name: str = ""
    resource_group_id: str = ""

    @property
    def alive(self) -> bool:
        """Whether it still holds its name."""
        return self.status != "DELETE_COMPLETE"


class Resource(BaseModel):
    """One resource of a stack.

    token: of its present incarnation, see `localcloud.ros.types.base.Step`.
    operation_id: the operation that last began work on it.
    started: when that work began.
    replacing: an update removes this incarnation to make the next.
    unclear: a create was begun of which it is not known whether it made something.
    """

    stack_id: str
    logical_id: str
    type: str
    created: datetime
    started: datetime
    updated: datetime
    status: str = "INIT_COMPLETE"
    status_reason: str = ""
    physical_id: str = ""
    token: str = ""
    operation_id: str = ""
    replacing: bool = False
    unclear: bool = False
    properties: dict[str, Any] = Field(default_factory=dict)
    attributes: dict[str, Any] = Field(default_factory=dict)
    dependencies: list[str] = Field(default_factory=list)
    deletion_policy: str = "Delete"
    description: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether there may be something to remove."""
        return self.status not in ("INIT_COMPLETE", "DELETE_COMPLETE")


class Event(BaseModel):
    """One change of status of a resource, or of the stack itself."""

    id: str = Field(default_factory=lambda: str(uuid4()))
    number: int
    stack_id: str
    stack_name: str
    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    status_reason: str
    created: datetime


class Records:
    """Reads and writes the records; every change of status is one transaction with its event."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several changes at once; must not await."""
        with self._store.transaction():
            yield

    def stacks(self) -> list[Stack]:
        """All stacks, oldest first."""
        return [Stack.model_validate(each) for each in self._store.list(_STACK)]

    def stack(self, stack_id: str) -> Stack | None:
        """The stack of that id, or None."""
        document = self._store.get(_STACK, stack_id)
        return None if document is None else Stack.model_validate(document)

    def save_stack(self, stack: Stack) -> None:
        """Write the stack without an event."""
        self._store.put(_STACK, stack.id, stack.model_dump(mode="json"))

    def move_stack(self, stack: Stack, status: str, reason: str) -> None:
        """Give the stack a new status, with its event."""
        stack.status, stack.status_reason = status, reason
        with self.transaction():
            self.save_stack(stack)
            self._append(stack, stack.name, stack.id, STACK_TYPE, status, reason)

    def resources(self, stack_id: str) -> dict[str, Resource]:
        """The stack's resources by logical id."""
        found = self._store.scan(_RESOURCE, at_least=f"{stack_id}/", below=f"{stack_id}0")
        return {each["logical_id"]: Resource.model_validate(each) for _, each in found}

    def resource(self, stack_id: str, logical_id: str) -> Resource | None:
        """One resource, or None."""
        document = self._store.get(_RESOURCE, f"{stack_id}/{logical_id}")
        return None if document is None else Resource.model_validate(document)

    def save_resource(self, resource: Resource) -> None:
        """Write the resource without an event."""
        key = f"{resource.stack_id}/{resource.logical_id}"
        self._store.put(_RESOURCE, key, resource.model_dump(mode="json"))

    def move_resource(self, stack: Stack, resource: Resource, status: str, reason: str) -> None:
        """Give a resource a new status, with its event."""
        resource.status, resource.status_reason = status, reason
        resource.updated = self._context.now()
        with self.transaction():
            self.save_resource(resource)
            self._append(stack, resource.logical_id, resource.physical_id, resource.type, status, reason)

    def drop_resource(self, resource: Resource) -> None:
        """Forget a resource that is gone from the stack."""
        self._store.delete(_RESOURCE, f"{resource.stack_id}/{resource.logical_id}")

    def events(self, stack_id: str) -> list[Event]:
        """The stack's events, newest first."""
        found = self._store.scan(_EVENT, at_least=f"{stack_id}/", below=f"{stack_id}0")
        return [Event.model_validate(each) for _, each in found][::-1]

    def _append(
        self, stack: Stack, logical_id: str, physical_id: str, kind: str, status: str, reason: str
    ) -> None:
        counter = self._store.get("ros-event-count", stack.id) or {"count": 0}
        number = counter["count"] + 1
        event = Event(
            number=number,
            stack_id=stack.id,
            stack_name=stack.name,
            logical_id=logical_id,
            physical_id=physical_id,
            resource_type=kind,
            status=status,
            status_reason=reason,
            created=self._context.now(),
        )
        self._store.put("ros-event-count", stack.id, {"count": number})
        self._store.put(_EVENT, f"{stack.id}/{number:08}", event.model_dump(mode="json"))
