"""The steps of the masters, on their way in and out."""

from temporalio import activity

from activities.clients import Clients
from activities.tasks import StepResult, StepTask


class MasterSteps:
    """Changes the masters. Every step may be repeated."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def launch_master(self, task: StepTask) -> StepResult:
        """See `StepKind.LAUNCH_MASTER`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def join_etcd(self, task: StepTask) -> StepResult:
        """See `StepKind.JOIN_ETCD`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def promote_member(self, task: StepTask) -> StepResult:
        """See `StepKind.PROMOTE_MEMBER`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def join_control_plane(self, task: StepTask) -> StepResult:
        """See `StepKind.JOIN_CONTROL_PLANE`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def set_backends(self, task: StepTask) -> StepResult:
        """See `StepKind.SET_BACKENDS`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def move_leader(self, task: StepTask) -> StepResult:
        """See `StepKind.MOVE_LEADER`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def remove_member(self, task: StepTask) -> StepResult:
        """See `StepKind.REMOVE_MEMBER`."""
        raise NotImplementedError
