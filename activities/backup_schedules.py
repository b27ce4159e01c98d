"""The Temporal schedule by which a cluster is backed up."""

from datetime import timedelta

from temporalio import activity
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.tasks import RecoverTask
from wdrip import names
from wdrip.models.backup_request import BackupRequest
from wdrip.models.cluster import ClusterRecord
from wdrip.planning.backup_schedule import backup_spec

WORKFLOW = "ScheduledBackup"
"""The workflow that a schedule starts; addressed by name, since workflows stand above activities."""

_CALL = timedelta(seconds=10)


class BackupSchedules:
    """Makes and removes schedules. Not synchronous as others are: Temporal's client is not."""

    @activity.defn
    async def schedule_backups(self, record: ClusterRecord) -> None:
        """Create the cluster's schedule, or bring it up to date; a pause of it stays."""
        client = activity.client()
        schedule_id = names.backup_schedule_id(record.name)
        schedule = _schedule(record, activity.info().task_queue)
        try:
            await client.create_schedule(schedule_id, schedule, rpc_timeout=_CALL)
        except ScheduleAlreadyRunningError:

            def updated(found: ScheduleUpdateInput) -> ScheduleUpdate:
                schedule.state.paused = found.description.schedule.state.paused
                return ScheduleUpdate(schedule)

            await client.get_schedule_handle(schedule_id).update(updated, rpc_timeout=_CALL)

    @activity.defn
    async def pause_backups(self, task: RecoverTask) -> None:
        """Pause the schedule for a recovery; one that somebody else paused is left as it is."""
        handle = activity.client().get_schedule_handle(names.backup_schedule_id(task.record.name))
        try:
            found = await handle.describe(rpc_timeout=_CALL)
            if not found.schedule.state.paused:
                await handle.pause(note=_recovery_note(task), rpc_timeout=_CALL)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    @activity.defn
    async def resume_backups(self, task: RecoverTask) -> None:
        """Let the schedule go on that this recovery paused; one that is lost is made anew."""
        handle = activity.client().get_schedule_handle(names.backup_schedule_id(task.record.name))
        try:
            state = (await handle.describe(rpc_timeout=_CALL)).schedule.state
            if state.paused and state.note == _recovery_note(task):
                note = backup_spec(task.record.name, task.record.config.backup).note
                await handle.unpause(note=note, rpc_timeout=_CALL)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await self.schedule_backups(task.record)

    @activity.defn
    async def unschedule_backups(self, record: ClusterRecord) -> None:
        """Delete the cluster's schedule; one that is not there counts as deleted."""
        handle = activity.client().get_schedule_handle(names.backup_schedule_id(record.name))
        try:
            await handle.delete(rpc_timeout=_CALL)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise


def _recovery_note(task: RecoverTask) -> str:
    return f"paused by recovery {task.attempt_id}"


def _schedule(record: ClusterRecord, task_queue: str) -> Schedule:
    spec = backup_spec(record.name, record.config.backup)
    intervals = [ScheduleIntervalSpec(every=spec.interval, offset=spec.offset)] if spec.interval else []
    return Schedule(
        action=ScheduleActionStartWorkflow(
            WORKFLOW,
            BackupRequest(cluster=record.name, provider=record.provider, reason="on schedule"),
            id=f"{names.backup_workflow_id(record.name)}/scheduled",
            task_queue=task_queue,
            static_summary=f"Scheduled backup of {record.name}",
        ),
        spec=ScheduleSpec(intervals=intervals, cron_expressions=[spec.cron] if spec.cron else []),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=spec.catch_up),
        state=ScheduleState(note=spec.note),
    )
