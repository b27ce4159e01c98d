"""Child workflow: from a network to the first control plane node."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.bootstrap import Bootstrap
    from activities.infrastructure import Infrastructure
    from activities.machines import Machines
    from activities.tasks import (
        BackendsTask,
        HandoverTask,
        InitTask,
        MachineTask,
        NodeTask,
        StartedMachine,
    )
    from wdrip.models.cluster import Machine
from workflows import plans
from workflows.calls import act, together
from workflows.children import ReportingBoard


@workflow.defn(name="BootstrapFirstMaster")
class BootstrapFirstMaster:
    """Starts a machine and makes it a cluster of one. Undoing it is the parent's business."""

    @workflow.init
    def __init__(self, task: MachineTask) -> None:
        self._task = task
        self._record = task.record
        self._board = ReportingBoard(plans.FIRST_MASTER_STEPS)

    @workflow.run
    async def run(self, task: MachineTask) -> Machine:  # noqa: ARG002 - `__init__` has it
        """The machine, once it serves."""
        async with self._board.reporting():
            machine = await self._start_machine()
            node = NodeTask(record=self._record, machine=machine)
            # The load balancer checks health itself, so the machine may stand behind it before it serves.
            await together(self._put_behind_load_balancer(machine), self._make_control_plane(node))
            return machine

    async def _start_machine(self) -> Machine:
        async with self._board.step(plans.MACHINE):
            instance_id = await act(
                Machines.start_first_master,
                self._task,
                summary=f"Start a {self._record.config.iaas.instance} for the first master",
                deadline=plans.MACHINE.deadline,
            )
            return await act(
                Machines.await_machine,
                StartedMachine(record=self._record, instance_id=instance_id),
                summary=f"Wait until {instance_id} runs and its Cloud Assistant answers",
                deadline=plans.MACHINE.deadline,
            )

    async def _put_behind_load_balancer(self, machine: Machine) -> None:
        async with self._board.step(plans.ENDPOINT):
            await act(
                Infrastructure.set_backends,
                BackendsTask(
                    record=self._record,
                    stack_id=self._task.outputs.stack_id,
                    instance_ids=[machine.instance_id],
                ),
                summary=f"Put {machine.instance_id} behind the load balancer",
                deadline=plans.ENDPOINT.deadline,
            )

    async def _make_control_plane(self, node: NodeTask) -> None:
        # Fetching the software and making the key need nothing of each other.
        await together(self._install_package(node), self._hand_over_secrets(node))
        where = node.machine.instance_id
        async with self._board.step(plans.ETCD):
            await act(
                Bootstrap.start_first_etcd,
                node,
                summary=f"Start etcd on {where}",
                deadline=plans.ETCD.deadline,
            )
        async with self._board.step(plans.CONTROL_PLANE):
            await act(
                Bootstrap.init_control_plane,
                InitTask(record=node.record, machine=node.machine, outputs=self._task.outputs),
                summary=f"kubeadm init on {where}",
                deadline=plans.CONTROL_PLANE.deadline,
            )
        async with self._board.step(plans.POD_NETWORK):
            await act(
                Bootstrap.configure_pod_network,
                node,
                summary=f"Configure the pod network on {where}",
                deadline=plans.POD_NETWORK.deadline,
            )

    async def _install_package(self, node: NodeTask) -> None:
        async with self._board.step(plans.PACKAGE):
            await act(
                Bootstrap.install_package,
                node,
                summary=f"Install {self._record.package} on {node.machine.instance_id}",
                deadline=plans.PACKAGE.deadline,
            )

    async def _hand_over_secrets(self, node: NodeTask) -> None:
        where = node.machine.instance_id
        async with self._board.step(plans.IDENTITY):
            certificate = await act(
                Bootstrap.prepare_identity,
                node,
                summary=f"Make a key on {where} and read its certificate",
                deadline=plans.IDENTITY.deadline,
            )
        async with self._board.step(plans.HANDOVER):
            await act(
                Bootstrap.hand_over_secrets,
                HandoverTask(record=node.record, machine=node.machine, certificate=certificate),
                summary=f"Hand the secrets to {where}, encrypted to its key",
                deadline=plans.HANDOVER.deadline,
            )
