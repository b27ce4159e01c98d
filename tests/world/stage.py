"""A stage for workflow tests: worker, world, and the calls that the `wdrip` command makes."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import uuid4

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import Worker

from activities.interceptor import ActivityInterceptor
from tests.world.activities import SimulatedActivities
from tests.world.guide import guide_config
from tests.world.world import World
from wdrip.models.cluster import (
    Accepted,
    ClusterRecord,
    CreateRequest,
    DeleteRequest,
    Phase,
    Progress,
    ScaleRequest,
)
from wdrip.models.operation import Operation
from wdrip.models.recovery import ApproveRequest, Offered, RecoverRequest
from worker import CONCURRENT_ACTIVITIES, WORKFLOWS, sandbox
from workflows.cluster import Cluster
from workflows.state import ClusterState

ENOUGH_SECONDS = 30.0
"""Far more than anything in the simulated world takes."""


@dataclass
class Stage:
    """One cluster's name, its world and its worker's task queue."""

    client: Client
    executor: ThreadPoolExecutor
    world: World = field(default_factory=World)
    name: str = field(default_factory=lambda: f"c-{uuid4().hex[:12]}")

    @property
    def handle(self) -> "WorkflowHandle[Cluster, str]":
        """The cluster's workflow."""
        return self.client.get_workflow_handle_for(Cluster.run, self.name)

    def worker(self) -> Worker:
        """A worker upon the simulated world."""
        return Worker(
            self.client,
            task_queue=self.name,
            workflows=WORKFLOWS,
            activities=SimulatedActivities(self.world).all_of(),
            activity_executor=self.executor,
            max_concurrent_activities=CONCURRENT_ACTIVITIES,
            interceptors=[ActivityInterceptor()],
            workflow_runner=sandbox(),
        )

    def request(self, region: str = "cn-hangzhou", keep_on_failure: bool = False) -> CreateRequest:
        """The guide's create, its token waiting in transit."""
        reference = f"wdrip/transit/{self.name}.sealed"
        self.world.transit.add(reference)
        return CreateRequest(
            config=guide_config(self.name, region),
            provider="alibaba.test",
            token_reference=reference,
            keep_on_failure=keep_on_failure,
        )

    def _start(self, state: ClusterState | None = None) -> "WithStartWorkflowOperation[Cluster, str]":
        return WithStartWorkflowOperation(
            Cluster.run,
            state or ClusterState(cluster=self.name),
            id=self.name,
            task_queue=self.name,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )

    async def create(self, request: CreateRequest | None = None) -> Accepted:
        """Ask for the create; returns when it is accepted."""
        accepted: Accepted = await self.client.execute_update_with_start_workflow(
            "create", request or self.request(), start_workflow_operation=self._start(), result_type=Accepted
        )
        return accepted

    async def delete(self, force: bool = False, record: ClusterRecord | None = None) -> Accepted:
        """Ask for the delete; returns when it is accepted."""
        state = ClusterState(cluster=self.name, record=record)
        accepted: Accepted = await self.client.execute_update_with_start_workflow(
            "delete",
            DeleteRequest(force=force),
            start_workflow_operation=self._start(state),
            result_type=Accepted,
        )
        return accepted

    async def scale(self, target: int, record: ClusterRecord | None = None) -> Accepted:
        """Ask for so many masters; returns when it is accepted."""
        accepted: Accepted = await self.client.execute_update_with_start_workflow(
            "scale",
            ScaleRequest(target=target, requested_by="a test"),
            start_workflow_operation=self._start(ClusterState(cluster=self.name, record=record)),
            result_type=Accepted,
        )
        return accepted

    async def recover(
        self,
        source: str = "",
        date: str | None = None,
        consented: bool = False,
        record: ClusterRecord | None = None,
    ) -> Offered:
        """Have a recovery worked out, and with consent carried out."""
        offered: Offered = await self.client.execute_update_with_start_workflow(
            "recover",
            RecoverRequest(source=source, date=date, consented=consented, requested_by="a test"),
            start_workflow_operation=self._start(ClusterState(cluster=self.name, record=record)),
            result_type=Offered,
        )
        return offered

    async def approve(self, date: str) -> Accepted:
        """Consent to the recovery that is offered from the backup of that date."""
        accepted: Accepted = await self.handle.execute_update(
            "approve", ApproveRequest(restores=date, approved_by="a test"), result_type=Accepted
        )
        return accepted

    async def operations(self) -> list[Operation]:
        """What was done, by the workflow's own word."""
        return (await self.handle.query(Cluster.operations)).operations

    async def until_seen(self, what: str, seen: Callable[[], bool], seconds: float = ENOUGH_SECONDS) -> None:
        """Wait until the world is like that."""
        try:
            async with asyncio.timeout(seconds):
                while not seen():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            done = [f"{each.what} {each.subject}: {each.detail}" for each in await self.operations()]
            raise AssertionError(f"never {what}: {await self.progress()}, after {done}") from None

    async def until_masters(self, count: int) -> None:
        """Wait until so many masters vote, each with a Node and behind the load balancer, and no other."""
        cluster = self.world.cluster

        def there() -> bool:
            ids = {each.machine.instance_id for each in cluster.masters()}
            return (
                len(ids) == cluster.voting() == len(cluster.members) == len(cluster.nodes) == count
                and set(cluster.backends) == ids
            )

        await self.until_seen(f"{count} masters", there, 3 * ENOUGH_SECONDS)

    async def progress(self) -> Progress:
        """The workflow's own word."""
        return await self.handle.query(Cluster.progress)

    async def until(self, phase: Phase) -> Progress:
        """Wait until the workflow says that the cluster stands there."""
        async with asyncio.timeout(ENOUGH_SECONDS):
            while (progress := await self.progress()).phase is not phase:
                await asyncio.sleep(0.02)
        return progress

    async def until_called(self, activity: str) -> None:
        """Wait until that activity has been entered."""
        assert await asyncio.to_thread(self.world.await_call, activity, ENOUGH_SECONDS), activity

    async def result(self) -> str:
        """The workflow's end."""
        async with asyncio.timeout(ENOUGH_SECONDS):
            return await self.handle.result()
