"""Stacks of the Resource Orchestration Service: a typed face of its SDK."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from wdrip.clients.alibaba import call, sdk_config
from wdrip.clients.errors import NotFoundError
from wdrip.models.provider_config import Provider

TIMEOUT_MINUTES = 60
"""How long ROS tries before it gives up on an operation; its own default."""

_EVENTS_PER_PAGE = 50


@dataclass(frozen=True)
class Stack:
    """A stack as GetStack tells it."""

    stack_id: str
    name: str
    status: str
    """E.g. `CREATE_IN_PROGRESS`."""
    reason: str
    outputs: Mapping[str, Any]
    """Output key to value (any JSON)."""
    tags: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def in_progress(self) -> bool:
        """Whether an operation is under way."""
        return self.status.endswith("_IN_PROGRESS")

    @property
    def created(self) -> bool:
        """Whether it stands as asked; a create that was rolled back is complete, but not this."""
        return self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "CHECK_COMPLETE")

    @property
    def deleted(self) -> bool:
        """Whether nothing of it is left."""
        return self.status == "DELETE_COMPLETE"


@dataclass(frozen=True)
class StackResource:
    """One resource of a stack, as it stands."""

    name: str
    """Logical id in the template."""
    type: str
    """E.g. `ALIYUN::ECS::VPC`."""
    physical_id: str
    status: str
    reason: str
    created: datetime | None
    updated: datetime | None


@dataclass(frozen=True)
class StackEvent:
    """One thing that happened to a stack or a resource of it."""

    event_id: str
    name: str
    type: str
    physical_id: str
    status: str
    reason: str
    time: datetime | None


class RosClient:
    """Stacks in a provider's region. Every call raises wdrip's errors."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._region = provider.region

    def create_stack(
        self,
        name: str,
        template: Mapping[str, Any],
        parameters: Mapping[str, str],
        client_token: str,
        tags: Mapping[str, str],
    ) -> str:
        """Begin the creation of a stack; its id. The same `client_token` gives the same stack.

        A stack that fails is kept as it is, for its reasons; wdrip deletes it itself. Raises
        AlreadyExistsError when a stack has that name.
        """
        request = self._models.CreateStackRequest(
            region_id=self._region,
            stack_name=name,
            template_body=json.dumps(template),
            parameters=self._parameters(self._models.CreateStackRequestParameters, parameters),
            client_token=client_token,
            disable_rollback=True,
            timeout_in_minutes=TIMEOUT_MINUTES,
            tags=[self._models.CreateStackRequestTags(key=key, value=value) for key, value in tags.items()],
        )
        return str(call(self._ros.create_stack, request, f"create stack {name}").stack_id)

    def update_parameters(
        self, stack_id: str, template: Mapping[str, Any], parameters: Mapping[str, str], client_token: str
    ) -> None:
        """Begin an update that changes only `parameters`; those not named keep their values.

        Raises NothingToChangeError when the stack has these values already, TemporaryError while another
        operation is under way.
        """
        request = self._models.UpdateStackRequest(
            region_id=self._region,
            stack_id=stack_id,
            template_body=json.dumps(template),
            parameters=self._parameters(self._models.UpdateStackRequestParameters, parameters),
            use_previous_parameters=True,
            client_token=client_token,
            timeout_in_minutes=TIMEOUT_MINUTES,
        )
        call(self._ros.update_stack, request, f"update stack {stack_id}")

    def stack(self, stack_id: str) -> Stack | None:
        """The stack with this id, also after its deletion; None when ROS knows of none."""
        request = self._models.GetStackRequest(region_id=self._region, stack_id=stack_id)
        try:
            body = call(self._ros.get_stack, request, f"read stack {stack_id}")
        except NotFoundError:
            return None
        outputs = {entry["OutputKey"]: entry.get("OutputValue") for entry in body.outputs or []}
        return Stack(
            stack_id=body.stack_id,
            name=body.stack_name,
            status=body.status,
            reason=body.status_reason or "",
            outputs=outputs,
            tags={tag.key: tag.value for tag in body.tags or []},
            parameters={each.parameter_key: each.parameter_value or "" for each in body.parameters or []},
        )

    def find_stack(self, name: str) -> str | None:
        """The id of the stack of that name that is not deleted; None when there is none."""
        request = self._models.ListStacksRequest(
            region_id=self._region, stack_name=[name], page_size=_EVENTS_PER_PAGE
        )
        body = call(self._ros.list_stacks, request, f"look for stack {name}")
        standing = (entry for entry in body.stacks or [] if entry.status != "DELETE_COMPLETE")
        return next((str(entry.stack_id) for entry in standing if entry.stack_name == name), None)

    def resources(self, stack_id: str) -> list[StackResource]:
        """All resources of a stack; none when ROS knows of no such stack."""
        request = self._models.ListStackResourcesRequest(region_id=self._region, stack_id=stack_id)
        try:
            body = call(self._ros.list_stack_resources, request, f"list the resources of stack {stack_id}")
        except NotFoundError:
            return []
        return [
            StackResource(
                name=entry.logical_resource_id,
                type=entry.resource_type,
                physical_id=entry.physical_resource_id or "",
                status=entry.status,
                reason=entry.status_reason or "",
                created=_time(entry.create_time),
                updated=_time(entry.update_time),
            )
            for entry in body.resources or []
        ]

    def events(self, stack_id: str) -> list[StackEvent]:
        """Everything that happened to a stack, newest first as ROS gives it."""
        events: list[StackEvent] = []
        for page in range(1, 1000):
            request = self._models.ListStackEventsRequest(
                region_id=self._region, stack_id=stack_id, page_number=page, page_size=_EVENTS_PER_PAGE
            )
            body = call(self._ros.list_stack_events, request, f"list the events of stack {stack_id}")
            found = body.events or []
            events.extend(_event(entry) for entry in found)
            if len(found) < _EVENTS_PER_PAGE:
                break
        return events

    def failures(self, stack_id: str) -> list[str]:
        """Why a stack failed: `<logical id> (<type>): <reason>` of each failed resource, oldest first."""
        failed = [event for event in self.events(stack_id) if event.status.endswith("_FAILED")]
        resources = [event for event in failed if event.type != "ALIYUN::ROS::Stack"]
        return [f"{event.name} ({event.type}): {event.reason}" for event in reversed(resources or failed)]

    def delete_stack(self, stack_id: str) -> None:
        """Begin the deletion of a stack and all its resources; one that is gone counts as deleted."""
        request = self._models.DeleteStackRequest(region_id=self._region, stack_id=stack_id)
        try:
            call(self._ros.delete_stack, request, f"delete stack {stack_id}")
        except NotFoundError:
            return

    def validate_template(self, template: Mapping[str, Any]) -> None:
        """Let ROS check a template. Raises PermanentError with its verdict when it is not valid."""
        request = self._models.ValidateTemplateRequest(
            region_id=self._region, template_body=json.dumps(template)
        )
        call(self._ros.validate_template, request, "validate the template")

    @cached_property
    def _ros(self) -> Any:
        from alibabacloud_ros20190910.client import Client

        return Client(sdk_config(self._provider, self._provider.endpoints.ros))

    @cached_property
    def _models(self) -> Any:
        from alibabacloud_ros20190910 import models

        return models

    @staticmethod
    def _parameters(model: Any, parameters: Mapping[str, str]) -> list[Any]:
        return [model(parameter_key=key, parameter_value=value) for key, value in parameters.items()]


def _event(entry: Any) -> StackEvent:
    return StackEvent(
        event_id=entry.event_id,
        name=entry.logical_resource_id,
        type=entry.resource_type,
        physical_id=entry.physical_resource_id or "",
        status=entry.status,
        reason=entry.status_reason or "",
        time=_time(entry.create_time),
    )


def _time(text: str | None) -> datetime | None:
    """ROS writes `2021-10-02T15:31:42`, in UTC without saying so."""
    return datetime.fromisoformat(text.rstrip("Z")).replace(tzinfo=UTC) if text else None
