"""A cluster's ECS machines: started once, found by their tags, deleted without a trace."""

from temporalio import activity

from activities.clients import Clients
from activities.fleet import await_running, cluster_tags
from activities.tasks import MachineTask, StartedMachine
from activities.waiting import Look, wait_for
from wdrip import names
from wdrip.clients.ecs import Instance
from wdrip.errors import PermanentError
from wdrip.models.cluster import ClusterRecord, Machine


class Machines:
    """Starts, finds and deletes machines."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def start_first_master(self, task: MachineTask) -> str:
        """Ask for the first master; returns its instance id. Asked again, it is the same machine.

        Raises PermanentError when the zone is out of stock or a quota is used up, with the remedy.
        """
        record, iaas = task.record, task.record.config.iaas
        return self._clients.ecs(record.provider).run_instance(
            name=f"{record.name}-master-1",
            image_id=iaas.image,
            type_id=iaas.instance,
            zone_id=iaas.zoneid,
            vswitch_id=task.outputs.vswitch_ids[iaas.zoneid],
            security_group_id=task.outputs.security_group_id,
            disk_type=iaas.disk.type,
            disk_gigabytes=iaas.disk.gigabytes,
            role_name=task.outputs.master_role,
            tags={**cluster_tags(record), names.TAG_ROLE: names.ROLE_MASTER},
            client_token=names.client_token(record.uid, "first-master"),
        )

    @activity.defn(no_thread_cancel_exception=True)
    def await_machine(self, task: StartedMachine) -> Machine:
        """Wait until the machine runs, has its address, and its Cloud Assistant takes commands."""
        instance_id = task.instance_id
        instance = await_running(self._clients.ecs(task.record.provider), instance_id)
        return Machine(
            instance_id=instance_id,
            private_ip=instance.private_ip,
            zone_id=instance.zone_id,
            role=names.ROLE_MASTER,
        )

    @activity.defn(no_thread_cancel_exception=True)
    def delete_machines(self, record: ClusterRecord) -> None:
        """Delete every machine that carries the cluster's tags, and wait until they are gone."""
        ecs = self._clients.ecs(record.provider)

        def gone() -> bool | Look:
            left = ecs.instances(tags=cluster_tags(record))
            for instance in left:
                ecs.delete_instance(instance.instance_id)
            return not left or Look(seen=_listed(left))

        wait_for(f"the machines of {record.name} to be gone", gone, "delete them in the ECS console")

    @activity.defn(no_thread_cancel_exception=True)
    def confirm_gone(self, record: ClusterRecord) -> None:
        """Raise PermanentError naming what still costs money: machines by tag, the stack by name."""
        left = (
            [_listed(found)]
            if (found := self._clients.ecs(record.provider).instances(tags=cluster_tags(record)))
            else []
        )
        ros = self._clients.ros(record.provider)
        stack_id = ros.find_stack(names.stack_name(record.name))
        stack = ros.stack(stack_id) if stack_id else None
        if stack and not stack.deleted and stack.tags.get(names.TAG_CLUSTER_UID) == record.uid:
            left.append(f"stack {stack.stack_id} ({stack.status})")
        if left:
            raise PermanentError(f"still there: {'; '.join(left)}")


def _listed(instances: list[Instance]) -> str:
    return ", ".join(f"machine {instance.instance_id} ({instance.status})" for instance in instances)
