"""Cloud Assistant over the API: delivery, results, ends of all kinds."""

from __future__ import annotations

import pytest
from alibabacloud_ecs20140526 import models

from localcloud.machines.runtime import Outcome
from tests.localcloud.ecs.cloud import REGION, Ecs, refused


def _status(ecs: Ecs, instance_id: str) -> str:
    request = models.DescribeCloudAssistantStatusRequest(region_id=REGION, instance_id=[instance_id])
    body = ecs.client.describe_cloud_assistant_status(request).body
    found = body.instance_cloud_assistant_status_set.instance_cloud_assistant_status
    return str(found[0].cloud_assistant_status)


def test_a_command_runs_and_its_result_is_read(ecs: Ecs) -> None:
    instance_id = ecs.running()
    invoke_id = ecs.command(instance_id, "echo hello", timeout=90, working_dir="/tmp")
    task = ecs.task(invoke_id)
    command = ecs.runtime.commands[task]
    assert (command.content, command.timeout, command.directory) == (b"echo hello", 90, "/tmp")
    ecs.await_result(invoke_id, "Running")
    ecs.runtime.end(task, Outcome.EXITED, 0, b"hello\n")
    result = ecs.await_result(invoke_id, "Success")
    assert (result.output, result.exit_code, result.error_code, result.dropped) == ("hello\n", 0, "", 0)
    assert result.finished_time


@pytest.mark.parametrize(
    ("outcome", "code", "status", "error"),
    [
        (Outcome.EXITED, 3, "Failed", "ExitCodeNonzero"),
        (Outcome.TIMEOUT, None, "Timeout", "ExecutionTimeout"),
        (Outcome.KILLED, None, "Failed", "ExecutionInterrupted"),
    ],
)
def test_other_ends(ecs: Ecs, outcome: Outcome, code: int | None, status: str, error: str) -> None:
    invoke_id = ecs.command(ecs.running())
    ecs.runtime.end(ecs.task(invoke_id), outcome, code)
    result = ecs.await_result(invoke_id, status)
    assert (result.error_code, result.exit_code) == (error, code)


def test_a_stopped_invocation_is_terminated(ecs: Ecs) -> None:
    invoke_id = ecs.command(ecs.running())
    ecs.task(invoke_id)
    ecs.await_result(invoke_id, "Running")
    ecs.client.stop_invocation(models.StopInvocationRequest(region_id=REGION, invoke_id=invoke_id))
    assert ecs.result(invoke_id).invocation_status == "Terminated"


def test_a_command_on_a_stopped_machine_fails_at_once(ecs: Ecs) -> None:
    instance_id = ecs.running()
    ecs.stop(instance_id)
    result = ecs.result(ecs.command(instance_id))
    assert (result.invocation_status, result.error_code) == ("Failed", "InstanceNotRunning")


def test_stopping_the_machine_interrupts_the_command(ecs: Ecs) -> None:
    instance_id = ecs.running()
    invoke_id = ecs.command(instance_id)
    ecs.await_result(invoke_id, "Running")
    ecs.stop(instance_id)
    assert ecs.await_result(invoke_id, "Failed").error_code == "ExecutionInterrupted"


def test_a_command_of_an_earlier_boot_is_interrupted(ecs: Ecs) -> None:
    instance_id = ecs.running()
    invoke_id = ecs.command(instance_id)
    ecs.await_result(invoke_id, "Running")
    ecs.stop(instance_id)
    ecs.start(instance_id)
    ecs.await_status(instance_id, "Running")
    assert ecs.await_result(invoke_id, "Failed").error_code == "ExecutionInterrupted"


def test_results_outlive_the_machine(ecs: Ecs) -> None:
    instance_id = ecs.running()
    invoke_id = ecs.command(instance_id)
    ecs.runtime.end(ecs.task(invoke_id), Outcome.EXITED, 0, b"done")
    ecs.await_result(invoke_id, "Success")
    ecs.delete(instance_id)
    assert ecs.result(invoke_id).output == "done"


def test_a_command_waits_for_the_assistant(ecs: Ecs) -> None:
    ecs.runtime.deaf = True
    instance_id = ecs.running()
    assert _status(ecs, instance_id) == "false"
    invoke_id = ecs.command(instance_id)
    assert ecs.result(invoke_id).invocation_status == "Pending"
    ecs.runtime.deaf = False
    assert _status(ecs, instance_id) == "true"
    ecs.await_result(invoke_id, "Running")


def test_the_same_token_gives_the_same_invocation(ecs: Ecs) -> None:
    instance_id = ecs.running()
    first = ecs.command(instance_id, client_token="token-1")
    assert ecs.command(instance_id, client_token="token-1") == first


def test_an_invocation_is_described_without_output(ecs: Ecs) -> None:
    invoke_id = ecs.command(ecs.running())
    ecs.runtime.end(ecs.task(invoke_id), Outcome.EXITED, 0, b"done")
    ecs.await_result(invoke_id, "Success")
    request = models.DescribeInvocationsRequest(region_id=REGION, invoke_id=invoke_id)
    invocation = ecs.client.describe_invocations(request).body.invocations.invocation[0]
    assert invocation.invocation_status == "Success"
    assert invocation.invoke_instances.invoke_instance[0].output == ""


def test_bad_commands_are_refused(ecs: Ecs) -> None:
    instance_id = ecs.running()
    with refused("InvalidInstance.NotFound", 404):
        ecs.command("i-bp1none")
    with refused("CmdContent.ExceedLimit", 403):
        ecs.command(instance_id, "x" * 18433)
    with refused("InvalidParameter", 400):
        ecs.command(instance_id, timeout=5)
    request = models.RunCommandRequest(
        region_id=REGION,
        type="RunShellScript",
        command_content="%%%",
        content_encoding="Base64",
        instance_id=[instance_id],
    )
    with refused("CmdContent.DecodeError", 400):
        ecs.client.run_command(request)
    assert not ecs.runtime.commands
