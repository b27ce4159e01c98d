"""Work on one resource: its statuses, its events, planned faults, and the call of its type."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from uuid import uuid4

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.ros.engine.control import Control
from localcloud.ros.engine.failure import Failure, StepFailedError
from localcloud.ros.records import Records, Resource, Stack
from localcloud.ros.template.template import ResourceDefinition
from localcloud.ros.types.base import Made, Step
from localcloud.ros.types.registry import Registry

_log = logging.getLogger("localcloud.ros")

FAULT_SERVICE = "ros.resource"
"""Service name under which faults of resources are planned; the action is the resource type."""

Call = Callable[[Step], Coroutine[Any, Any, Made | None]]


class Worker:
    """Creates, updates and deletes single resources for one run of an operation.

    Every method may be repeated after a kill: work of the same operation that was begun is taken up under
    the same token. All raise StepFailedError after the resource's record says so.
    """

    def __init__(
        self, context: Context, records: Records, registry: Registry, stack: Stack, control: Control
    ) -> None:
        assert stack.operation is not None  # noqa: S101 - the engine only runs stacks that have one
        self._context = context
        self._records = records
        self._registry = registry
        self._stack = stack
        self._operation = stack.operation
        self._control = control

    async def create(
        self, definition: ResourceDefinition, properties: Mapping[str, Any], waits: list[str]
    ) -> None:
        """Make the resource that the definition describes; `waits` are the resources that it waits for."""
        resource = self._records.resource(self._stack.id, definition.logical_id)
        if resource is None or not self._begun(resource, "CREATE_IN_PROGRESS"):
            now = self._context.now()
            resource = Resource(
                stack_id=self._stack.id,
                logical_id=definition.logical_id,
                type=definition.type,
                created=now,
                started=now,
                updated=now,
                token=uuid4().hex,
                operation_id=self._operation.id,
                unclear=True,
            )
            describe(resource, definition, waits)
            resource.properties = dict(properties)
            self._records.move_resource(self._stack, resource, "CREATE_IN_PROGRESS", "state changed")
        await self._make(resource, "CREATE")

    async def update(
        self, definition: ResourceDefinition, properties: Mapping[str, Any], waits: list[str]
    ) -> None:
        """Bring an existing resource to these properties in place."""
        resource = self._existing(definition.logical_id)
        changed = changed_properties(resource.properties, properties)
        if not self._begun(resource, "UPDATE_IN_PROGRESS"):
            resource.operation_id = self._operation.id
            resource.started = self._context.now()
            self._records.move_resource(self._stack, resource, "UPDATE_IN_PROGRESS", "state changed")
        resource_type = self._registry.find(resource.type)
        wanted = resource.model_copy(update={"properties": dict(properties)})
        made = None
        # A resource that merely refused to change comes here on rollback, even if nothing of it can change.
        if any(each.updatable for each in resource_type.properties.values()):
            made = await self._perform(
                resource, wanted, "UPDATE", lambda step: resource_type.update(step, changed)
            )
        describe(resource, definition, waits)
        resource.properties = dict(properties)
        self._complete(resource, made, "UPDATE")

    async def replace(
        self, definition: ResourceDefinition, properties: Mapping[str, Any], waits: list[str]
    ) -> None:
        """Remove the existing resource, then make it anew under the same logical id.

        In this order, as the API reference describes a replacement update.
        """
        resource = self._existing(definition.logical_id)
        if not (resource.replacing and resource.operation_id == self._operation.id):
            resource.replacing = True
            resource.operation_id = self._operation.id
            resource.started = self._context.now()
            self._records.move_resource(self._stack, resource, "UPDATE_IN_PROGRESS", "state changed")
        if resource.token != self._successor(resource):
            await self._perform(resource, resource, "UPDATE", self._registry.find(resource.type).delete)
            resource.type = definition.type
            resource.physical_id, resource.attributes = "", {}
            resource.properties = dict(properties)
            resource.token = self._successor(resource)
            resource.unclear = True
            describe(resource, definition, waits)
            self._records.save_resource(resource)
        await self._make(resource, "UPDATE")

    async def delete(self, logical_id: str) -> None:
        """Remove the resource, unless it is to be retained."""
        resource = self._existing(logical_id)
        if resource.status == "DELETE_COMPLETE":
            return
        if resource.status == "INIT_COMPLETE":
            self._records.drop_resource(resource)
            return
        if not self._begun(resource, "DELETE_IN_PROGRESS"):
            resource.operation_id = self._operation.id
            resource.started = self._context.now()
            self._records.move_resource(self._stack, resource, "DELETE_IN_PROGRESS", "state changed")
        if resource.unclear:
            await self._clear_up(resource)
        retained = logical_id in self._operation.retained or resource.deletion_policy == "Retain"
        if resource.physical_id and not retained:
            await self._perform(resource, resource, "DELETE", self._registry.find(resource.type).delete)
        self._records.move_resource(self._stack, resource, "DELETE_COMPLETE", "state changed")

    def refuse(self, logical_id: str, error: ApiError) -> StepFailedError:
        """Fail a resource before anything was done to it."""
        resource = self._existing(logical_id)
        resource.operation_id = self._operation.id
        return self._failed(resource, "UPDATE", error)

    def _successor(self, resource: Resource) -> str:
        """The token of what a replacement makes: known before, so that a kill between is noticed."""
        return f"{self._operation.id}-{resource.logical_id}"

    async def _make(self, resource: Resource, action: str) -> None:
        made = await self._perform(resource, resource, action, self._registry.find(resource.type).create)
        resource.replacing = False
        self._complete(resource, made, action)

    async def _clear_up(self, resource: Resource) -> None:
        """Learn what a create that was cut off has made: repeated with its token it finds the same resource.

        A create that fails now has made nothing that can be found. What only waits makes nothing.
        """
        resource_type = self._registry.find(resource.type)
        if not resource_type.waits:
            try:
                made = await resource_type.create(self._step(resource))
                resource.physical_id, resource.attributes = made.physical_id, dict(made.attributes)
            except ApiError as error:
                _log.info("nothing was made for %s: %s", resource.logical_id, error)
        resource.unclear = False
        self._records.save_resource(resource)

    def _complete(self, resource: Resource, made: Made | None, action: str) -> None:
        if made is not None:
            resource.physical_id = made.physical_id
            resource.attributes = dict(made.attributes)
            resource.unclear = False
        self._records.move_resource(self._stack, resource, f"{action}_COMPLETE", "state changed")

    async def _perform(self, resource: Resource, wanted: Resource, action: str, call: Call) -> Made | None:
        try:
            await self._control.unless_aborted(self._faults(resource, action))
            work = call(self._step(wanted))
            if self._registry.find(resource.type).waits:
                return await self._control.unless_aborted(work)
            return await work
        except ApiError as error:
            resource.unclear = False
            raise self._failed(resource, action, error) from error
        except Exception as error:
            _log.exception("%s of %s (%s) failed", action, resource.logical_id, resource.type)
            unknown = ApiError(
                500, "InternalError", "The request processing has failed due to an unknown error."
            )
            raise self._failed(resource, action, unknown) from error

    async def _faults(self, resource: Resource, action: str) -> None:
        about = {
            "StackName": self._stack.name,
            "LogicalResourceId": resource.logical_id,
            "Operation": action,
        }
        faults = self._context.faults.take(FAULT_SERVICE, resource.type, about)
        if "latency" in faults:
            await asyncio.sleep(faults["latency"].seconds)
        if "hang" in faults:
            await asyncio.Event().wait()
        if "throttle" in faults:
            raise ApiError(400, "Throttling.User", "Request was denied due to user flow control.")
        if "error" in faults:
            fault = faults["error"]
            raise ApiError(fault.status, fault.code, fault.message)

    def _failed(self, resource: Resource, action: str, error: ApiError) -> StepFailedError:
        reason = f"ResponseException: resources.{resource.logical_id}: {error.message} Code: {error.code}"
        self._records.move_resource(self._stack, resource, f"{action}_FAILED", reason)
        info = {
            "Code": error.code,
            "Message": error.message,
            "LogicalResourceId": resource.logical_id,
            "ResourceType": resource.type,
        }
        return StepFailedError(Failure(f"Resource {action} failed: {reason}", info))

    def _step(self, resource: Resource) -> Step:
        return Step(
            stack_id=self._stack.id,
            stack_name=self._stack.name,
            logical_id=resource.logical_id,
            token=resource.token,
            properties=resource.properties,
            tags=self._stack.version.tags,
            started=resource.started,
            physical_id=resource.physical_id,
            attributes=resource.attributes,
        )

    def _begun(self, resource: Resource, status: str) -> bool:
        return resource.status == status and resource.operation_id == self._operation.id

    def _existing(self, logical_id: str) -> Resource:
        resource = self._records.resource(self._stack.id, logical_id)
        assert resource is not None  # noqa: S101 - callers choose among the stack's records
        return resource


def describe(resource: Resource, definition: ResourceDefinition, waits: list[str]) -> None:
    """Copy to the record what the definition says beside the properties."""
    resource.dependencies = waits
    resource.deletion_policy = definition.deletion_policy
    resource.description = definition.description
    resource.metadata = dict(definition.metadata)


def changed_properties(old: Mapping[str, Any], new: Mapping[str, Any]) -> frozenset[str]:
    """Names of the properties that differ."""
    return frozenset(name for name in {*old, *new} if old.get(name) != new.get(name))
