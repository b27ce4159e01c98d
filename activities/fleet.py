"""A cluster's machines, found by their tags."""

from time import monotonic

from activities.waiting import Look, wait_for
from wdrip import names
from wdrip.clients.ecs import EcsClient, Instance
from wdrip.errors import PermanentError
from wdrip.models.cluster import ClusterRecord, Machine
from wdrip.models.observation import MachineState

STOPPED_SECONDS = 60
"""How long a machine that was started may still be shown as stopped."""

_LOOK_AT_MACHINE = "look at the machine in the ECS console"


def cluster_tags(record: ClusterRecord) -> dict[str, str]:
    """The tags by which the machines of this very cluster are found."""
    return {names.TAG_CLUSTER: record.name, names.TAG_CLUSTER_UID: record.uid}


def fleet(ecs: EcsClient, record: ClusterRecord) -> tuple[MachineState, ...]:
    """Every machine of the cluster that has a part in it: not those that a recovery builds or retired."""
    found = (_state(each, record) for each in ecs.instances(tags=cluster_tags(record)))
    return tuple(each for each in found if each.role not in (names.ROLE_COMING, names.ROLE_RETIRED))


def find_machine(ecs: EcsClient, record: ClusterRecord, instance_id: str) -> MachineState | None:
    """The cluster's machine of that id; None when it is gone, or another cluster's."""
    return next((each for each in fleet(ecs, record) if each.instance_id == instance_id), None)


def require_machine(ecs: EcsClient, record: ClusterRecord, instance_id: str) -> Machine:
    """The cluster's machine of that id. Raises PermanentError when it is gone or has no address."""
    found = find_machine(ecs, record, instance_id)
    if found is None or not found.private_ip:
        raise PermanentError(f"machine {instance_id} is gone or has no address")
    return Machine(
        instance_id=instance_id, private_ip=found.private_ip, zone_id=found.zone_id, role=found.role
    )


def await_running(ecs: EcsClient, instance_id: str) -> Instance:
    """Wait until the machine runs, has its address, and its Cloud Assistant takes commands.

    Raises PermanentError when it goes on being stopped.
    """
    begun = monotonic()

    def runs() -> Instance | Look:
        instance = ecs.instance(instance_id)
        if instance is None:
            return Look(seen="not listed yet")
        if instance.status == "Stopped" and monotonic() - begun > STOPPED_SECONDS:
            raise PermanentError(f"machine {instance_id} stays stopped; {_LOOK_AT_MACHINE}")
        if instance.status != "Running" or not instance.private_ip:
            return Look(seen=instance.status)
        return instance

    def answers() -> bool | Look:
        return ecs.assistant_ready(instance_id) or Look(seen="no answer yet")

    instance = wait_for(f"{instance_id} to run", runs, _LOOK_AT_MACHINE)
    wait_for(f"the Cloud Assistant of {instance_id}", answers, _LOOK_AT_MACHINE)
    return instance


def await_status(ecs: EcsClient, instance_id: str, status: str) -> None:
    """Wait until ECS gives the machine this status. Raises PermanentError when it is gone."""

    def reached() -> bool | Look:
        instance = ecs.instance(instance_id)
        if instance is None:
            raise PermanentError(f"machine {instance_id} is gone")
        return instance.status == status or Look(seen=instance.status)

    wait_for(f"{instance_id} to be {status}", reached, _LOOK_AT_MACHINE)


def delete_and_await(ecs: EcsClient, record: ClusterRecord, instance_id: str) -> None:
    """Delete one of the cluster's machines and wait until it is gone; one that is gone is success."""

    def gone() -> bool | Look:
        found = find_machine(ecs, record, instance_id)
        if found is None:
            return True
        ecs.delete_instance(instance_id)
        return Look(seen=found.status)

    wait_for(f"{instance_id} to be gone", gone, "delete it in the ECS console")


def _state(instance: Instance, record: ClusterRecord) -> MachineState:
    tags = instance.tags
    return MachineState(
        instance_id=instance.instance_id,
        private_ip=instance.private_ip,
        zone_id=instance.zone_id,
        role=tags.get(names.TAG_ROLE, ""),
        node_pool=tags.get(names.TAG_NODE_POOL, ""),
        status=instance.status,
        created=instance.created or record.created,
        instance_type=instance.type_id,
        image_id=instance.image_id,
    )
