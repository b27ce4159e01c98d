"""Requests to a cluster's workflow, and its answers in wdrip's own words.

The workflow is addressed by names, not by its class: importing that would load every cloud SDK.
"""

import asyncio
import uuid
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from starters.temporal import no_such_cluster, no_worker
from wdrip import failures, names
from wdrip.errors import InvalidInput, PermanentError, WdripError
from wdrip.models.cluster import (
    Accepted,
    ClusterRecord,
    CreateRequest,
    DeleteRequest,
    Progress,
    ScaleRequest,
)
from wdrip.models.recovery import ApproveRequest, Offered, RecoverRequest
from workflows.state import ClusterState

Answer = TypeVar("Answer", bound=BaseModel)

WORKFLOW = "Cluster"
CREATE = "create"
DELETE = "delete"
SCALE = "scale"
RECOVER = "recover"
APPROVE = "approve"
WITHDRAW = "withdraw"
OFFER = "offer"
PROGRESS = "progress"

# The worker's check against the cloud has three minutes (workflows.plans.VALIDATE) and tries to use them.
_ACCEPT = timedelta(minutes=4)
_QUERY = timedelta(seconds=10)
# A dead worker is listed for minutes, and the call's time-out does not end the SDK's own repetitions of it:
# every so often without an answer, a question tells whether a worker lives.
_UNANSWERED_SECONDS = 8.0
_SIGN_OF_LIFE = timedelta(seconds=5)
# Started, first task scheduled, taken, failed: up to here nothing has been done. A first task that succeeds
# writes more than its own event.
_EVENTS_BEFORE_ANY_WORK = 4


async def request_create(client: Client, request: CreateRequest) -> Accepted:
    """Ask for the create of a cluster; returns when the worker has accepted it.

    Raises InvalidInput when it is refused, PermanentError when nobody answers.
    """
    state = ClusterState(cluster=request.config.clusterid)
    return await _update_with_start(client, CREATE, request, state, Accepted)


async def request_delete(
    client: Client, name: str, request: DeleteRequest, record: ClusterRecord | None
) -> Accepted:
    """Ask for the delete of a cluster; with its index entry it need not have a running workflow.

    Raises InvalidInput when there is no such cluster or it is still being created.
    """
    if record is None:
        return await _update(client, name, DELETE, (request,))
    state = ClusterState(cluster=name, record=record)
    return await _update_with_start(client, DELETE, request, state, Accepted)


async def request_scale(client: Client, request: ScaleRequest, record: ClusterRecord) -> Accepted:
    """Ask for a number of masters. record: the cluster's index entry; with it the cluster need not have a
    running workflow.

    Raises InvalidInput when the number or the cluster's phase does not allow it.
    """
    state = ClusterState(cluster=record.name, record=record)
    return await _update_with_start(client, SCALE, request, state, Accepted)


async def request_recover(client: Client, request: RecoverRequest, record: ClusterRecord) -> Offered:
    """Have a recovery worked out; it begins at once if the request consents. record: the index entry of the
    cluster whose infrastructure is used; with it the cluster need not have a running workflow.

    Raises InvalidInput or PermanentError when there is nothing to recover from, or the cluster's phase does
    not allow it.
    """
    state = ClusterState(cluster=record.name, record=record)
    return await _update_with_start(client, RECOVER, request, state, Offered)


async def request_approve(client: Client, name: str, request: ApproveRequest) -> Accepted:
    """Consent to the recovery that is offered. Raises InvalidInput when nothing waits for it."""
    return await _update(client, name, APPROVE, (request,))


async def request_withdraw(client: Client, name: str) -> Accepted:
    """Forget the recovery that is offered."""
    return await _update(client, name, WITHDRAW, ())


async def query_offer(client: Client, name: str) -> Offered:
    """The recovery that is offered. Raises RPCError when Temporal or the worker does not answer."""
    offered: Offered = await _handle(client, name).query(OFFER, result_type=Offered, rpc_timeout=_QUERY)
    return offered


async def query_progress(client: Client, name: str) -> Progress:
    """Where the cluster's operation stands. Raises RPCError when Temporal or the worker does not answer."""
    progress: Progress = await _handle(client, name).query(PROGRESS, result_type=Progress, rpc_timeout=_QUERY)
    return progress


async def _update(client: Client, name: str, update: str, arguments: Sequence[BaseModel]) -> Accepted:
    answer: Coroutine[Any, Any, Accepted] = _handle(client, name).execute_update(
        update, args=arguments, id=uuid.uuid4().hex, result_type=Accepted, rpc_timeout=_ACCEPT
    )
    return await _answered(client, name, answer)


async def _update_with_start(
    client: Client, update: str, request: BaseModel, state: ClusterState, answers: type[Answer]
) -> Answer:
    start: WithStartWorkflowOperation[object, str] = WithStartWorkflowOperation(
        WORKFLOW,
        state,
        id=names.cluster_workflow_id(state.cluster),
        task_queue=names.TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"Kubernetes cluster {state.cluster}",
    )
    answer: Coroutine[Any, Any, Answer] = client.execute_update_with_start_workflow(
        update,
        request,
        start_workflow_operation=start,
        id=uuid.uuid4().hex,
        result_type=answers,
        rpc_timeout=_ACCEPT,
    )
    return await _answered(client, state.cluster, answer)


async def _answered(client: Client, name: str, answer: Coroutine[Any, Any, Answer]) -> Answer:
    try:
        return await _while_a_worker_lives(client, name, answer)
    except (WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError, RPCError) as error:
        raise _in_words(error, client, name) from error


async def _while_a_worker_lives(client: Client, name: str, answer: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer to an update. Raises InvalidInput when no worker turns out to live that could give it; a run
    that was started for it, and that nobody has begun, is then ended."""
    waiting = asyncio.ensure_future(answer)
    while not (await asyncio.wait({waiting}, timeout=_UNANSWERED_SECONDS))[0]:
        if not await _lives(client, name):
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await _end_unbegun(client, name)
            raise no_worker(client)
    return await waiting


async def _lives(client: Client, name: str) -> bool:
    """Whether a worker answers for the cluster's workflow."""
    try:
        await _handle(client, name).query(PROGRESS, result_type=Progress, rpc_timeout=_SIGN_OF_LIFE)
    except WorkflowQueryFailedError:
        return True
    except RPCError:
        return False
    return True


async def _end_unbegun(client: Client, name: str) -> None:
    with suppress(RPCError):
        found = await _handle(client, name).describe()
        if found.history_length <= _EVENTS_BEFORE_ANY_WORK:
            handle = client.get_workflow_handle(found.id, run_id=found.run_id)
            await handle.terminate(reason="no worker took the request that started this run")


def _handle(client: Client, name: str) -> WorkflowHandle[object, str]:
    return client.get_workflow_handle(names.cluster_workflow_id(name))


def _in_words(error: Exception, client: Client, name: str) -> WdripError:
    if isinstance(error, WorkflowUpdateRPCTimeoutOrCancelledError):
        return PermanentError(f"no answer within {_ACCEPT.total_seconds():.0f} s; {no_worker(client)}")
    if isinstance(error, RPCError):
        if error.status == RPCStatusCode.NOT_FOUND:
            return no_such_cluster(name)
        return PermanentError(f"the Temporal server refused: {error.message}")
    cause = error.__cause__
    if isinstance(cause, ApplicationError):
        if cause.type == failures.INVALID_INPUT and len(cause.details) == 3:
            field, problem, remedy = (str(each) for each in cause.details)
            return InvalidInput(field, problem, remedy)
        return PermanentError(cause.message)
    return PermanentError(str(cause or error))
