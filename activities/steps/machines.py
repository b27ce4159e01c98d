"""The steps that any machine may need."""

from temporalio import activity

from activities.clients import Clients
from activities.tasks import StepResult, StepTask


class MachineSteps:
    """Empties, heals and deletes machines. Every step may be repeated."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def drain(self, task: StepTask) -> StepResult:
        """See `StepKind.DRAIN`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def uncordon(self, task: StepTask) -> StepResult:
        """See `StepKind.UNCORDON`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def start_machine(self, task: StepTask) -> StepResult:
        """See `StepKind.START_MACHINE`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def restart_services(self, task: StepTask) -> StepResult:
        """See `StepKind.RESTART_SERVICES`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def reboot(self, task: StepTask) -> StepResult:
        """See `StepKind.REBOOT`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def replace_system_disk(self, task: StepTask) -> StepResult:
        """See `StepKind.REPLACE_SYSTEM_DISK`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def join_worker(self, task: StepTask) -> StepResult:
        """See `StepKind.JOIN_WORKER`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def delete_machine(self, task: StepTask) -> StepResult:
        """See `StepKind.DELETE_MACHINE`."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def delete_node(self, task: StepTask) -> StepResult:
        """See `StepKind.DELETE_NODE`."""
        raise NotImplementedError
