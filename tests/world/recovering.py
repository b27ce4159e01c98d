"""The activities of a recovery, upon the simulated world."""

from datetime import UTC, datetime

from temporalio import activity

from activities.tasks import OfferTask, RecoverTask, RetireTask
from tests.world.backing import BackingActivities
from tests.world.cluster import Host
from tests.world.world import World
from wdrip import names
from wdrip.models.backup import BackupIndex, Verdict, VerdictKind
from wdrip.models.cluster import ClusterRecord, Machine
from wdrip.models.recovery import RecoveryPlan, Restored
from wdrip.planning.recovery import RecoverySource, RecoveryTarget, plan_recovery

_VERSIONS = ("v1.20.2", "3.4.23")


class RecoveringActivities(BackingActivities):
    """Offers, proves, switches and takes back. Rules that must hold are the cluster's `broken_rules`."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._former_roles: dict[str, str] = {}
        """By instance id, of machines that were set aside."""

    @activity.defn(no_thread_cancel_exception=True)
    def offer_recovery(self, task: OfferTask) -> RecoveryPlan:
        with self._world.look("offer_recovery"):
            source = task.request.source or task.record.name
            index = BackupIndex.of(each for each in self._world.store if each.name == source)
            return plan_recovery(
                RecoverySource(source, "", ""),
                RecoveryTarget(task.record.name, *_VERSIONS, task.wanted_masters),
                index,
                {each.path: each.size for each in index.entries},
                datetime.now(UTC),
                date=task.request.date,
            )

    # --- identity and schedule --------------------------------------------------------------------

    # Not asynchronous as the real ones are: what hangs here must not hold up the worker's loop.

    @activity.defn(no_thread_cancel_exception=True)
    def pause_backups(self, task: RecoverTask) -> None:
        with self._world.call("pause_backups"):
            self._world.schedules.discard(task.record.name)

    @activity.defn(no_thread_cancel_exception=True)
    def resume_backups(self, task: RecoverTask) -> None:
        with self._world.call("resume_backups"):
            self._world.schedules.add(task.record.name)

    @activity.defn(no_thread_cancel_exception=True)
    def stage_identity(self, task: RecoverTask) -> ClusterRecord:
        with self._world.call("stage_identity"):
            self._world.secrets.add(_staged(task))
            return task.record

    @activity.defn(no_thread_cancel_exception=True)
    def adopt_identity(self, task: RecoverTask) -> None:
        with self._world.call("adopt_identity"):
            self._world.identity[task.record.name] = task.plan.source

    @activity.defn(no_thread_cancel_exception=True)
    def put_identity_back(self, task: RecoverTask) -> None:
        with self._world.call("put_identity_back"):
            self._world.secrets.discard(_staged(task))
            self._world.identity.pop(task.record.name, None)

    @activity.defn(no_thread_cancel_exception=True)
    def forget_former(self, task: RetireTask) -> None:
        with self._world.call("forget_former"):
            self._world.secrets.discard(f"{task.record.name}/{task.attempt_id}")

    # --- the new master ---------------------------------------------------------------------------

    @activity.defn(no_thread_cancel_exception=True)
    def build_recovery_master(self, task: RecoverTask) -> Machine:
        with self._world.call("build_recovery_master"):
            zone = task.record.config.iaas.zoneid
            host = self._cluster.add_host(task.attempt_id, zone, names.ROLE_COMING)
            self._world.machines[host.machine.instance_id] = (task.record.uid, host.machine)
            return host.machine.model_copy(update={"role": names.ROLE_MASTER})

    @activity.defn(no_thread_cancel_exception=True)
    def prove_backup(self, task: RecoverTask) -> Verdict:
        with self._world.call("prove_backup"):
            entry = task.backup
            ok = entry.date not in self._world.bad_backups
            verdict = Verdict(
                verified_at=datetime.now(UTC),
                kind=VerdictKind.DRILL,
                ok=ok,
                reason="" if ok else "its sha256 is not the one of the index",
            )
            others = [each for each in self._world.store if each.path != entry.path]
            self._world.store = [*others, entry.with_verdict(verdict)]
            if ok:
                self._world.proven.add(entry.date)
            return verdict

    @activity.defn(no_thread_cancel_exception=True)
    def restore_backup(self, task: RecoverTask) -> Restored:
        with self._world.call("restore_backup"):
            self._must(task.backup.date in self._world.proven, "a backup is proven before it is restored")
        return Restored(revision=100, live_keys=10, bumped=False)

    @activity.defn(no_thread_cancel_exception=True)
    def start_restored_control_plane(self, task: RecoverTask) -> None:
        with self._world.call("start_restored_control_plane"):
            running = [each for each in self._cluster.masters() if each.status == "Running"]
            self._must(not task.plan.in_place or not running, "the old masters rest before the new one acts")

    @activity.defn(no_thread_cancel_exception=True)
    def clean_stale(self, task: RecoverTask) -> tuple[str, ...]:
        with self._world.call("clean_stale"):
            return ()

    @activity.defn(no_thread_cancel_exception=True)
    def check_restored_node(self, task: RecoverTask) -> None:
        with self._world.call("check_restored_node"):
            pass

    @activity.defn(no_thread_cancel_exception=True)
    def release_recovery_master(self, task: RecoverTask) -> None:
        with self._world.call("release_recovery_master"):
            for host in self._hosts(names.ROLE_COMING):
                if host.token == task.attempt_id:
                    del self._cluster.hosts[host.machine.instance_id]
                    self._world.machines.pop(host.machine.instance_id, None)

    # --- old machines and the switch --------------------------------------------------------------

    @activity.defn(no_thread_cancel_exception=True)
    def set_old_aside(self, task: RecoverTask) -> tuple[str, ...]:
        with self._world.call("set_old_aside"):
            kept = {task.node.machine.instance_id}
            if task.plan.in_place:
                kept |= {each.machine.instance_id for each in self._hosts(names.ROLE_WORKER)}
            old = [each for key, each in self._cluster.hosts.items() if key not in kept]
            for host in old:
                self._former_roles[host.machine.instance_id] = host.machine.role
                host.machine = host.machine.model_copy(update={"role": names.ROLE_RETIRED})
                host.status = "Stopped"
            return tuple(each.machine.instance_id for each in old)

    @activity.defn(no_thread_cancel_exception=True)
    def take_old_back(self, task: RecoverTask) -> None:
        with self._world.call("take_old_back"):
            for host in self._hosts(names.ROLE_RETIRED):
                role = self._former_roles[host.machine.instance_id]
                host.machine = host.machine.model_copy(update={"role": role})
                host.status = "Running"

    @activity.defn(no_thread_cancel_exception=True)
    def switch_endpoint(self, task: RecoverTask) -> None:
        with self._world.call("switch_endpoint"):
            instance_id = task.node.machine.instance_id
            in_service = {each.machine.instance_id for each in self._cluster.masters()} - {instance_id}
            self._must(not in_service, "nothing old is in service after the switch")
            host = self._cluster.hosts[instance_id]
            host.machine = task.node.machine
            self._cluster.reborn(instance_id)
            self._cluster.set_backends((instance_id,))

    @activity.defn(no_thread_cancel_exception=True)
    def switch_back(self, task: RecoverTask) -> None:
        with self._world.call("switch_back"):
            host = self._cluster.hosts[task.node.machine.instance_id]
            host.machine = host.machine.model_copy(update={"role": names.ROLE_COMING})
            self._cluster.old_again()
            former = [*self._hosts(names.ROLE_MASTER), *self._hosts(names.ROLE_RETIRED)]
            self._cluster.set_backends([each.machine.instance_id for each in former])

    @activity.defn(no_thread_cancel_exception=True)
    def retire_old_machines(self, task: RetireTask) -> None:
        with self._world.call("retire_old_machines"):
            wanted = self._cluster.master_set.replicas if self._cluster.master_set else 1
            self._must(self._cluster.voting() == wanted, "all masters vote before the old ones are deleted")
            for instance_id in task.instance_ids:
                self._cluster.hosts.pop(instance_id, None)
                self._world.machines.pop(instance_id, None)

    # --- workers and pools ------------------------------------------------------------------------

    @activity.defn(no_thread_cancel_exception=True)
    def bind_pools(self, task: RecoverTask) -> tuple[str, ...]:
        with self._world.call("bind_pools"):
            return ()

    @activity.defn(no_thread_cancel_exception=True)
    def renew_workers(self, task: RecoverTask) -> tuple[str, ...]:
        with self._world.call("renew_workers"):
            return ()

    @activity.defn(no_thread_cancel_exception=True)
    def await_workers(self, task: RecoverTask) -> str:
        with self._world.call("await_workers"):
            return ""

    def _hosts(self, role: str) -> list[Host]:
        return [each for each in self._cluster.hosts.values() if each.machine.role == role]

    def _must(self, kept: bool, rule: str) -> None:
        if not kept:
            self._cluster.broken_rules.append(rule)


def _staged(task: RecoverTask) -> str:
    return f"{task.record.name}/{task.attempt_id}"
