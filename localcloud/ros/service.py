"""The actions of ROS, version 2019-09-10."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, cast

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest, invalid
from localcloud.core.rpc_service import RpcService, action
from localcloud.network.backend import Network
from localcloud.ram.backend import Ram
from localcloud.ros import views
from localcloud.ros.engine.convergence import LiveResources
from localcloud.ros.engine.engine import Engine
from localcloud.ros.errors import (
    action_in_progress,
    not_supported,
    resource_not_available,
    resource_not_found,
    stack_exists,
    stack_not_found,
)
from localcloud.ros.preview import previewed_resources
from localcloud.ros.records import Records, Resource, Stack, Version
from localcloud.ros.requests import (
    check_common,
    minutes_of,
    page_of,
    parameters_of,
    region_of,
    tags_of,
    template_body,
)
from localcloud.ros.signals import Signals
from localcloud.ros.stack_blueprints import StackBlueprints
from localcloud.ros.template.template import parse_template
from localcloud.ros.types.base import Services
from localcloud.ros.types.registry import Registry

# CreateStack: at most 255 characters, begins with a letter.
_NAME = r"[A-Za-z][A-Za-z0-9_-]{0,254}"
_DEFAULT_MINUTES = 60
_UPDATABLE = frozenset(
    [
        "CREATE_COMPLETE",
        "CREATE_FAILED",
        "UPDATE_COMPLETE",
        "UPDATE_FAILED",
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
    ]
)
_HANDLE, _CONDITION = "ALIYUN::ROS::WaitConditionHandle", "ALIYUN::ROS::WaitCondition"


class RosService(RpcService):
    """Stacks. Every action raises ApiError with the codes of the API reference."""

    name = "ros"
    version = "2019-09-10"

    def __init__(self, context: Context, network: Network, ram: Ram) -> None:
        super().__init__(context)
        self._signals = Signals(context.store)
        self._registry = Registry(Services(context, network, ram), self._signals)
        self._records = Records(context)
        self._blueprints = StackBlueprints(context.config, self._registry)
        self._engine = Engine(context, self._records, self._registry, self._blueprints)

    async def start(self) -> None:
        """Take up the operations that were running when the cloud ended."""
        self._engine.resume_all()

    @action("ValidateTemplate")
    async def validate_template(self, request: RpcRequest) -> dict[str, Any]:
        """Check a template and describe it."""
        region = region_of(request, self.context.config)
        check_common(request)
        blueprint = self._blueprints.unbound(template_body(request), region, request.account_id)
        blueprint.check()
        return views.template_summary(blueprint.template)

    @action("PreviewStack")
    async def preview_stack(self, request: RpcRequest) -> dict[str, Any]:
        """Tell what CreateStack, or UpdateStack of `StackId`, would do."""
        check_common(request)
        if request.string("StackId"):
            stack = self._stack(request)
            stack.version = self._next_version(request, stack)
            stack_id = stack.id
        else:
            stack, stack_id = self._new_stack(request), ""
        blueprint = self._blueprints.of(stack, stack.version)
        blueprint.check()
        resources = previewed_resources(blueprint, self._records, self._registry, stack_id)
        return {
            "Stack": {
                "StackName": stack.name,
                "RegionId": stack.region,
                "DisableRollback": stack.disable_rollback,
                "TimeoutInMinutes": stack.timeout_minutes,
                "Description": blueprint.template.description,
                "TemplateDescription": blueprint.template.description,
                "Parameters": views.shown_parameters(blueprint),
                "Resources": resources,
            }
        }

    @action("CreateStack", idempotent=True)
    async def create_stack(self, request: RpcRequest) -> dict[str, Any]:
        """Begin to create a stack."""
        check_common(request)
        stack = self._new_stack(request)
        self._blueprints.of(stack, stack.version).check()
        answer = {"StackId": stack.id}
        operation = self._engine.operation("CREATE", stack.timeout_minutes)
        with self._records.transaction():
            self._engine.begin(stack, operation)
            self.context.idempotency.remember(request, answer)
        return answer

    @action("UpdateStack", idempotent=True)
    async def update_stack(self, request: RpcRequest) -> dict[str, Any]:
        """Begin to update a stack."""
        check_common(request)
        stack = self._idle_stack(request)
        if stack.status not in _UPDATABLE:
            raise not_supported(f"A stack in status {stack.status} cannot be updated.")
        version = self._next_version(request, stack)
        blueprint = self._blueprints.of(stack, version)
        blueprint.check()
        tainted = self._tainted(request, blueprint.active)
        answer = {"StackId": stack.id}
        if request.boolean("DryRun"):
            return {**answer, "DryRunResult": {}}
        if not tainted and stack.status.endswith("_COMPLETE") and self._same(stack, version):
            raise not_supported("Update the completely same stack is not supported.")
        operation = self._engine.operation(
            "UPDATE", minutes_of(request, _DEFAULT_MINUTES), previous=stack.version
        )
        operation.tainted = tainted
        replacement = request.string("ReplacementOption", "Disabled", choices=("Enabled", "Disabled"))
        operation.replacement = replacement == "Enabled"
        stack.version = version
        stack.updated = self.context.now()
        stack.parallelism = request.integer("Parallelism", stack.parallelism, minimum=0)
        with self._records.transaction():
            self._engine.begin(stack, operation)
            self.context.idempotency.remember(request, answer)
        return answer

    @action("DeleteStack")
    async def delete_stack(self, request: RpcRequest) -> dict[str, Any]:
        """Begin to delete a stack."""
        stack = self._idle_stack(request)
        if not stack.alive:
            raise stack_not_found(stack.id)
        if stack.deletion_protection:
            # Which code the real ROS answers is not documented.
            raise ApiError(
                400,
                "InvalidOperation.DeletionProtection",
                f"The deletion protection of stack {stack.name} is enabled; disable it first.",
            )
        operation = self._engine.operation("DELETE", stack.timeout_minutes)
        names = set(self._records.resources(stack.id))
        operation.retained = request.strings("RetainResources")
        if unknown := sorted(set(operation.retained) - names):
            raise resource_not_found(unknown[0], stack.name)
        if request.boolean("RetainAllResources"):
            operation.retained = sorted(names)
        stack.parallelism = request.integer("Parallelism", stack.parallelism, minimum=0)
        self._engine.begin(stack, operation)
        return {}

    @action("CancelStackOperation")
    async def cancel_stack_operation(self, request: RpcRequest) -> dict[str, Any]:
        """Stop what the stack is busy with; it then counts as failed."""
        stack = self._stack(request)
        kind = request.string("CancelType", "Safe", choices=("Safe", "Quick"))
        if stack.operation is None:
            raise not_supported(f"Stack {stack.name} has no operation in progress.")
        allowed = request.strings("AllowedStackOperations")
        if allowed and stack.operation.action not in allowed:
            raise action_in_progress(stack.name, stack.operation.action)
        self._engine.cancel(stack, cast(Literal["Safe", "Quick"], kind))
        return {}

    @action("GetStack")
    async def get_stack(self, request: RpcRequest) -> dict[str, Any]:
        """One stack with its outputs; deleted ones too."""
        stack = self._stack(request)
        option = request.string("OutputOption", "Enabled", choices=("Enabled", "Disabled"))
        show = request.string(
            "ShowResourceProgress",
            "Disabled",
            choices=("Disabled", "EnabledIfCreateStack", "PercentageOnly"),
        )
        blueprint = self._blueprints.of(stack, stack.version)
        live = LiveResources(self._records, stack.id)
        details = views.stack_details(
            stack, blueprint, blueprint.outputs(live) if option == "Enabled" else None
        )
        resources = self._records.resources(stack.id)
        if counted := views.progress(show, stack, resources, len(blueprint.active)):
            details["ResourceProgress"] = counted
        return details

    @action("ListStacks")
    async def list_stacks(self, request: RpcRequest) -> dict[str, Any]:
        """Stacks of the region, newest first; deleted ones only when asked for by status or id."""
        region = region_of(request, self.context.config)
        stacks = [
            stack
            for stack in reversed(self._records.stacks())
            if stack.region == region and stack.account_id == request.account_id
        ]
        wanted = [stack for stack in stacks if _matches(stack, request)]
        shown, paging = page_of(request, wanted)
        return {**paging, "Stacks": [views.stack_summary(each) for each in shown]}

    @action("ListStackEvents")
    async def list_stack_events(self, request: RpcRequest) -> dict[str, Any]:
        """Events of a stack, newest first."""
        stack = self._stack(request)
        statuses, types = request.strings("Status"), request.strings("ResourceType")
        logical_ids = request.strings("LogicalResourceId")
        events = [
            event
            for event in self._records.events(stack.id)
            if event.status in (statuses or [event.status])
            and event.resource_type in (types or [event.resource_type])
            and event.logical_id in (logical_ids or [event.logical_id])
        ]
        shown, paging = page_of(request, events)
        return {**paging, "Events": [views.event_entry(each) for each in shown]}

    @action("ListStackResources")
    async def list_stack_resources(self, request: RpcRequest) -> dict[str, Any]:
        """All resources of a stack, also those that wait for their creation."""
        stack = self._stack(request)
        resources = self._with_pending(stack)
        return {"Resources": [views.resource_entry(stack, each) for each in resources]}

    @action("GetStackResource")
    async def get_stack_resource(self, request: RpcRequest) -> dict[str, Any]:
        """One resource of a stack, with its attributes when asked for."""
        stack = self._stack(request)
        resource = self._resource(request, stack)
        entry = views.resource_entry(stack, resource)
        entry["Description"] = resource.description
        entry["Metadata"] = resource.metadata
        asked = request.strings("ResourceAttributes")
        if request.boolean("ShowResourceAttributes") or asked:
            entry["ResourceAttributes"] = [
                {"ResourceAttributeKey": key, "ResourceAttributeValue": value}
                for key, value in resource.attributes.items()
                if key in (asked or [key])
            ]
        return entry

    @action("GetTemplate")
    async def get_template(self, request: RpcRequest) -> dict[str, Any]:
        """The template of a stack, as it was sent."""
        for name in ("TemplateId", "ChangeSetId", "StackGroupName"):
            if request.string(name):
                raise not_supported(f"{name} is not emulated by the local cloud.")
        stack = self._stack(request)
        return {
            "StackId": stack.id,
            "RegionId": stack.region,
            "TemplateBody": stack.version.template_body,
            "Description": parse_template(stack.version.template_body).description,
        }

    @action("SetDeletionProtection")
    async def set_deletion_protection(self, request: RpcRequest) -> dict[str, Any]:
        """Allow or forbid deletion of a stack."""
        stack = self._stack(request)
        wanted = request.string("DeletionProtection", required=True, choices=("Enabled", "Disabled"))
        if stack.status.startswith("DELETE_"):
            raise ApiError(
                400,
                "InvalidOperation.SetDeletionProtection",
                f"Fail to set deletion protection for Stack {stack.id}, it is in status {stack.status}.",
            )
        stack.deletion_protection = wanted == "Enabled"
        self._records.save_stack(stack)
        return {}

    @action("SignalResource")
    async def signal_resource(self, request: RpcRequest) -> dict[str, Any]:
        """Signal a wait condition, by its own name or its handle's."""
        stack = self._stack(request)
        status = request.string("Status", required=True, choices=("SUCCESS", "FAILURE", "WARNING"))
        unique_id = request.string("UniqueId", required=True, max_length=64)
        resource = self._resource(request, stack)
        handle = resource.physical_id
        if resource.type == _CONDITION:
            handle = str(resource.properties.get("Handle", ""))
        if resource.type not in (_HANDLE, _CONDITION) or not handle or not resource.exists:
            raise resource_not_available(resource.logical_id)
        self._signals.add(handle, unique_id, status)
        return {}

    def _new_stack(self, request: RpcRequest) -> Stack:
        region = region_of(request, self.context.config)
        name = request.string("StackName", required=True, pattern=_NAME)
        option = request.string("DeletionProtection", "Disabled", choices=("Enabled", "Disabled"))
        alive = [
            each for each in self._records.stacks() if each.alive and each.account_id == request.account_id
        ]
        if any(each.name == name and each.region == region for each in alive):
            raise stack_exists(name)
        if len(alive) >= self.context.config.limits.stacks:
            raise ApiError(403, "StackQuotaExceeded", "The number of stacks has reached its quota.")
        return Stack(
            name=name,
            region=region,
            account_id=request.account_id,
            version=Version(
                template_body=template_body(request),
                parameters=parameters_of(request),
                tags=tags_of(request),
            ),
            created=self.context.now(),
            disable_rollback=request.boolean("DisableRollback"),
            deletion_protection=option == "Enabled",
            timeout_minutes=minutes_of(request, _DEFAULT_MINUTES),
            parallelism=request.integer("Parallelism", 0, minimum=0),
            ram_role_name=request.string("RamRoleName", max_length=64),
            resource_group_id=request.string("ResourceGroupId"),
        )

    def _next_version(self, request: RpcRequest, stack: Stack) -> Version:
        body = template_body(request)
        parameters = parameters_of(request)
        if request.boolean("UsePreviousParameters"):
            declared = parse_template(body).parameters
            previous = {key: value for key, value in stack.version.parameters.items() if key in declared}
            parameters = {**previous, **parameters}
        tags = tags_of(request) or stack.version.tags
        return Version(template_body=body, parameters=parameters, tags=tags)

    def _same(self, stack: Stack, version: Version) -> bool:
        old = self._blueprints.of(stack, stack.version)
        new = self._blueprints.of(stack, version)
        return (
            old.template.body == new.template.body
            and old.parameters == new.parameters
            and stack.version.tags == version.tags
        )

    def _tainted(self, request: RpcRequest, known: Iterable[str]) -> list[str]:
        tainted = request.strings("TaintResources")
        if unknown := sorted(set(tainted) - set(known)):
            raise invalid("TaintResources", f"names {unknown[0]}, which the template does not have")
        return tainted

    def _stack(self, request: RpcRequest) -> Stack:
        region = region_of(request, self.context.config)
        stack_id = request.string("StackId", required=True)
        stack = self._records.stack(stack_id)
        if stack is None or stack.region != region or stack.account_id != request.account_id:
            raise stack_not_found(stack_id)
        return stack

    def _idle_stack(self, request: RpcRequest) -> Stack:
        stack = self._stack(request)
        if stack.operation is not None:
            raise action_in_progress(stack.name, stack.operation.action)
        return stack

    def _resource(self, request: RpcRequest, stack: Stack) -> Resource:
        logical_id = request.string("LogicalResourceId", required=True)
        resource = next((each for each in self._with_pending(stack) if each.logical_id == logical_id), None)
        if resource is None:
            raise resource_not_found(logical_id, stack.name)
        return resource

    def _with_pending(self, stack: Stack) -> list[Resource]:
        """The stack's resources in the template's order, those not begun yet as INIT_COMPLETE."""
        found = self._records.resources(stack.id)
        busy = stack.operation is not None and stack.operation.action in ("CREATE", "UPDATE")
        listed = []
        for name, definition in self._blueprints.of(stack, stack.version).active.items():
            if name in found:
                listed.append(found.pop(name))
            elif busy:
                listed.append(
                    Resource(
                        stack_id=stack.id,
                        logical_id=name,
                        type=definition.type,
                        created=stack.created,
                        started=stack.created,
                        updated=stack.created,
                    )
                )
        return [*listed, *found.values()]


def _matches(stack: Stack, request: RpcRequest) -> bool:
    statuses = request.strings("Status")
    ids = [*request.strings("StackIds"), *filter(None, [request.string("StackId")])]
    names = request.strings("StackName")
    created = views.shown_time(stack.created)
    after, before = request.string("StartTime").rstrip("Z"), request.string("EndTime").rstrip("Z")
    tags = request.records("Tag", ("Key", "Value"))
    return (
        (stack.status in statuses if statuses else stack.alive or bool(ids))
        and (not ids or stack.id in ids)
        and (not names or stack.name in names)
        and (not after or after <= created)
        and (not before or created <= before)
        and all(_has_tag(stack, tag) for tag in tags)
    )


def _has_tag(stack: Stack, wanted: dict[str, str]) -> bool:
    return any(
        tag["Key"] == wanted.get("Key") and tag["Value"] == wanted.get("Value", tag["Value"])
        for tag in stack.version.tags
    )
