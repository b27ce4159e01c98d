"""The Temporal client that starters use, and plain words for what can go wrong with it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError, RPCStatusCode

from wdrip import names
from wdrip.errors import InvalidInput, PermanentError

_CONNECT_SECONDS = 10
_CALL = timedelta(seconds=10)
_WORKER_SECONDS = 15


async def connect(address: str, namespace: str = "default") -> Client:
    """A client for the Temporal server.

    Temporal's own environment variables come before the arguments, which are what wdrip's
    configuration says, as with the worker. Raises InvalidInput naming the address when no server answers.
    """
    settings: dict[str, Any] = dict(ClientConfig.load_client_connect_config(disable_file=True))
    settings.setdefault("namespace", namespace)
    target = settings.setdefault("target_host", address)
    try:
        return await asyncio.wait_for(
            Client.connect(**settings, data_converter=pydantic_data_converter), _CONNECT_SECONDS
        )
    except (RuntimeError, TimeoutError) as error:
        raise InvalidInput(
            "temporal.address",
            f"no Temporal server answers at {target}",
            "start one (`wdrip up` for the local stack), or write its address there or in TEMPORAL_ADDRESS",
        ) from error


async def pollers(client: Client) -> list[str]:
    """Identities of the workers that lately asked for workflow tasks of wdrip's task queue."""
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=names.TASK_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        ),
        timeout=_CALL,
    )
    return [poller.identity for poller in answer.pollers]


async def require_worker(client: Client) -> None:
    """Wait a little for a worker to poll; InvalidInput with the remedy when none does, or when the server
    has no such namespace."""
    deadline = asyncio.get_running_loop().time() + _WORKER_SECONDS
    with rpc_errors_in_words(), _namespace_in_words(client):
        while not await pollers(client):
            if asyncio.get_running_loop().time() > deadline:
                raise no_worker(client)
            await asyncio.sleep(0.5)


def no_worker(client: Client) -> InvalidInput:
    """The error that says that no worker takes wdrip's tasks."""
    target = client.service_client.config.target_host
    return InvalidInput(
        "temporal.address",
        f"no worker takes tasks from queue `{names.TASK_QUEUE}` at {target}",
        "start one with `wdrip up` (local stack) or `python -m worker`, or write the address that has one",
    )


@contextmanager
def _namespace_in_words(client: Client) -> Iterator[None]:
    try:
        yield
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            target = client.service_client.config.target_host
            problem = f"there is no namespace {client.namespace} at {target}"
            remedy = "write one that is, there or in TEMPORAL_NAMESPACE, or have it registered"
            raise InvalidInput("temporal.namespace", problem, remedy) from error
        raise


@contextmanager
def rpc_errors_in_words(cluster: str | None = None) -> Iterator[None]:
    """Turn the server's refusals into wdrip's errors; `cluster` names whose workflow is asked."""
    try:
        yield
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND and cluster is not None:
            raise no_such_cluster(cluster) from error
        raise PermanentError(f"the Temporal server refused: {error.message}") from error


def no_such_cluster(name: str) -> InvalidInput:
    """The error for a cluster that nobody knows."""
    return InvalidInput("--name", f"there is no cluster `{name}`", "list the clusters with `wdrip get`")
