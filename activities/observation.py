"""One look at a cluster, through every door that is open."""

from temporalio import activity

from activities.clients import Clients
from activities.tasks import Observed, ObserveTask


class Observation:
    """Looks at machines, etcd, Nodes, wdrip's own objects and the load balancer."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def observe(self, task: ObserveTask) -> Observed:
        """Look at everything; what cannot be read is None or unknown, never empty."""
        raise NotImplementedError
