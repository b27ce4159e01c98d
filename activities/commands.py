"""Carrying out a `NodeOperation` on a machine through Cloud Assistant, to its end."""

from contextlib import suppress
from time import monotonic
from uuid import uuid4

from activities.waiting import FIRST_INTERVAL, Look, check_deadline, pause, wait_for
from wdrip.clients.ecs import CommandResult, EcsClient
from wdrip.errors import PermanentError, TemporaryError, WdripError
from wdrip.nodes.backup_operations import UPLOAD_FAILED, WRONG_KEY
from wdrip.nodes.operations import (
    DOWNLOAD_FAILED,
    INTERRUPTED,
    PACKAGE_CORRUPTED,
    SECRETS_CORRUPTED,
    STILL_RUNNING,
    NodeOperation,
    launch,
)

LAUNCHER_SECONDS = 50
"""How long the launcher waits on the machine: most operations are over by then, without another
command, and the whole stays at the 60 s that Cloud Assistant gives a command by default."""
COMMAND_SECONDS = LAUNCHER_SECONDS + 10

SHORTEST_COMMAND_SECONDS = 10
"""The least that Cloud Assistant allows a command (RunCommand, Timeout)."""

TAIL_CHARACTERS = 4000
"""How much of a failed operation's log goes into the failure: some fifty lines."""

_LOOK = "look at the machine's log below /var/lib/wdrip/operations"

_TRANSFERS = {DOWNLOAD_FAILED: "download", UPLOAD_FAILED: "upload"}
"""By exit code, what is tried again with a new URL."""

_EXPLANATIONS = {
    PACKAGE_CORRUPTED: "the software package in the bucket is not the one in the package index (sha256 "
    "differs); upload it again with `wdrip build --upload`",
    WRONG_KEY: "the machine has not the key that the backup was encrypted with",
    SECRETS_CORRUPTED: "the machine could not decrypt the secrets sent to it; create the cluster anew",
}


def carry_out(ecs: EcsClient, instance_id: str, operation: NodeOperation) -> str:
    """Run `operation` on the machine, or attach to its run, until it ends; returns its output.

    Raises PermanentError with the end of the operation's log when it failed or the activity's deadline
    passed, TemporaryError when the machine or its Cloud Assistant did not answer.
    """
    while True:
        result = _once(ecs, instance_id, operation)
        if result.exit_code is None:
            reason = result.error_code or result.status
            raise TemporaryError(f"{operation.name} on {instance_id}: {reason} {result.error_info}".strip())
        if result.exit_code == 0:
            return result.output
        if result.exit_code in (STILL_RUNNING, INTERRUPTED):
            check_deadline(f"{operation.name} on {instance_id}", tail(result.output), _LOOK)
            continue
        if result.exit_code in _TRANSFERS:
            what = _TRANSFERS[result.exit_code]
            raise TemporaryError(f"{operation.name} on {instance_id}: {what} failed: {tail(result.output)}")
        words = _EXPLANATIONS.get(result.exit_code, f"failed with exit code {result.exit_code}")
        raise PermanentError(
            f"{operation.name} on {instance_id}: {words}; its log ends:\n{tail(result.output)}"
        )


def tell(ecs: EcsClient, instance_id: str, operation: NodeOperation) -> None:
    """Let the machine begin an operation whose end nobody waits for; nothing is said when it does not."""
    with suppress(WdripError):
        _command(ecs, instance_id, operation, LAUNCHER_SECONDS, COMMAND_SECONDS)


def looked_at(ecs: EcsClient, instance_id: str, operation: NodeOperation, seconds: int) -> str | None:
    """The output of a quick operation that only looks; None when the machine does not give it in time."""
    until = monotonic() + seconds
    try:
        invocation = _command(ecs, instance_id, operation, seconds, max(seconds, SHORTEST_COMMAND_SECONDS))
        while monotonic() < until:
            result = ecs.command_result(invocation, instance_id)
            if result is not None and result.finished:
                return result.output if result.exit_code == 0 else None
            pause(FIRST_INTERVAL)
    except WdripError:
        # The machine has just stopped, or Cloud Assistant is away: nothing was seen.
        return None
    return None


def _once(ecs: EcsClient, instance_id: str, operation: NodeOperation) -> CommandResult:
    """Launch, or attach, and wait for what the launcher says."""
    invocation = _command(ecs, instance_id, operation, LAUNCHER_SECONDS, COMMAND_SECONDS)

    def finished() -> CommandResult | Look:
        result = ecs.command_result(invocation, instance_id)
        if result is None:
            return Look(seen="not delivered yet")
        if result.finished:
            return result
        return Look(seen=f"{result.status}: {_last_line(result.output)}")

    return wait_for(f"{operation.name} on {instance_id}", finished, _LOOK)


def _command(
    ecs: EcsClient, instance_id: str, operation: NodeOperation, wait_seconds: int, timeout_seconds: int
) -> str:
    """Launch; id of the invocation."""
    return ecs.run_command(
        instance_id,
        launch(operation, wait_seconds),
        name=operation.name,
        timeout_seconds=timeout_seconds,
        # Every launch is a command of its own; the launcher sees to it that the operation runs once.
        client_token=uuid4().hex,
    )


def _last_line(log: str) -> str:
    lines = log.strip().splitlines()
    return lines[-1][:200] if lines else ""


def tail(log: str) -> str:
    """The end of a log, from a line's beginning."""
    log = log.strip()
    if len(log) <= TAIL_CHARACTERS:
        return log
    return log[-TAIL_CHARACTERS:].partition("\n")[2]
