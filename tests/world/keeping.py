"""The activities that keep a cluster, upon the simulated one."""

from collections.abc import Callable
from datetime import UTC, datetime

from temporalio import activity
from temporalio.exceptions import CancelledError

from activities.tasks import (
    BackupTask,
    Change,
    Observed,
    ObserveTask,
    ScaleTask,
    StatusTask,
    StepResult,
    StepTask,
    WatchTask,
)
from tests.world.cluster import Node, SimulatedCluster
from tests.world.world import World
from wdrip import names
from wdrip.errors import PermanentError
from wdrip.models.backup import BackupEntry
from wdrip.models.observation import Attempt, Outcome, pool_group

_GLANCE_SECONDS = 0.02
"""How often a simulated watch looks."""


class KeepingActivities:
    """Looks, watches, statuses and steps. Each step tells why it failed, or nothing."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _cluster(self) -> SimulatedCluster:
        return self._world.cluster

    # --- looks ----------------------------------------------------------------------------------

    @activity.defn(no_thread_cancel_exception=True)
    def observe(self, task: ObserveTask) -> Observed:
        with self._world.look("observe"):
            return self._cluster.observed(task.record)

    @activity.defn(no_thread_cancel_exception=True)
    def await_change(self, task: WatchTask) -> Change:
        with self._world.look("await_change"):
            ticks = self._cluster.ticks
            while True:
                seen = self._cluster.seen()
                changed = {*seen.items()} ^ {*task.seen.items()} if task.seen else set()
                over = task.until is not None and datetime.now(UTC) >= task.until
                if changed or over or ticks != self._cluster.ticks:
                    return Change(seen=seen, changed=tuple(sorted({key for key, _ in changed})))
                activity.wait_for_cancelled_sync(_GLANCE_SECONDS)
                if activity.is_cancelled():
                    raise CancelledError("nobody watches any more")

    @activity.defn(no_thread_cancel_exception=True)
    def write_status(self, task: StatusTask) -> None:
        with self._world.look("write_status"):
            self._world.statuses.append(task)

    # --- requests and backups -------------------------------------------------------------------

    @activity.defn(no_thread_cancel_exception=True)
    def set_replicas(self, task: ScaleTask) -> None:
        with self._world.call("set_replicas"):
            self._cluster.scale(task.replicas)

    @activity.defn(no_thread_cancel_exception=True)
    def take_backup(self, task: BackupTask) -> BackupEntry:
        now = datetime.now(UTC)
        with self._world.call("take_backup"):
            if task.from_survivor and not self._cluster.masters():
                raise PermanentError("no master tells etcd's members, so no backup can be taken")
            self._cluster.backups += 1
        date = f"{now:%Y%m%d-%H%M}"
        return BackupEntry(
            name=task.record.name,
            cluster_uid=task.record.uid,
            date=date,
            path=names.backup_key(task.record.name, date),
            kubernetes_version="v1.20.2",
            taken_at=now,
            uploaded_at=now,
            member="a-member",
            revision=100,
            total_keys=10,
            etcd_version="3.4.23",
            size=1024,
            sha256="ab" * 32,
        )

    # --- masters --------------------------------------------------------------------------------

    @activity.defn(no_thread_cancel_exception=True)
    def launch_master(self, task: StepTask) -> StepResult:
        started = self._cluster.now()
        zones = [each.zone_id for each in task.act.target.launches]
        with self._world.call("launch_master"):
            for number, zone in enumerate(zones):
                host = self._cluster.add_host(f"{task.attempt_id}-{number}", zone, names.ROLE_MASTER)
                self._world.machines[host.machine.instance_id] = (task.record.uid, host.machine)
        attempts = [self._attempt(task, started, zone, task.act.group) for zone in dict.fromkeys(zones)]
        return StepResult(attempts=tuple(attempts))

    @activity.defn(no_thread_cancel_exception=True)
    def join_etcd(self, task: StepTask) -> StepResult:
        return self._step(task, "join_etcd", lambda: self._cluster.add_learner(task.act.target.instance_id))

    @activity.defn(no_thread_cancel_exception=True)
    def promote_member(self, task: StepTask) -> StepResult:
        return self._step(task, "promote_member", lambda: self._cluster.promote(task.act.target.instance_id))

    @activity.defn(no_thread_cancel_exception=True)
    def join_control_plane(self, task: StepTask) -> StepResult:
        started = self._cluster.now()
        instance_ids = task.act.target.instance_ids
        with self._world.call("join_control_plane"):
            for instance_id in instance_ids:
                self._cluster.add_node(instance_id)
        attempts = [self._attempt(task, started, each, task.act.group) for each in instance_ids]
        return StepResult(attempts=tuple(attempts))

    @activity.defn(name="set_master_backends", no_thread_cancel_exception=True)
    def set_master_backends(self, task: StepTask) -> StepResult:
        backends = task.act.target.instance_ids
        return self._step(task, "set_master_backends", lambda: self._cluster.set_backends(backends))

    @activity.defn(no_thread_cancel_exception=True)
    def move_leader(self, task: StepTask) -> StepResult:
        return self._step(task, "move_leader", lambda: self._cluster.lead(task.act.target.to_member_id))

    @activity.defn(no_thread_cancel_exception=True)
    def remove_member(self, task: StepTask) -> StepResult:
        return self._step(
            task, "remove_member", lambda: self._cluster.remove_member(task.act.target.member_id)
        )

    # --- machines -------------------------------------------------------------------------------

    @activity.defn(no_thread_cancel_exception=True)
    def drain(self, task: StepTask) -> StepResult:
        return self._step(
            task, "drain", lambda: self._cluster.cordon(task.act.target.node_name, unschedulable=True)
        )

    @activity.defn(no_thread_cancel_exception=True)
    def uncordon(self, task: StepTask) -> StepResult:
        return self._step(
            task,
            "uncordon",
            lambda: self._cluster.cordon(task.act.target.node_name, unschedulable=False),
        )

    @activity.defn(no_thread_cancel_exception=True)
    def start_machine(self, task: StepTask) -> StepResult:
        return self._step(task, "start_machine", lambda: self._heal(task))

    @activity.defn(no_thread_cancel_exception=True)
    def restart_services(self, task: StepTask) -> StepResult:
        return self._step(task, "restart_services", lambda: self._heal(task))

    @activity.defn(no_thread_cancel_exception=True)
    def reboot(self, task: StepTask) -> StepResult:
        return self._step(task, "reboot", lambda: self._heal(task))

    @activity.defn(no_thread_cancel_exception=True)
    def replace_system_disk(self, task: StepTask) -> StepResult:
        return self._step(task, "replace_system_disk", lambda: self._heal(task))

    @activity.defn(no_thread_cancel_exception=True)
    def join_worker(self, task: StepTask) -> StepResult:
        return self._step(task, "join_worker", lambda: self._register(task))

    @activity.defn(no_thread_cancel_exception=True)
    def delete_machine(self, task: StepTask) -> StepResult:
        return self._step(task, "delete_machine", lambda: self._release(task.act.target.instance_id))

    @activity.defn(no_thread_cancel_exception=True)
    def delete_node(self, task: StepTask) -> StepResult:
        return self._step(task, "delete_node", lambda: self._cluster.delete_node(task.act.target.node_name))

    # --- pools ----------------------------------------------------------------------------------

    @activity.defn(no_thread_cancel_exception=True)
    def grow_pools(self, task: StepTask) -> StepResult:
        started = self._cluster.now()
        attempts = []
        with self._world.call("grow_pools"):
            for number, launch in enumerate(task.act.target.launches):
                token = f"{task.attempt_id}-{number}"
                host = self._cluster.add_host(token, launch.zone_id, names.ROLE_WORKER, launch.node_pool)
                self._world.machines[host.machine.instance_id] = (task.record.uid, host.machine)
                self._cluster.nodes.setdefault(host.node_name, Node(ready=True))
                group = pool_group(launch.node_pool)
                attempts.append(self._attempt(task, started, host.machine.instance_id, group))
        return StepResult(attempts=tuple(attempts))

    @activity.defn(no_thread_cancel_exception=True)
    def shrink_pool(self, task: StepTask) -> StepResult:
        started = self._cluster.now()
        attempts = []
        with self._world.call("shrink_pool"):
            for instance_id in task.act.target.instance_ids:
                host = self._cluster.hosts.get(instance_id)
                self._release(instance_id)
                if host:
                    self._cluster.delete_node(host.node_name)
                attempts.append(self._attempt(task, started, instance_id, task.act.group))
        return StepResult(attempts=tuple(attempts))

    @activity.defn(no_thread_cancel_exception=True)
    def set_desired(self, task: StepTask) -> StepResult:
        target = task.act.target
        return self._step(
            task, "set_desired", lambda: self._cluster.apply_pool(target.node_pool, target.desired or 0)
        )

    @activity.defn(no_thread_cancel_exception=True)
    def release_pool(self, task: StepTask) -> StepResult:
        return self._step(task, "release_pool", lambda: self._forget(task.act.target.node_pool))

    # --- how ------------------------------------------------------------------------------------

    def _step(self, task: StepTask, name: str, effect: Callable[[], str | None]) -> StepResult:
        started = self._cluster.now()
        with self._world.call(name):
            failure = effect() or ""
        attempt = self._attempt(task, started, task.act.target.subject, task.act.group, failure)
        return StepResult(attempts=(attempt,))

    def _attempt(
        self, task: StepTask, started: datetime, subject: str, group: str, failure: str = ""
    ) -> Attempt:
        return Attempt(
            subject=subject,
            group=group,
            step=task.act.step,
            started=started,
            finished=self._cluster.now(),
            outcome=Outcome.FAILED if failure else Outcome.DONE,
            detail=failure,
        )

    def _register(self, task: StepTask) -> str:
        self._cluster.add_node(task.act.target.instance_id)
        return ""

    def _heal(self, task: StepTask) -> str:
        host = self._cluster.hosts[task.act.target.instance_id]
        if task.act.step in self._world.in_vain:
            return ""
        host.well, host.status = True, "Running"
        return ""

    def _release(self, instance_id: str) -> str:
        self._cluster.delete_host(instance_id)
        self._world.machines.pop(instance_id, None)
        return ""

    def _forget(self, pool: str) -> str:
        self._cluster.pools.pop(pool, None)
        return ""
