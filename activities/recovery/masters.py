"""The new first master of a recovery: built beside what is there, and proven before anything is touched."""

from datetime import UTC, datetime

from temporalio import activity

from activities.bootstrap import Bootstrap, node_name
from activities.clients import Clients
from activities.commands import carry_out
from activities.fleet import await_running, cluster_tags
from activities.joining import Joining
from activities.launching import read_outputs, run_master
from activities.snapshots import URL_SECONDS
from activities.tasks import InitTask, NodeTask, RecoverTask
from activities.waiting import Look, wait_for
from wdrip import names
from wdrip.clients.backup_store import BackupStore
from wdrip.clients.ecs import EcsClient, Instance
from wdrip.clients.errors import OutOfStockError
from wdrip.errors import PermanentError
from wdrip.models.backup import Verdict, VerdictKind
from wdrip.models.cluster import Machine
from wdrip.models.recovery import Restored
from wdrip.nodes import backup_operations as backups
from wdrip.nodes import operations
from wdrip.nodes.operations import NodeOperation
from wdrip.planning.recovery import nodes_without_machine

_READY_SECONDS = 180
"""For the restored kubelet's Node; with its images there it takes seconds."""


class RecoveryMasters:
    """Builds, proves and starts it. Every step may be repeated."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._bootstrap = Bootstrap(clients)
        self._joining = Joining(clients)

    @activity.defn(no_thread_cancel_exception=True)
    def build_recovery_master(self, task: RecoverTask) -> Machine:
        """Start a machine, install the software and hand over the staged secrets.

        Raises PermanentError when no zone of the cluster gives a machine.
        """
        record, ecs = task.record, self._ecs(task)
        instance = await_running(ecs, self._started(task))
        machine = Machine(
            instance_id=instance.instance_id,
            private_ip=instance.private_ip,
            zone_id=instance.zone_id,
            role=names.ROLE_MASTER,
        )
        self._joining.prepare(
            NodeTask(record=record, machine=machine),
            names.staged_secrets_key(record.name, task.attempt_id),
        )
        return machine

    @activity.defn(no_thread_cancel_exception=True)
    def prove_backup(self, task: RecoverTask) -> Verdict:
        """Restore the backup into an etcd of its own on the new machine and read it; the verdict is written
        beside it."""
        entry, bucket = task.backup, self._clients.bucket(task.record.provider)
        store = BackupStore(bucket, entry.name)
        with store.held(entry.date):
            found = bucket.head(entry.path)
            misfit = entry.misfit(None if found is None else found.size)
            if misfit:
                now = datetime.now(UTC)
                verdict = Verdict(verified_at=now, kind=VerdictKind.DRILL, ok=False, reason=misfit)
            else:
                verdict = self._drilled(task)
            store.judge(entry.date, verdict)
        return verdict

    @activity.defn(no_thread_cancel_exception=True)
    def restore_backup(self, task: RecoverTask) -> Restored:
        """Start etcd as a new cluster of one from the backup, and compare what it holds.

        Raises PermanentError when it is not what was backed up.
        """
        entry, machine = task.backup, task.node.machine
        url = self._clients.bucket(task.record.provider).presigned_get(entry.path, URL_SECONDS)
        name = node_name(task.node)
        output = self._run(task, backups.restore_etcd(entry, url, name, machine.private_ip, task.attempt_id))
        try:
            return backups.restored(output)
        except ValueError as error:
            raise PermanentError(f"{machine.instance_id} did not tell what it restored: {error}") from error

    @activity.defn(no_thread_cancel_exception=True)
    def start_restored_control_plane(self, task: RecoverTask) -> None:
        """`kubeadm init` upon the restored etcd, with certificates for this cluster's addresses, and the pod
        network. Nobody is led to it yet."""
        outputs = read_outputs(self._clients, task.record)
        machine = task.node.machine
        self._bootstrap.init_control_plane(InitTask(record=task.record, machine=machine, outputs=outputs))
        self._bootstrap.configure_pod_network(task.node)

    @activity.defn(no_thread_cancel_exception=True)
    def clean_stale(self, task: RecoverTask) -> tuple[str, ...]:
        """Remove what the restored cluster believes of machines that are not there; the Nodes that went."""
        machine, in_place = task.node.machine, task.plan.in_place
        nodes = operations.names_in(self._run(task, operations.list_nodes()))
        living = {machine.instance_id}
        if in_place:
            living |= {each.instance_id for each in self._instances(task) if _works(each)}
        gone = nodes_without_machine(nodes, living)
        self._run(
            task,
            backups.clean_after_restore(
                node_name(task.node), machine.private_ip, gone, all_others=not in_place
            ),
        )
        return gone

    @activity.defn(no_thread_cancel_exception=True)
    def check_restored_node(self, task: RecoverTask) -> None:
        """See the new master's Node Ready, by its own API server."""
        self._run(task, operations.wait_node_ready(node_name(task.node), _READY_SECONDS))

    @activity.defn(no_thread_cancel_exception=True)
    def release_recovery_master(self, task: RecoverTask) -> None:
        """Undo: delete the machine that this recovery built, and wait until it is gone."""
        ecs = self._ecs(task)

        def gone() -> bool | Look:
            left = [each for each in self._instances(task) if _is_coming(each, task.attempt_id)]
            for each in left:
                ecs.delete_instance(each.instance_id)
            return not left or Look(seen=", ".join(f"{each.instance_id} {each.status}" for each in left))

        wait_for("the recovery's machine to be gone", gone, "delete it in the ECS console")

    def _drilled(self, task: RecoverTask) -> Verdict:
        entry = task.backup
        url = self._clients.bucket(task.record.provider).presigned_get(entry.path, URL_SECONDS)
        output = self._run(task, backups.verify_snapshot(entry, url, keep=True))
        try:
            return backups.verdict_of(output, datetime.now(UTC))
        except ValueError as error:
            raise PermanentError(f"{task.node.machine.instance_id} gave no verdict: {error}") from error

    def _started(self, task: RecoverTask) -> str:
        """The machine of this recovery, in the first of the cluster's zones that has one to sell."""
        record = task.record
        found = [each for each in self._instances(task) if _is_coming(each, task.attempt_id)]
        if found:
            return found[0].instance_id
        outputs = read_outputs(self._clients, record)
        tags = {names.TAG_ROLE: names.ROLE_COMING, names.TAG_RECOVERY: task.attempt_id}
        reasons = []
        for zone in record.config.iaas.all_zones:
            token = names.client_token(record.uid, f"recovery/{task.attempt_id}/{zone}")
            try:
                return run_master(self._clients, record, outputs, zone, tags, token)
            except OutOfStockError as error:
                reasons.append(str(error))
        raise PermanentError("; ".join(reasons))

    def _instances(self, task: RecoverTask) -> list[Instance]:
        return self._ecs(task).instances(tags=cluster_tags(task.record))

    def _ecs(self, task: RecoverTask) -> EcsClient:
        return self._clients.ecs(task.record.provider)

    def _run(self, task: RecoverTask, operation: NodeOperation) -> str:
        return carry_out(self._ecs(task), task.node.machine.instance_id, operation)


def _is_coming(instance: Instance, attempt_id: str) -> bool:
    tags = instance.tags
    return tags.get(names.TAG_RECOVERY) == attempt_id and tags.get(names.TAG_ROLE) == names.ROLE_COMING


def _works(instance: Instance) -> bool:
    return instance.tags.get(names.TAG_ROLE) == names.ROLE_WORKER
