"""The steps that any machine may need."""

from temporalio import activity

from activities.access import cluster_api
from activities.clients import Clients
from activities.commands import carry_out
from activities.draining import drain
from activities.fleet import await_running, await_status, delete_and_await, find_machine, require_machine
from activities.joining import Joining
from activities.steps.attempts import attempt, attempted
from activities.tasks import NodeTask, StepResult, StepTask
from activities.waiting import Look, wait_for
from wdrip import names
from wdrip.clients.cluster_objects import node_pool_state
from wdrip.clients.ecs import EcsClient
from wdrip.errors import PermanentError, TemporaryError
from wdrip.models.node_pool import DrainPolicy, NodePoolSpec
from wdrip.models.observation import MachineState, Outcome
from wdrip.nodes.operations import restart_services
from wdrip.planning.drain import DrainOutcome

MASTER_DRAIN = DrainPolicy(timeout_seconds=300)
"""A master's pods are mostly its own; what a budget still holds after that is told, not waited for."""


class MachineSteps:
    """Empties, heals and deletes machines. Every step may be repeated."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._joining = Joining(clients)

    @activity.defn(no_thread_cancel_exception=True)
    def drain(self, task: StepTask) -> StepResult:
        """Cordon, and evict what can be evicted until the deadline; what is left is told."""
        name = self._node_name(task)
        if not name:
            return StepResult(attempts=(attempt(task, Outcome.DONE, "it has no Node"),))
        with cluster_api(self._clients, task.record) as api:
            machine = self._found(task)
            pool = api.node_pool(machine.node_pool) if machine and machine.node_pool else None
            policy = node_pool_state(pool).spec.drain if pool else MASTER_DRAIN
            last = drain(api, name, policy)
        outcome = Outcome.DONE if last.outcome is DrainOutcome.EMPTY else Outcome.FAILED
        blocked_by = last.blocked[0].budget if last.blocked else ""
        return StepResult(attempts=(attempt(task, outcome, last.message, blocked_by=blocked_by),))

    @activity.defn(no_thread_cancel_exception=True)
    def uncordon(self, task: StepTask) -> StepResult:
        """Let the Node take pods again; one that is gone is left."""

        def work() -> None:
            with cluster_api(self._clients, task.record) as api:
                api.set_unschedulable(self._node_name(task), False)

        return attempted(task, work)

    @activity.defn(no_thread_cancel_exception=True)
    def start_machine(self, task: StepTask) -> StepResult:
        """Switch a stopped machine on, up to an answering Cloud Assistant."""

        def work() -> None:
            ecs, instance_id = self._ecs(task), task.act.target.instance_id
            machine = self._required(task)
            if machine.status == "Stopped":
                ecs.start_instance(instance_id)
            await_running(ecs, instance_id)

        return attempted(task, work)

    @activity.defn(no_thread_cancel_exception=True)
    def restart_services(self, task: StepTask) -> StepResult:
        """Restart containerd and the kubelet, and on a master an etcd that has stopped."""

        def work() -> None:
            self._required(task)
            carry_out(self._ecs(task), task.act.target.instance_id, restart_services())

        return attempted(task, work)

    @activity.defn(no_thread_cancel_exception=True)
    def reboot(self, task: StepTask) -> StepResult:
        """Restart the machine as by its button, since what ails it may not let it shut down."""

        def work() -> None:
            ecs, instance_id = self._ecs(task), task.act.target.instance_id
            if self._required(task).status == "Stopped":
                ecs.start_instance(instance_id)
            elif not activity.info().heartbeat_details:
                # A repetition that has heartbeats of the one before would cut its boot short.
                ecs.reboot_instance(instance_id, force=True)
            await_running(ecs, instance_id)

        return attempted(task, work)

    @activity.defn(no_thread_cancel_exception=True)
    def replace_system_disk(self, task: StepTask) -> StepResult:
        """Begin anew on a fresh disk, up to an answering Cloud Assistant."""
        return attempted(task, lambda: self._replace_disk(task))

    @activity.defn(no_thread_cancel_exception=True)
    def join_worker(self, task: StepTask) -> StepResult:
        """Install and `kubeadm join` as a worker of the machine's pool, up to a Ready Node."""

        def work() -> None:
            machine = self._required(task)
            with cluster_api(self._clients, task.record) as api:
                pool = api.node_pool(machine.node_pool)
            if pool is None:
                raise PermanentError(f"there is no node pool {machine.node_pool}")
            self.join_and_await(task, machine.instance_id, machine.node_pool, node_pool_state(pool).spec)

        return attempted(task, work)

    @activity.defn(no_thread_cancel_exception=True)
    def delete_machine(self, task: StepTask) -> StepResult:
        """Delete the machine with its disk, and wait until it is gone."""

        def work() -> None:
            delete_and_await(self._ecs(task), task.record, task.act.target.instance_id)

        return attempted(task, work)

    @activity.defn(no_thread_cancel_exception=True)
    def delete_node(self, task: StepTask) -> StepResult:
        """Delete the Node object."""

        def work() -> None:
            with cluster_api(self._clients, task.record) as api:
                api.delete_node(task.act.target.node_name)

        return attempted(task, work)

    def _replace_disk(self, task: StepTask) -> None:
        record, ecs, instance_id = task.record, self._ecs(task), task.act.target.instance_id
        machine = self._required(task)
        token = names.client_token(record.uid, f"disk/{task.attempt_id}")
        if machine.status != "Stopped":
            ecs.stop_instance(instance_id, force=True)
            await_status(ecs, instance_id, "Stopped")
        # Repeated, the token makes it the same replacement; the machine is only started once more.
        ecs.replace_system_disk(instance_id, machine.image_id, record.config.iaas.disk.gigabytes, token)
        ecs.start_instance(instance_id)
        await_running(ecs, instance_id)

    def join_and_await(self, task: StepTask, instance_id: str, pool: str, spec: NodePoolSpec) -> None:
        """Let the machine join as a worker of the pool and wait for its Ready Node."""
        machine = require_machine(self._ecs(task), task.record, instance_id)
        node = NodeTask(record=task.record, machine=machine)
        self._joining.join_worker(node, pool, spec)
        name = names.node_name(machine.private_ip, instance_id)

        def ready() -> bool | Look:
            try:
                state = api.node(name)
            except TemporaryError as error:
                return Look(seen=str(error))
            if state is None:
                return Look(seen="not registered yet")
            return state.ready or Look(seen=state.reason or "no Ready condition yet")

        with cluster_api(self._clients, task.record) as api:
            wait_for(f"node {name} to be Ready", ready, "see the machine's logs")

    def _ecs(self, task: StepTask) -> EcsClient:
        return self._clients.ecs(task.record.provider)

    def _found(self, task: StepTask) -> MachineState | None:
        return find_machine(self._ecs(task), task.record, task.act.target.instance_id)

    def _required(self, task: StepTask) -> MachineState:
        machine = self._found(task)
        if machine is None:
            raise PermanentError(f"machine {task.act.target.instance_id} is gone")
        return machine

    def _node_name(self, task: StepTask) -> str:
        """As the act names it, else by the machine; empty when neither is there."""
        machine = None if task.act.target.node_name else self._found(task)
        return task.act.target.node_name or (machine.node_name if machine else "")
