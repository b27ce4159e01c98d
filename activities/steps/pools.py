"""The steps of node pools."""

from temporalio import activity

from activities.clients import Clients
from activities.tasks import StepResult, StepTask


class PoolSteps:
    """Grows and shrinks pools. Every step may be repeated."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def grow_pools(self, task: StepTask) -> StepResult:
        """See `StepKind.GROW_POOLS`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def shrink_pool(self, task: StepTask) -> StepResult:
        """See `StepKind.SHRINK_POOL`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def set_desired(self, task: StepTask) -> StepResult:
        """See `StepKind.SET_DESIRED`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def release_pool(self, task: StepTask) -> StepResult:
        """See `StepKind.RELEASE_POOL`."""
        raise NotImplementedError
