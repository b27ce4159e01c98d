"""What creating or updating a stack would do, without doing it."""

from __future__ import annotations

from typing import Any

from localcloud.ros.blueprint import Blueprint
from localcloud.ros.engine.convergence import LiveResources
from localcloud.ros.engine.worker import changed_properties
from localcloud.ros.records import Records, Resource
from localcloud.ros.template.dependencies import reverse
from localcloud.ros.template.functions import Resources, UnknownResources
from localcloud.ros.template.values import UNKNOWN
from localcloud.ros.types.registry import Registry


def previewed_resources(
    blueprint: Blueprint, records: Records, registry: Registry, stack_id: str
) -> list[dict[str, Any]]:
    """One entry a resource, with its action Add, Modify, Remove or None.

    An empty `stack_id` means a new stack.
    Properties that depend on resources that do not exist yet are null.
    """
    standing = records.resources(stack_id) if stack_id else {}
    live: Resources = LiveResources(records, stack_id) if stack_id else UnknownResources()
    required_by = reverse(blueprint.graph)
    entries = []
    for name, definition in blueprint.active.items():
        properties = blueprint.properties(name, live)
        entries.append(
            {
                "LogicalResourceId": name,
                "ResourceType": definition.type,
                "Description": definition.description,
                "Properties": _shown(properties),
                "RequiredBy": sorted(required_by[name]),
                **_change(standing.get(name), definition.type, properties, registry),
            }
        )
    for name, resource in standing.items():
        if name not in blueprint.active:
            entries.append(
                {
                    "LogicalResourceId": name,
                    "ResourceType": resource.type,
                    "PhysicalResourceId": resource.physical_id,
                    "Action": "Remove",
                    "RequiredBy": [],
                }
            )
    return entries


def _change(
    resource: Resource | None, type_name: str, properties: dict[str, Any], registry: Registry
) -> dict[str, Any]:
    if resource is None or not resource.exists:
        return {"Action": "Add"}
    changed = changed_properties(resource.properties, properties)
    if not changed and resource.type == type_name:
        return {"Action": "None", "PhysicalResourceId": resource.physical_id}
    schema = registry.find(type_name).properties
    in_place = resource.type == type_name and all(schema[name].updatable for name in changed)
    return {
        "Action": "Modify",
        "PhysicalResourceId": resource.physical_id,
        "Replacement": "False" if in_place else "True",
    }


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shown(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return None if value is UNKNOWN else value
