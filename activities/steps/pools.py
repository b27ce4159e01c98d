"""The steps of node pools."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from temporalio import activity

from activities.access import cluster_api
from activities.clients import Clients
from activities.draining import drain
from activities.fleet import await_running, cluster_tags, delete_and_await, find_machine, fleet
from activities.outlooks import choices_for
from activities.parallel import side_by_side
from activities.steps.attempts import attempt, attempted
from activities.steps.machines import MachineSteps
from activities.tasks import StepResult, StepTask
from activities.workload import read_api
from wdrip import names
from wdrip.clients.cluster_objects import node_pool_state
from wdrip.clients.ecs import EcsClient
from wdrip.clients.errors import OutOfStockError
from wdrip.clients.kubernetes import ClusterApi
from wdrip.errors import PermanentError
from wdrip.infrastructure.template import outputs_of
from wdrip.models.cluster import InfrastructureOutputs
from wdrip.models.observation import (
    Attempt,
    ClusterObservation,
    Health,
    MachineState,
    NodePoolState,
    Outcome,
    pool_group,
)
from wdrip.models.resources import POOL_FINALIZER
from wdrip.planning.decision import Launch
from wdrip.planning.drain import DrainOutcome
from wdrip.planning.instance_types import TypeChoice
from wdrip.planning.node_pools import MOST_LAUNCHES, MOST_REMOVALS, still_to_go


class PoolSteps:
    """Grows and shrinks pools. Every step may be repeated."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._machines = MachineSteps(clients)

    @activity.defn(no_thread_cancel_exception=True)
    def grow_pools(self, task: StepTask) -> StepResult:
        """Start the machines side by side, but for those that are there already, and let each join, up to a
        Ready Node. One that fails does not hold the others up."""
        launches = task.act.target.launches
        pools = self._pools(task, {each.node_pool for each in launches})
        outputs = self._outputs(task)
        calls: list[Callable[[], Attempt]] = [
            partial(self._grow_by_one, task, launch, number, pool, outputs)
            for number, launch in enumerate(launches)
            # A pool that was deleted meanwhile needs no machine any more.
            if (pool := pools.get(launch.node_pool)) is not None and not pool.deleting
        ]
        return StepResult(attempts=tuple(side_by_side(calls, MOST_LAUNCHES)))

    @activity.defn(no_thread_cancel_exception=True)
    def shrink_pool(self, task: StepTask) -> StepResult:
        """Write the desired number if one is given; then cordon, drain and delete the machines, side by
        side, each only if it still has to go once it is empty."""
        target = task.act.target
        if target.desired is not None:
            with cluster_api(self._clients, task.record) as api:
                api.set_desired_capacity(target.node_pool, target.desired)
        pool = self._pools(task, {target.node_pool}).get(target.node_pool)
        calls: list[Callable[[], Attempt]] = [
            partial(self._shrink_by_one, task, instance_id, pool) for instance_id in target.instance_ids
        ]
        return StepResult(attempts=tuple(side_by_side(calls, MOST_REMOVALS)))

    @activity.defn(no_thread_cancel_exception=True)
    def set_desired(self, task: StepTask) -> StepResult:
        """Write the pool's desiredCapacity."""

        def work() -> None:
            target = task.act.target
            if target.desired is None:
                raise PermanentError("no number was given")
            with cluster_api(self._clients, task.record) as api:
                api.set_desired_capacity(target.node_pool, target.desired)

        return attempted(task, work)

    @activity.defn(no_thread_cancel_exception=True)
    def release_pool(self, task: StepTask) -> StepResult:
        """Take wdrip's finalizer off a deleted pool, once none of its machines is left."""

        def work() -> None:
            name = task.act.target.node_pool
            left = [each for each in fleet(self._ecs(task), task.record) if each.node_pool == name]
            if left:
                raise PermanentError(f"{', '.join(each.instance_id for each in left)} of {name} is left")
            with cluster_api(self._clients, task.record) as api:
                found = api.node_pool(name)
                finalizers = (found or {}).get("metadata", {}).get("finalizers") or []
                if found is not None and POOL_FINALIZER in finalizers:
                    api.set_finalizers(found, [each for each in finalizers if each != POOL_FINALIZER])

        return attempted(task, work)

    # --- one machine more -----------------------------------------------------------------------

    def _grow_by_one(
        self,
        task: StepTask,
        launch: Launch,
        number: int,
        pool: NodePoolState,
        outputs: InfrastructureOutputs,
    ) -> Attempt:
        subject, group = launch.zone_id, pool_group(launch.node_pool)
        try:
            subject = launch.instance_id or self._launched(task, launch, number, pool, outputs)
            await_running(self._ecs(task), subject)
            self._machines.join_and_await(task, subject, pool.name, pool.spec)
        except PermanentError as error:
            return attempt(task, Outcome.FAILED, str(error), subject=subject, group=group)
        return attempt(task, Outcome.DONE, subject=subject, group=group)

    def _launched(
        self,
        task: StepTask,
        launch: Launch,
        number: int,
        pool: NodePoolState,
        outputs: InfrastructureOutputs,
    ) -> str:
        """Ask for the machine, of the first type and zone that has stock; its instance id."""
        ecs, record = self._ecs(task), task.record
        part = f"{pool.name}/{task.attempt_id}/{number}"
        name = f"{record.name}-{pool.name[:30]}-{names.client_token(record.uid, part)[:8]}"
        for each in ecs.instances(tags=cluster_tags(record)):
            if each.name == name:
                # An earlier try of this very attempt, perhaps of another type than would be chosen now.
                return each.instance_id
        refusals = []
        for choice, zone in _offers(choices_for(ecs, record.config, pool), launch.zone_id):
            token = names.client_token(record.uid, f"{part}/{choice.type_id}/{zone}")
            try:
                return self._run(task, pool, outputs, name, choice.type_id, zone, token)
            except OutOfStockError as error:
                refusals.append(str(error))
        raise PermanentError(refusals[0] if refusals else f"no zone of {pool.name} sells a machine for it")

    def _run(
        self,
        task: StepTask,
        pool: NodePoolState,
        outputs: InfrastructureOutputs,
        name: str,
        type_id: str,
        zone: str,
        token: str,
    ) -> str:
        record, infra = task.record, pool.spec.infra
        disk = infra.disk or record.config.iaas.disk
        return self._ecs(task).run_instance(
            name=name,
            image_id=infra.image_id or record.config.iaas.image,
            type_id=type_id,
            zone_id=zone,
            vswitch_id=outputs.vswitch_ids[zone],
            security_group_id=outputs.security_group_id,
            disk_type=disk.type,
            disk_gigabytes=disk.gigabytes,
            role_name=outputs.worker_role,
            tags={
                **infra.tags,
                **cluster_tags(record),
                names.TAG_ROLE: names.ROLE_WORKER,
                names.TAG_NODE_POOL: pool.name,
            },
            client_token=token,
        )

    # --- one machine fewer ----------------------------------------------------------------------

    def _shrink_by_one(self, task: StepTask, instance_id: str, pool: NodePoolState | None) -> Attempt:
        ecs, record = self._ecs(task), task.record
        machine = find_machine(ecs, record, instance_id)
        try:
            with cluster_api(self._clients, record) as api:
                if machine is None:
                    return attempt(task, Outcome.DONE, "it is gone", subject=instance_id)
                kept = self._emptied(task, api, machine, pool)
                if kept is not None:
                    return kept
                delete_and_await(ecs, record, instance_id)
                if machine.private_ip:
                    api.delete_node(machine.node_name)
        except PermanentError as error:
            return attempt(task, Outcome.FAILED, str(error), subject=instance_id)
        return attempt(task, Outcome.DONE, subject=instance_id)

    def _emptied(
        self, task: StepTask, api: ClusterApi, machine: MachineState, pool: NodePoolState | None
    ) -> Attempt | None:
        """Drain the machine; None when it is to be deleted, else why it stays."""
        if pool is None:
            raise PermanentError(f"there is no node pool {machine.node_pool}")
        if machine.private_ip and api.node(machine.node_name) is not None:
            last = drain(api, machine.node_name, pool.spec.drain)
            if last.outcome is DrainOutcome.GAVE_UP:
                api.set_unschedulable(machine.node_name, False)
                blocked_by = last.blocked[0].budget if last.blocked else ""
                return attempt(
                    task,
                    Outcome.FAILED,
                    last.message,
                    subject=machine.instance_id,
                    blocked_by=blocked_by,
                )
        if machine.instance_id not in self._still_to_go(task, api):
            if machine.private_ip:
                api.set_unschedulable(machine.node_name, False)
            return attempt(task, Outcome.DONE, "it stays after all", subject=machine.instance_id)
        return None

    def _still_to_go(self, task: StepTask, api: ClusterApi) -> tuple[str, ...]:
        view = read_api(api)
        observation = ClusterObservation(
            at=datetime.now(UTC),
            api=Health.HEALTHY,
            machines=fleet(self._ecs(task), task.record),
            nodes=view.nodes,
            node_pools=view.node_pools,
        )
        target = task.act.target
        return still_to_go(observation, target.node_pool, target.instance_ids, task.memory)

    # --------------------------------------------------------------------------------------------

    def _pools(self, task: StepTask, wanted: set[str]) -> dict[str, NodePoolState]:
        with cluster_api(self._clients, task.record) as api:
            found = {name: api.node_pool(name) for name in sorted(wanted)}
        return {name: node_pool_state(each) for name, each in found.items() if each is not None}

    def _outputs(self, task: StepTask) -> InfrastructureOutputs:
        stack = self._clients.ros(task.record.provider).stack(task.record.stack_id)
        if stack is None or stack.deleted:
            raise PermanentError(f"stack {task.record.stack_id} is gone; without it there is no network")
        return outputs_of(stack.stack_id, stack.outputs)

    def _ecs(self, task: StepTask) -> EcsClient:
        return self._clients.ecs(task.record.provider)


def _offers(choices: Sequence[TypeChoice], zone: str) -> list[tuple[TypeChoice, str]]:
    """Each type in the wished zone first, then in the pool's others."""
    here = [(choice, zone) for choice in choices if zone in choice.zones]
    elsewhere = [(choice, other) for choice in choices for other in choice.zones if other != zone]
    return [*here, *elsewhere]
