"""Records as the API answers them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from localcloud.ros.blueprint import Blueprint
from localcloud.ros.records import Event, Resource, Stack
from localcloud.ros.template.parameters import shown
from localcloud.ros.template.template import Template

# The statuses in which ShowResourceProgress=EnabledIfCreateStack counts resources, by their beginning.
_CREATING = "CREATE_"
_MASKED_KEYS = ("AllowedValues", "Default")


def shown_time(moment: datetime) -> str:
    """`YYYY-MM-DDThh:mm:ss`, UTC without a trailing Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def stack_summary(stack: Stack) -> dict[str, Any]:
    """A stack as ListStacks shows it, and the common part of GetStack."""
    summary: dict[str, Any] = {
        "StackId": stack.id,
        "StackName": stack.name,
        "RegionId": stack.region,
        "Status": stack.status,
        "StatusReason": stack.status_reason,
        "CreateTime": shown_time(stack.created),
        "DisableRollback": stack.disable_rollback,
        "DeletionProtection": "Enabled" if stack.deletion_protection else "Disabled",
        "TimeoutInMinutes": stack.timeout_minutes,
        "StackType": "ROS",
        "StackDriftStatus": "NOT_CHECKED",
        "ServiceManaged": False,
        "ResourceGroupId": stack.resource_group_id,
        "Tags": stack.version.tags,
    }
    if stack.updated is not None:
        summary["UpdateTime"] = shown_time(stack.updated)
    if stack.operation_info:
        summary["OperationInfo"] = stack.operation_info
    return summary


def stack_details(stack: Stack, blueprint: Blueprint, outputs: list[dict[str, Any]] | None) -> dict[str, Any]:
    """A stack as GetStack shows it; `outputs` None leaves them out."""
    details = stack_summary(stack)
    details["TemplateDescription"] = blueprint.template.description
    details["Description"] = blueprint.template.description
    details["Parameters"] = shown_parameters(blueprint)
    details["RamRoleName"] = stack.ram_role_name
    details["NotificationURLs"] = []
    if outputs is not None:
        details["Outputs"] = outputs
    if stack.rollback_failed_root_reason:
        details["RollbackFailedRootReason"] = stack.rollback_failed_root_reason
    return details


def shown_parameters(blueprint: Blueprint) -> list[dict[str, str]]:
    """Declared and pseudo parameters, secrets masked."""
    values = {name: str(value) for name, value in blueprint.place.pseudo_parameters().items()}
    for name, parameter in blueprint.template.parameters.items():
        values[name] = shown(parameter, blueprint.parameters[name])
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


def progress(option: str, stack: Stack, resources: Mapping[str, Resource], total: int) -> dict[str, Any]:
    """The ResourceProgress that the option asks for, or an empty mapping.

    `total` is how many resources the stack's template makes.
    """
    settled = [each for each in resources.values() if each.status.endswith("_COMPLETE") and each.exists]
    if option == "PercentageOnly":
        done = len(settled) * 100 // total if total else 100
        if stack.status.startswith(("DELETE", "CREATE_ROLLBACK")):
            left = [each for each in resources.values() if each.exists]
            done = 100 - (len(left) * 100 // total if total else 0)
        percent = 100 if stack.status.endswith("_COMPLETE") else done
        return {"StackOperationProgress": percent, "StackActionProgress": percent}
    if option != "EnabledIfCreateStack" or not stack.status.startswith(_CREATING):
        return {}
    working = [each for each in resources.values() if each.status.endswith("_IN_PROGRESS")]
    failed = [each for each in resources.values() if each.status.endswith("_FAILED")]
    return {
        "TotalResourceCount": total,
        "SuccessResourceCount": len(settled),
        "FailedResourceCount": len(failed),
        "InProgressResourceCount": len(working),
        "PendingResourceCount": max(total - len(settled) - len(failed) - len(working), 0),
        "InProgressResourceDetails": [
            {"ResourceName": each.logical_id, "ResourceType": each.type} for each in working
        ],
    }


def event_entry(event: Event) -> dict[str, Any]:
    """An event as ListStackEvents shows it."""
    return {
        "EventId": event.id,
        "StackId": event.stack_id,
        "StackName": event.stack_name,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.resource_type,
        "Status": event.status,
        "StatusReason": event.status_reason,
        "CreateTime": shown_time(event.created),
    }


def resource_entry(stack: Stack, resource: Resource) -> dict[str, Any]:
    """A resource as ListStackResources shows it, and the common part of GetStackResource."""
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.type,
        "Status": resource.status,
        "StatusReason": resource.status_reason,
        "CreateTime": shown_time(resource.created),
        "UpdateTime": shown_time(resource.updated),
        "ResourceDriftStatus": "NOT_CHECKED",
    }


def template_summary(template: Template) -> dict[str, Any]:
    """A template as ValidateTemplate shows it."""
    parameters = []
    for parameter in template.parameters.values():
        hidden = _MASKED_KEYS if parameter.no_echo else ()
        kept = {key: value for key, value in parameter.constraints.items() if key not in hidden}
        no_echo = "true" if parameter.no_echo else "false"
        parameters.append({**kept, "ParameterKey": parameter.name, "NoEcho": no_echo})
    resources = template.resources.values()
    outputs: list[dict[str, Any]] = [
        {"OutputKey": each.key, "Description": each.description, "Label": each.label}
        for each in template.outputs.values()
    ]
    return {
        "Description": template.description,
        "Parameters": parameters,
        "Outputs": [{key: value for key, value in each.items() if value is not None} for each in outputs],
        "ResourceTypes": {"Resources": sorted({each.type for each in resources}), "DataSources": []},
        "Resources": [
            {
                "LogicalResourceIdPattern": each.logical_id,
                "ResourcePath": each.logical_id,
                "ResourceType": each.type,
            }
            for each in resources
        ],
    }
