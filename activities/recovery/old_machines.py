"""The machines whose part a recovery gives to others: set aside, taken back, and in the end deleted."""

from temporalio import activity

from activities.clients import Clients
from activities.fleet import cluster_tags
from activities.tasks import RecoverTask, RetireTask
from activities.waiting import Look, wait_for
from wdrip import names
from wdrip.clients.ecs import EcsClient, Instance
from wdrip.models.cluster import ClusterRecord

_LOOK_AT_MACHINE = "look at the machines in the ECS console"


class OldMachines:
    """Stops, starts and deletes them. Every step may be repeated."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def set_old_aside(self, task: RecoverTask) -> tuple[str, ...]:
        """Tag and stop the machines that the recovered cluster does not use: in place the other masters, else
        all that the target had. Their disks stay as they are. Returns their instance ids."""
        ecs, record = self._ecs(task.record), task.record
        old = [each for each in _others(ecs, task) if not (task.plan.in_place and _works(each))]
        ids = [each.instance_id for each in old]
        if not ids:
            return ()
        for role in (names.ROLE_MASTER, names.ROLE_WORKER):
            in_service = [each.instance_id for each in old if each.tags.get(names.TAG_ROLE) == role]
            tags = {names.TAG_RECOVERY: task.attempt_id, names.TAG_FORMER_ROLE: role}
            ecs.tag_instances(in_service, tags)
        ecs.tag_instances(ids, {names.TAG_ROLE: names.ROLE_RETIRED})

        def stopped() -> bool | Look:
            left = _awake(ecs, record, ids)
            for each in left:
                if each.status == "Running":
                    ecs.stop_instance(each.instance_id, force=True)
            return not left or Look(seen=_listed(left))

        wait_for("the old machines to be stopped", stopped, _LOOK_AT_MACHINE)
        return tuple(ids)

    @activity.defn(no_thread_cancel_exception=True)
    def take_old_back(self, task: RecoverTask) -> None:
        """Undo: start the machines that this recovery set aside, and give them their former roles back."""
        ecs, record = self._ecs(task.record), task.record
        aside = [each for each in _others(ecs, task) if _is_aside(each, task.attempt_id)]
        ids = [each.instance_id for each in aside]

        def started() -> bool | Look:
            left = [each for each in ecs.instances(ids=ids, tags=cluster_tags(record)) if not _runs(each)]
            for each in left:
                if each.status == "Stopped":
                    ecs.start_instance(each.instance_id)
            return not left or Look(seen=_listed(left))

        wait_for("the old machines to run again", started, _LOOK_AT_MACHINE)
        for each in aside:
            ecs.tag_instances([each.instance_id], {names.TAG_ROLE: each.tags[names.TAG_FORMER_ROLE]})

    @activity.defn(no_thread_cancel_exception=True)
    def retire_old_machines(self, task: RetireTask) -> None:
        """Delete the machines that were set aside and still are, and wait until they are gone."""
        ecs = self._ecs(task.record)
        wanted = {**cluster_tags(task.record), names.TAG_ROLE: names.ROLE_RETIRED}

        def gone() -> bool | Look:
            left = ecs.instances(ids=task.instance_ids, tags=wanted)
            for each in left:
                ecs.delete_instance(each.instance_id)
            return not left or Look(seen=_listed(left))

        wait_for("the retired machines to be gone", gone, "delete them in the ECS console")

    def _ecs(self, record: ClusterRecord) -> EcsClient:
        return self._clients.ecs(record.provider)


def former_masters(ecs: EcsClient, task: RecoverTask) -> list[Instance]:
    """The masters that served before this recovery, whether or not it has set them aside."""
    return [
        each
        for each in _others(ecs, task)
        if each.tags.get(names.TAG_ROLE) == names.ROLE_MASTER
        or (_is_aside(each, task.attempt_id) and each.tags.get(names.TAG_FORMER_ROLE) == names.ROLE_MASTER)
    ]


def _is_aside(instance: Instance, attempt_id: str) -> bool:
    """Whether this very recovery has set the machine aside."""
    tags = instance.tags
    return tags.get(names.TAG_RECOVERY) == attempt_id and tags.get(names.TAG_ROLE) == names.ROLE_RETIRED


def _others(ecs: EcsClient, task: RecoverTask) -> list[Instance]:
    """Every machine of the cluster but the new first master."""
    found = ecs.instances(tags=cluster_tags(task.record))
    return [each for each in found if each.instance_id != task.node.machine.instance_id]


def _awake(ecs: EcsClient, record: ClusterRecord, ids: list[str]) -> list[Instance]:
    found = ecs.instances(ids=ids, tags=cluster_tags(record))
    return [each for each in found if each.status != "Stopped"]


def _works(instance: Instance) -> bool:
    return instance.tags.get(names.TAG_ROLE) == names.ROLE_WORKER


def _runs(instance: Instance) -> bool:
    return instance.status == "Running"


def _listed(instances: list[Instance]) -> str:
    return ", ".join(f"{each.instance_id} {each.status}" for each in instances)
