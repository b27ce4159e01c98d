"""Bring a stack's resources to what a blueprint says: create, update, replace, then remove what is left."""

from __future__ import annotations

from typing import Any

from localcloud.core.errors import ApiError
from localcloud.ros.blueprint import Blueprint
from localcloud.ros.engine.control import Control
from localcloud.ros.engine.failure import Failure
from localcloud.ros.engine.removal import remove
from localcloud.ros.engine.scheduling import run_graph
from localcloud.ros.engine.worker import Worker, changed_properties, describe
from localcloud.ros.errors import not_supported
from localcloud.ros.records import Operation, Records, Resource, Stack
from localcloud.ros.template.values import UNKNOWN
from localcloud.ros.types.registry import Registry


class LiveResources:
    """References to a stack's resources as they stand."""

    def __init__(self, records: Records, stack_id: str) -> None:
        self._records = records
        self._stack_id = stack_id

    def reference(self, logical_id: str) -> Any:
        """The physical id, UNKNOWN while there is none."""
        resource = self._records.resource(self._stack_id, logical_id)
        return resource.physical_id if resource and _usable(resource) else UNKNOWN

    def attribute(self, logical_id: str, name: str) -> Any:
        """The attribute, UNKNOWN while there is none."""
        resource = self._records.resource(self._stack_id, logical_id)
        return resource.attributes.get(name, UNKNOWN) if resource and _usable(resource) else UNKNOWN


class Convergence:
    """One run towards a blueprint; may be repeated after a kill."""

    def __init__(
        self, records: Records, registry: Registry, worker: Worker, stack: Stack, operation: Operation
    ) -> None:
        self._records = records
        self._registry = registry
        self._worker = worker
        self._stack = stack
        self._operation = operation

    async def run(self, blueprint: Blueprint, control: Control) -> Failure | None:
        """None when everything stands as the blueprint says."""
        live = LiveResources(self._records, self._stack.id)

        async def settle(logical_id: str) -> None:
            await self._settle(blueprint, logical_id, live)

        failure = await run_graph(blueprint.graph, settle, control, self._stack.parallelism)
        if failure is not None:
            return failure
        left = set(self._records.resources(self._stack.id)) - set(blueprint.active)
        failure = await remove(self._records, self._worker, self._stack, left, control)
        if failure is None:
            for logical_id in left:
                resource = self._records.resource(self._stack.id, logical_id)
                if resource is not None:
                    self._records.drop_resource(resource)
        return failure

    async def _settle(self, blueprint: Blueprint, logical_id: str, live: LiveResources) -> None:
        definition = blueprint.active[logical_id]
        properties = blueprint.properties(logical_id, live)
        waits = sorted(blueprint.graph[logical_id])
        resource = self._records.resource(self._stack.id, logical_id)
        if resource is None or self._never_made(resource):
            await self._worker.create(definition, properties, waits)
            return
        if self._is_done(resource):
            return
        changed = changed_properties(resource.properties, properties)
        if self._must_replace(resource, definition.type):
            await self._worker.replace(definition, properties, waits)
        elif not changed and resource.status.endswith("_COMPLETE"):
            describe(resource, definition, waits)
            self._records.save_resource(resource)
        elif fixed := self._fixed(resource.type, changed):
            if not self._operation.replacement:
                raise self._worker.refuse(logical_id, _not_updatable(fixed, definition.type))
            await self._worker.replace(definition, properties, waits)
        else:
            await self._worker.update(definition, properties, waits)

    def _never_made(self, resource: Resource) -> bool:
        """Whether a create is due, begun or failed; a replacement between old and new is neither."""
        return not resource.exists or not (resource.physical_id or resource.replacing)

    def _is_done(self, resource: Resource) -> bool:
        return resource.operation_id == self._operation.id and resource.status.endswith("_COMPLETE")

    def _must_replace(self, resource: Resource, wanted_type: str) -> bool:
        half_removed = resource.status == "DELETE_FAILED"
        tainted = resource.logical_id in self._operation.tainted
        return resource.replacing or half_removed or tainted or resource.type != wanted_type

    def _fixed(self, type_name: str, changed: frozenset[str]) -> list[str]:
        schema = self._registry.find(type_name).properties
        return sorted(name for name in changed if not schema[name].updatable)


def _not_updatable(names: list[str], type_name: str) -> ApiError:
    listed = ", ".join(names)
    return not_supported(f"Updating property {listed} of {type_name} is not supported without replacement.")


def _usable(resource: Resource) -> bool:
    return bool(resource.physical_id) and resource.status != "DELETE_COMPLETE"
