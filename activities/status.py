"""Telling in the cluster itself what wdrip sees and does."""

from temporalio import activity

from activities.clients import Clients
from activities.tasks import StatusTask


class Status:
    """Writes the status of MasterSet and NodePools, and Events."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def write_status(self, task: StatusTask) -> None:
        """Write the status of MasterSet and NodePools, and an Event for each attempt."""
        raise NotImplementedError
