"""wdrip's activities upon the simulated world, under the same names and with the same types."""

from contextlib import AbstractContextManager
from typing import Any

from temporalio import activity

from activities.tasks import (
    BackendsTask,
    HandoverTask,
    InitTask,
    MachineTask,
    NodeTask,
    SecretsTask,
    StartedMachine,
    TransitObject,
    Validated,
)
from tests.world.recovering import RecoveringActivities
from tests.world.world import World
from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.cluster import ClusterRecord, CreateRequest, InfrastructureOutputs, Machine, Versions

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nsimulated\n-----END CERTIFICATE-----"
VERSIONS = Versions(kubernetes="1.20.2", etcd="3.4.23", runtime="containerd 1.6.20")


class SimulatedActivities(RecoveringActivities):
    """One class for all: `all_of` lists them for a worker."""

    def __init__(self, world: World) -> None:
        super().__init__(world)

    def all_of(self) -> list[Any]:
        """The activities, to be given to a worker."""
        return [
            method
            for name in dir(self)
            if hasattr(method := getattr(self, name), "__temporal_activity_definition")
        ]

    # validation

    @activity.defn(no_thread_cancel_exception=True)
    def validate_cluster(self, request: CreateRequest) -> Validated:
        with self._world.call("validate_cluster"):
            if request.config.iaas.region == "cn-nowhere":
                raise InvalidInput("iaas.region", "there is no region cn-nowhere", "use cn-hangzhou")
        return Validated(asked=VERSIONS, actual=VERSIONS, package="kubernetes-v1.20.2", notes=["a note"])

    # index

    @activity.defn(no_thread_cancel_exception=True)
    def claim_name(self, record: ClusterRecord) -> None:
        with self._world.call("claim_name"):
            found = self._world.index.setdefault(record.name, record)
            if found.uid != record.uid:
                raise InvalidInput(
                    "clusterid", f"cluster {record.name} already exists", "choose another name"
                )

    @activity.defn(no_thread_cancel_exception=True)
    def save_record(self, record: ClusterRecord) -> None:
        with self._world.call("save_record"):
            self._world.index[record.name] = record

    @activity.defn(no_thread_cancel_exception=True)
    def remove_record(self, record: ClusterRecord) -> None:
        with self._world.call("remove_record"):
            found = self._world.index.get(record.name)
            if found and found.uid == record.uid:
                del self._world.index[record.name]

    # secrets

    @activity.defn(no_thread_cancel_exception=True)
    def issue_secrets(self, task: SecretsTask) -> None:
        with self._world.call("issue_secrets"):
            self._world.secrets.add(task.record.name)
            self._world.transit.discard(task.token_reference or "")

    @activity.defn(no_thread_cancel_exception=True)
    def remove_secrets(self, record: ClusterRecord) -> None:
        with self._world.call("remove_secrets"):
            self._world.secrets.discard(record.name)

    @activity.defn(no_thread_cancel_exception=True)
    def discard_transit(self, found: TransitObject) -> None:
        with self._world.call("discard_transit"):
            self._world.transit.discard(found.key)

    # infrastructure

    @activity.defn(no_thread_cancel_exception=True)
    def create_stack(self, record: ClusterRecord) -> str:
        with self._world.call("create_stack"):
            return self._world.stacks.setdefault(record.name, f"stack-{record.uid}")

    @activity.defn(no_thread_cancel_exception=True)
    def await_stack(self, record: ClusterRecord) -> InfrastructureOutputs:
        with self._world.call("await_stack"):
            pass
        return InfrastructureOutputs(
            stack_id=record.stack_id,
            vpc_id="vpc-1",
            vswitch_ids={record.config.iaas.zoneid: "vsw-1"},
            security_group_id="sg-1",
            load_balancer_id="lb-1",
            public_endpoint="127.47.0.1",
            private_endpoint="192.168.0.75",
            master_role="master",
            worker_role="worker",
        )

    @activity.defn(no_thread_cancel_exception=True)
    def set_backends(self, task: BackendsTask) -> None:
        with self._world.call("set_backends"):
            self._world.backends[task.stack_id] = task.instance_ids
            self._world.cluster.set_backends(task.instance_ids)

    @activity.defn(no_thread_cancel_exception=True)
    def delete_stack(self, record: ClusterRecord) -> None:
        with self._world.call("delete_stack"):
            if self._world.machines:
                raise PermanentError("a stack cannot go while machines stand in its network")
            self._world.stacks.pop(record.name, None)

    # machines

    @activity.defn(no_thread_cancel_exception=True)
    def start_first_master(self, task: MachineTask) -> str:
        with self._world.call("start_first_master"):
            instance_id = f"i-{task.record.uid[:8]}"
            machine = Machine(
                instance_id=instance_id, private_ip="192.168.0.77", zone_id="cn-hangzhou-k", role="master"
            )
            self._world.machines.setdefault(instance_id, (task.record.uid, machine))
            if instance_id not in self._world.cluster.hosts:
                self._world.cluster.adopt(machine)
        return instance_id

    @activity.defn(no_thread_cancel_exception=True)
    def await_machine(self, task: StartedMachine) -> Machine:
        with self._world.call("await_machine"):
            return self._world.machines[task.instance_id][1]

    @activity.defn(no_thread_cancel_exception=True)
    def delete_machines(self, record: ClusterRecord) -> None:
        with self._world.call("delete_machines"):
            gone = [one for one, (uid, _) in self._world.machines.items() if uid == record.uid]
            for instance_id in gone:
                del self._world.machines[instance_id]
            self._world.cluster.hosts.clear()

    @activity.defn(no_thread_cancel_exception=True)
    def confirm_gone(self, record: ClusterRecord) -> None:
        with self._world.call("confirm_gone"):
            if self._world.billed():
                raise PermanentError(f"still there: {', '.join(self._world.billed())}")

    # bootstrap

    @activity.defn(no_thread_cancel_exception=True)
    def prepare_identity(self, task: NodeTask) -> str:
        with self._on(task, "prepare_identity"):
            return CERTIFICATE

    @activity.defn(no_thread_cancel_exception=True)
    def install_package(self, task: NodeTask) -> None:
        with self._on(task, "install_package"):
            pass

    @activity.defn(no_thread_cancel_exception=True)
    def hand_over_secrets(self, task: HandoverTask) -> None:
        with self._on(task, "hand_over_secrets"):
            assert task.certificate == CERTIFICATE

    @activity.defn(no_thread_cancel_exception=True)
    def start_first_etcd(self, task: NodeTask) -> None:
        with self._on(task, "start_first_etcd"):
            self._needs(task, "install_package", "hand_over_secrets")

    @activity.defn(no_thread_cancel_exception=True)
    def init_control_plane(self, task: InitTask) -> str:
        with self._on(task, "init_control_plane"):
            self._needs(task, "start_first_etcd")
        return "initialized"

    @activity.defn(no_thread_cancel_exception=True)
    def configure_pod_network(self, task: NodeTask) -> None:
        with self._on(task, "configure_pod_network"):
            self._needs(task, "init_control_plane")
            self._world.cluster.found(task.machine.instance_id)

    @activity.defn(no_thread_cancel_exception=True)
    def collect_diagnostics(self, task: NodeTask) -> str:
        with self._on(task, "collect_diagnostics"):
            return "kubelet: network plugin is not ready"

    # kubernetes

    @activity.defn(no_thread_cancel_exception=True)
    def await_node_ready(self, task: NodeTask) -> None:
        with self._on(task, "await_node_ready"):
            self._needs(task, "configure_pod_network")

    @activity.defn(no_thread_cancel_exception=True)
    def define_objects(self, record: ClusterRecord) -> None:
        with self._world.call("define_objects"):
            self._world.objects.add(record.name)
            self._world.cluster.define()

    def _on(self, task: NodeTask, name: str) -> AbstractContextManager[None]:
        if task.machine.instance_id not in self._world.machines:
            raise PermanentError(f"{name}: machine {task.machine.instance_id} is gone")
        self._world.done_on[task.machine.instance_id].append(name)
        return self._world.call(name)

    def _needs(self, task: NodeTask, *earlier: str) -> None:
        missing = set(earlier) - set(self._world.done_on[task.machine.instance_id])
        if missing:
            raise PermanentError(f"comes too early: {missing} must have run on the machine")
