"""The MasterSet as a person's request changes it."""

from temporalio import activity

from activities.access import cluster_api
from activities.clients import Clients
from activities.tasks import ScaleTask


class MasterSets:
    """Writes what a person asked for by a command instead of kubectl."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def set_replicas(self, task: ScaleTask) -> None:
        """Write the MasterSet's `spec.replicas`, as `kubectl scale` does. Raises PermanentError when there is
        no MasterSet."""
        with cluster_api(self._clients, task.record) as api:
            api.set_replicas(task.replicas)
