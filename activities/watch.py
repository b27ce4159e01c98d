"""Waiting for a change in the cluster."""

from temporalio import activity

from activities.clients import Clients
from activities.tasks import Change, WatchTask


class Watch:
    """Watches the objects that decisions depend on."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def await_change(self, task: WatchTask) -> Change:
        """Return when MasterSet, NodePools or Nodes changed in a way that matters, or the time is up."""
        raise NotImplementedError
