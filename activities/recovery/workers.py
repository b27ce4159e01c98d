"""The workers of a recovered cluster: led to it, and waited for."""

from collections.abc import Callable
from functools import partial

from temporalio import activity

from activities.access import cluster_api
from activities.clients import Clients
from activities.commands import carry_out
from activities.fleet import fleet
from activities.parallel import side_by_side
from activities.tasks import RecoverTask
from activities.waiting import Look, wait_for
from wdrip import names
from wdrip.clients.cluster_objects import lease_renewal
from wdrip.errors import PermanentError, TemporaryError, WdripError
from wdrip.models.observation import MachineState
from wdrip.nodes.operations import restart_services

_AT_ONCE = 20
_PROXY = ("kube-system", "k8s-app=kube-proxy")


class RecoveryWorkers:
    """Renews what has seen a later state than the restored one, and waits for the Nodes."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def renew_workers(self, task: RecoverTask) -> tuple[str, ...]:
        """Restart kubelet and kube-proxy on the workers: a watch from before would wait in silence until the
        restored revisions pass what it has seen. A kubelet whose Node is not in the backup registers anew.

        Returns why, for each worker where it did not work; healing goes on there.
        """
        calls: list[Callable[[], str]] = [
            partial(self._renewed, task, each) for each in self._workers(task) if each.status == "Running"
        ]
        problems = tuple(each for each in side_by_side(calls, _AT_ONCE) if each)
        with cluster_api(self._clients, task.record) as api:
            api.delete_pods(*_PROXY)
        return problems

    @activity.defn(no_thread_cancel_exception=True)
    def await_workers(self, task: RecoverTask) -> str:
        """Wait until every running worker is Ready; at the deadline those that are not, in words.

        What the restored cluster says of a Node is of the time of the backup: a worker is back when its
        kubelet has renewed its lease since.
        """
        wanted = {each.node_name for each in self._workers(task) if each.status == "Running"}
        since = activity.info().scheduled_time

        def back() -> set[str]:
            ready = {each.name for each in api.nodes() if each.ready}
            leases = {each["metadata"]["name"]: lease_renewal(each) for each in api.list_node_leases()}
            return {name for name in ready if (renewed := leases.get(name)) is not None and renewed > since}

        def ready() -> bool | Look:
            try:
                late = wanted - back()
            except TemporaryError as error:
                return Look(seen=str(error))
            return not late or Look(seen=f"not back: {', '.join(sorted(late))}")

        with cluster_api(self._clients, task.record) as api:
            try:
                wait_for("the workers to be Ready", ready, "healing goes on with them")
            except PermanentError as error:
                return str(error)
        return ""

    def _workers(self, task: RecoverTask) -> list[MachineState]:
        machines = fleet(self._clients.ecs(task.record.provider), task.record)
        return [each for each in machines if each.role == names.ROLE_WORKER]

    def _renewed(self, task: RecoverTask, worker: MachineState) -> str:
        ecs = self._clients.ecs(task.record.provider)
        try:
            carry_out(ecs, worker.instance_id, restart_services())
        except WdripError as error:
            return f"{worker.instance_id}: {error}"
        return ""
