"""Cloud Assistant's commands: one invocation per RunCommand, one result per machine."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import secrets
import time
from datetime import UTC, datetime
from typing import Any

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest, invalid, missing
from localcloud.ecs.instances import Instances
from localcloud.machines.runtime import Command, CommandResult, MachineError, MachineRuntime, Outcome
from localcloud.network.records import Document, Records

_log = logging.getLogger("localcloud.assistant")

_MAX_CONTENT = 24 * 1024
"""Bytes of a command after base64, by the RunCommand reference."""
_DELIVERY_SECONDS = 60.0
"""A command that no running machine takes within a minute is given up."""
_POLL_SECONDS = 0.1
_MAX_INSTANCES = 100
_TYPES = ("RunShellScript", "RunBatScript", "RunPowerShellScript")
_MESSAGES = {
    "InstanceNotRunning": "The instance is not running when the task is created.",
    "InstanceReleased": "The instance was released when the command was executed.",
    "DeliveryTimeout": "The command could not be delivered in time.",
    "ExecutionInterrupted": "The command was interrupted: the instance was stopped or restarted.",
    "ExecutionTimeout": "The command ran longer than its timeout and was ended.",
    "ExitCodeNonzero": "The command has ended with an exit code that is not 0.",
}


class Invocations:
    """Accepts, delivers and describes commands.

    A task is one command on one machine, recorded as {TaskId, InvokeId, InstanceId, Status, …}; while it is
    Pending it is being delivered, while it is Running its state is read from the machine's files.
    """

    def __init__(self, context: Context, instances: Instances, runtime: MachineRuntime) -> None:
        self._context = context
        self._instances = instances
        self._runtime = runtime
        self.records = Records(context.store, "invocation", "InvokeId", "InvalidInvokeId.NotFound")
        self.tasks = Records(context.store, "command_task", "TaskId", "InvalidInvokeId.NotFound")

    async def start(self) -> None:
        """Go on delivering what was accepted."""
        for task in self.tasks.all(lambda each: bool(each["Status"] == "Pending")):
            self._deliver_later(task["TaskId"])

    def accept(self, request: RpcRequest) -> dict[str, Any]:
        """Record a RunCommand call and begin to deliver it; returns its answer.

        Raises InvalidInstance.NotFound (404), InstanceIds.ExceedLimit (403), CmdContent.* and
        InvalidParameter.* (400).
        """
        instance_ids = _instance_ids(request)
        for instance_id in instance_ids:
            found = self._instances.records.find(instance_id)
            if found is None or found.get("Leaving"):
                raise ApiError(
                    404, "InvalidInstance.NotFound", f"The instance {instance_id!r} does not exist."
                )
        if request.string("Type", required=True, choices=_TYPES) != "RunShellScript":
            raise ApiError(
                403, "InvalidInstance.NotMatch", "The command does not fit the system of the instance."
            )
        if request.string("RepeatMode", "Once") != "Once":
            raise invalid("RepeatMode", "must be Once: repeated commands are not offered here")
        content = command_content(request)
        invocation = {
            "InvokeId": f"t-hz{secrets.token_hex(9)}",
            "CommandId": f"c-hz{secrets.token_hex(9)}",
            "CommandName": request.string("Name", "RunCommand"),
            "CommandType": "RunShellScript",
            "CommandContent": base64.b64encode(content).decode(),
            "Timeout": request.integer("Timeout", 60, minimum=10, maximum=86400),
            "WorkingDir": request.string("WorkingDir", "/root"),
            "CreationTime": self._now(),
            "InstanceIds": instance_ids,
        }
        answer = {"CommandId": invocation["CommandId"], "InvokeId": invocation["InvokeId"]}
        tasks = [self._new_task(invocation, instance_id) for instance_id in instance_ids]
        with self._context.store.transaction():
            self.records.save(invocation)
            for task in tasks:
                self.tasks.save(task)
            self._context.idempotency.remember(request, answer)
        for task in tasks:
            if task["Status"] == "Pending":
                self._deliver_later(task["TaskId"])
        return answer

    async def stop(self, invoke_id: str, instance_ids: list[str]) -> None:
        """End the unfinished commands of an invocation, on some machines or on all.

        Raises InvalidInvokeId.NotFound (404).
        """
        self.records.get(invoke_id)
        for task in self.current_tasks(invoke_id):
            if task["FinishedTime"] or (instance_ids and task["InstanceId"] not in instance_ids):
                continue
            if task["Status"] == "Pending":
                self._finish(task, "Cancelled")
                continue
            self.tasks.save({**task, "StopRequested": True})
            try:
                await self._runtime.stop_command(task["InstanceId"], task["TaskId"])
            except MachineError as error:
                _log.info("%s had ended before it was stopped: %s", task["TaskId"], error)

    def current_tasks(self, invoke_id: str = "") -> list[Document]:
        """The tasks of one invocation, or all, newest first, brought up to date."""
        found = self.tasks.all(lambda each: invoke_id in ("", each["InvokeId"]))
        return [self._refreshed(task) for task in reversed(found)]

    def result(self, task: Document) -> CommandResult:
        """Output, exit code and times of a task."""
        kept = task.get("Kept")
        if kept is not None:
            output = base64.b64decode(kept["Output"])
            return CommandResult(
                Outcome.EXITED, kept["ExitCode"], kept["Started"], None, output, kept["Dropped"]
            )
        return self._runtime.command_result(task["InstanceId"], task["TaskId"])

    def _new_task(self, invocation: Document, instance_id: str) -> Document:
        task = {
            "TaskId": f"{invocation['InvokeId']}-{instance_id[-6:]}",
            "InvokeId": invocation["InvokeId"],
            "InstanceId": instance_id,
            "Status": "Pending",
            "ErrorCode": "",
            "CreationTime": invocation["CreationTime"],
            "FinishedTime": "",
        }
        if self._instances.get(instance_id)["Status"] != "Running":
            task.update(Status="Failed", ErrorCode="InstanceNotRunning", FinishedTime=self._now())
        return task

    def _refreshed(self, task: Document) -> Document:
        if task["Status"] != "Running":
            return task
        result = self._runtime.command_result(task["InstanceId"], task["TaskId"])
        instance = self._instances.records.find(task["InstanceId"])
        if result.outcome is Outcome.TIMEOUT:
            return self._finish(task, "Timeout", "ExecutionTimeout", result)
        if result.outcome is Outcome.EXITED:
            code = "" if result.exit_code == 0 else "ExitCodeNonzero"
            return self._finish(task, "Failed" if code else "Success", code, result)
        if result.outcome is Outcome.KILLED and task.get("StopRequested"):
            return self._finish(task, "Terminated", "", result)
        interrupted = instance is None or instance["Status"] != "Running" or _booted_since(instance, task)
        if result.outcome in (Outcome.KILLED, Outcome.LOST) or interrupted:
            code = "InstanceReleased" if instance is None else "ExecutionInterrupted"
            return self._finish(task, "Failed", code, result)
        return task

    def _finish(
        self, task: Document, status: str, code: str = "", result: CommandResult | None = None
    ) -> Document:
        finished = self._now()
        if result is not None and result.finished is not None:
            finished = _iso(result.finished)
        done = {**task, "Status": status, "ErrorCode": code, "FinishedTime": finished}
        if result is not None:
            # The machine may be deleted or get a new disk; its results stay readable.
            done["Kept"] = {
                "Output": base64.b64encode(result.output).decode(),
                "ExitCode": result.exit_code,
                "Started": result.started,
                "Dropped": result.dropped,
            }
        self.tasks.save(done)
        return done

    def _deliver_later(self, task_id: str) -> None:
        self._context.tasks.spawn(self._deliver(task_id), f"deliver {task_id}")

    async def _deliver(self, task_id: str) -> None:
        end = time.monotonic() + _DELIVERY_SECONDS
        while (task := self.tasks.get(task_id))["Status"] == "Pending":
            instance = self._instances.records.find(task["InstanceId"])
            if instance is None or instance["Status"] != "Running":
                self._finish(task, "Failed", "InstanceReleased" if instance is None else "InstanceNotRunning")
            elif time.monotonic() > end:
                self._finish(task, "Aborted", "DeliveryTimeout")
            elif await self._runtime.ready(task["InstanceId"]):
                await self._hand_over(task)
            else:
                await asyncio.sleep(_POLL_SECONDS)

    async def _hand_over(self, task: Document) -> None:
        invocation = self.records.get(task["InvokeId"])
        command = Command(
            id=task["TaskId"],
            content=base64.b64decode(invocation["CommandContent"]),
            timeout=invocation["Timeout"],
            directory=invocation["WorkingDir"],
        )
        try:
            await self._runtime.start_command(task["InstanceId"], command)
        except MachineError as error:
            _log.info("%s not delivered yet: %s", task["TaskId"], error)
            await asyncio.sleep(_POLL_SECONDS)
            return
        if self.tasks.get(task["TaskId"])["Status"] == "Pending":
            boot = self._instances.get(task["InstanceId"])["BootNumber"]
            self.tasks.save({**task, "Status": "Running", "BootNumber": boot})

    def _now(self) -> str:
        return _iso(self._context.now().timestamp())


def command_content(request: RpcRequest) -> bytes:
    """The script of a RunCommand call. Raises CmdContent.DecodeError or .ExceedLimit (400, 403)."""
    text = request.string("CommandContent", required=True)
    if request.string("ContentEncoding", "PlainText", choices=("PlainText", "Base64")) == "PlainText":
        content = text.encode()
    else:
        try:
            content = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ApiError(400, "CmdContent.DecodeError", "The CommandContent is not base64.") from error
    if len(base64.b64encode(content)) > _MAX_CONTENT:
        raise ApiError(403, "CmdContent.ExceedLimit", "The length of the CommandContent exceeds 24 KB.")
    return content


def _instance_ids(request: RpcRequest) -> list[str]:
    found = list(dict.fromkeys(request.strings("InstanceId")))
    if not found:
        raise missing("InstanceId")
    if len(found) > _MAX_INSTANCES:
        raise ApiError(403, "InstanceIds.ExceedLimit", f"At most {_MAX_INSTANCES} instances are allowed.")
    return found


def _booted_since(instance: Document, task: Document) -> bool:
    return bool(instance["BootNumber"] != task["BootNumber"])


def message_of(code: str) -> str:
    """The sentence that goes with an ErrorCode."""
    return _MESSAGES.get(code, "")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
