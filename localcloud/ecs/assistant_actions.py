"""Actions of Cloud Assistant."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from localcloud.core.context import Context
from localcloud.core.rpc_request import RpcRequest, invalid
from localcloud.core.rpc_service import action
from localcloud.ecs.instances import Instances
from localcloud.ecs.invocations import Invocations, message_of
from localcloud.ecs.launch import region_of
from localcloud.ecs.paging import page_of
from localcloud.machines.runtime import CommandResult, MachineRuntime, Outcome
from localcloud.network.records import Document

_UNFINISHED = ("Pending", "Running")


class AssistantActions:
    """RunCommand and what belongs to it."""

    context: Context
    instances: Instances
    invocations: Invocations
    runtime: MachineRuntime

    @action("RunCommand", idempotent=True)
    async def run_command(self, request: RpcRequest) -> dict[str, Any]:
        """Run a script on machines; the answer names the invocation."""
        region_of(request, self.context.config)
        if request.boolean("EnableParameter"):
            raise invalid("EnableParameter", "must be false: custom parameters are not offered here")
        return self.invocations.accept(request)

    @action("StopInvocation")
    async def stop_invocation(self, request: RpcRequest) -> dict[str, Any]:
        """End the commands of an invocation that still run."""
        region_of(request, self.context.config)
        await self.invocations.stop(request.string("InvokeId", required=True), request.strings("InstanceId"))
        return {}

    @action("DescribeInvocations")
    async def describe_invocations(self, request: RpcRequest) -> dict[str, Any]:
        """Invocations with the state of each machine, without output unless IncludeOutput."""
        region_of(request, self.context.config)
        wanted = request.string("InvokeId")
        records = [
            each for each in reversed(self.invocations.records.all()) if wanted in ("", each["InvokeId"])
        ]
        page = page_of(records, request, "InvokeId", most=50)
        described = [self._invocation(each, request.boolean("IncludeOutput")) for each in page.records]
        return {"Invocations": {"Invocation": described}, **page.fields}

    @action("DescribeInvocationResults")
    async def describe_invocation_results(self, request: RpcRequest) -> dict[str, Any]:
        """Results by invocation, machine or command, with the last 24 KB of output."""
        region_of(request, self.context.config)
        plain = request.string("ContentEncoding", "Base64", choices=("PlainText", "Base64")) == "PlainText"
        wanted = {name: request.string(name) for name in ("InvokeId", "InstanceId") if request.string(name)}
        tasks = self.invocations.current_tasks(wanted.get("InvokeId", ""))
        command, status = request.string("CommandId"), request.string("InvokeRecordStatus")
        found = [
            task
            for task in tasks
            if all(task[name] == value for name, value in wanted.items())
            and command in ("", self.invocations.records.get(task["InvokeId"])["CommandId"])
            and status in ("", _record_status(task))
        ]
        page = page_of(found, request, "TaskId", most=50)
        results = [self._result(task, plain=plain) for task in page.records]
        invocation = {"InvocationResults": {"InvocationResult": results}, **page.fields}
        return {"Invocation": invocation}

    @action("DescribeCloudAssistantStatus")
    async def describe_cloud_assistant_status(self, request: RpcRequest) -> dict[str, Any]:
        """Whether commands reach the machines; the state is a word, not a truth value."""
        region_of(request, self.context.config)
        ids = request.strings("InstanceId", maximum=100)
        instances = [each for each in self.instances.visible() if not ids or each["InstanceId"] in ids]
        page = page_of(instances, request, "InstanceId", most=50)
        described = [await self._status(instance) for instance in page.records]
        holder = {"InstanceCloudAssistantStatus": described}
        return {"InstanceCloudAssistantStatusSet": holder, **page.fields}

    async def _status(self, instance: Document) -> dict[str, Any]:
        ready = instance["Status"] == "Running" and await self.runtime.ready(instance["InstanceId"])
        now = self.context.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "InstanceId": instance["InstanceId"],
            "CloudAssistantStatus": "true" if ready else "false",
            "CloudAssistantVersion": "2.2.4.500" if ready else "",
            "LastHeartbeatTime": now if ready else "",
            "OSType": "Linux",
            "InvocationCount": sum(
                task["InstanceId"] == instance["InstanceId"] for task in self.invocations.tasks.all()
            ),
            "ActiveTaskCount": 0,
            "SupportSessionManager": False,
        }

    def _invocation(self, invocation: Document, with_output: bool) -> dict[str, Any]:
        tasks = self.invocations.current_tasks(invocation["InvokeId"])
        details = [self._result(task, plain=False) for task in tasks]
        if not with_output:
            details = [{**each, "Output": ""} for each in details]
        states = {task["Status"] for task in tasks}
        shown = ("InvokeId", "CommandId", "CommandName", "CommandType", "CommandContent", "Timeout")
        return {
            **{name: invocation[name] for name in (*shown, "WorkingDir", "CreationTime")},
            "InvokeStatus": _overall(states),
            "InvocationStatus": _overall(states),
            "RepeatMode": "Once",
            "Timed": False,
            "Username": "root",
            "InvokeInstances": {"InvokeInstance": details},
        }

    def _result(self, task: Document, *, plain: bool) -> dict[str, Any]:
        invocation = self.invocations.records.get(task["InvokeId"])
        pending = task["Status"] == "Pending" or (task["Status"] == "Failed" and "Kept" not in task)
        result = CommandResult(Outcome.LOST) if pending else self.invocations.result(task)
        output = result.output.decode(errors="replace") if plain else base64.b64encode(result.output).decode()
        return {
            "CommandId": invocation["CommandId"],
            "InvokeId": task["InvokeId"],
            "InstanceId": task["InstanceId"],
            "InvocationStatus": task["Status"],
            "InstanceInvokeStatus": task["Status"],
            "InvokeRecordStatus": _record_status(task),
            "Output": output,
            "Dropped": result.dropped,
            "ExitCode": result.exit_code,
            "ErrorCode": task["ErrorCode"],
            "ErrorInfo": message_of(task["ErrorCode"]),
            "CreationTime": task["CreationTime"],
            "StartTime": _time(result.started),
            "FinishedTime": task["FinishedTime"],
            "StopTime": task["FinishedTime"] if task["Status"] in ("Cancelled", "Terminated") else "",
            "Repeats": 0 if task["Status"] == "Pending" else 1,
            "Timed": False,
            "Username": "root",
        }


def _record_status(task: Document) -> str:
    if task["Status"] in _UNFINISHED:
        return "Running"
    if task["Status"] in ("Cancelled", "Terminated"):
        return "Stopped"
    return "Finished" if task["Status"] == "Success" else "Failed"


def _overall(states: set[str]) -> str:
    if states & set(_UNFINISHED):
        return "Running" if "Running" in states else "Pending"
    if len(states) == 1:
        return next(iter(states))
    return "PartialFailed" if "Success" in states else "Failed"


def _time(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
