"""The switch: from here on everybody is led to the recovered control plane."""

from temporalio import activity

from activities.access import cluster_api
from activities.backends import put_behind
from activities.bootstrap import node_name
from activities.clients import Clients
from activities.recovery.offers import record_at
from activities.recovery.old_machines import former_masters
from activities.tasks import RecoverTask
from activities.waiting import Look, wait_for
from wdrip import names
from wdrip.errors import TemporaryError
from wdrip.planning.recovery import rebound


class RecoveryEndpoint:
    """Moves the load balancer, and binds restored pools to the target's cloud."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def switch_endpoint(self, task: RecoverTask) -> None:
        """Have the new master, and no other machine, behind the load balancer; see its Node Ready through it,
        and let it count as a master."""
        record, machine = task.record, task.node.machine
        ecs = self._clients.ecs(record.provider)
        put_behind(
            self._clients.ros(record.provider), record, [machine.instance_id], f"recovery/{task.attempt_id}"
        )
        name = node_name(task.node)

        def ready() -> bool | Look:
            try:
                node = api.node(name)
            except TemporaryError as error:
                # The load balancer may still be finding out who is healthy.
                return Look(seen=str(error))
            return bool(node and node.ready) or Look(seen="not Ready" if node else "no such Node")

        with cluster_api(self._clients, record) as api:
            wait_for(f"node {name} through the load balancer", ready, "look at the stack's load balancer")
        ecs.tag_instances([machine.instance_id], {names.TAG_ROLE: names.ROLE_MASTER})

    @activity.defn(no_thread_cancel_exception=True)
    def switch_back(self, task: RecoverTask) -> None:
        """Undo: have the former masters behind the load balancer again, and the new one count as none."""
        ecs = self._clients.ecs(task.record.provider)
        ecs.tag_instances([task.node.machine.instance_id], {names.TAG_ROLE: names.ROLE_COMING})
        former = [each.instance_id for each in former_masters(ecs, task)]
        ros = self._clients.ros(task.record.provider)
        put_behind(ros, task.record, former, f"recovery/{task.attempt_id}/back")

    @activity.defn(no_thread_cancel_exception=True)
    def bind_pools(self, task: RecoverTask) -> tuple[str, ...]:
        """Take out of the restored NodePools what names the other cluster's cloud; their names."""
        source = record_at(self._clients, task.record.provider, task.backup)
        changed = []
        with cluster_api(self._clients, task.record) as api:
            for pool in api.node_pools():
                name, changes = pool["metadata"]["name"], rebound(pool["spec"], source, task.record)
                if changes:
                    api.change_node_pool(name, {"spec": {"infra": changes}})
                    changed.append(name)
        return tuple(changed)
