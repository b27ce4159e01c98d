"""What stands behind each kind of step: its activity, and the words and the deadline of a wait for it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.backups import Backups
    from activities.steps.machines import MachineSteps
    from activities.steps.masters import MasterSteps
    from activities.steps.pools import PoolSteps
    from activities.tasks import BackupTask, StepResult, StepTask
    from wdrip.models.cluster import ClusterRecord
    from wdrip.models.observation import Attempt, ClusterObservation, Memory, Outcome, pool_group
    from wdrip.models.step_kind import StepKind
    from wdrip.planning.decision import Act
from workflows.board import StepPlan
from workflows.calls import act

StepMethod = Callable[[Any, StepTask], StepResult]

METHODS: Mapping[StepKind, StepMethod] = {
    StepKind.LAUNCH_MASTER: MasterSteps.launch_master,
    StepKind.JOIN_ETCD: MasterSteps.join_etcd,
    StepKind.PROMOTE_MEMBER: MasterSteps.promote_member,
    StepKind.JOIN_CONTROL_PLANE: MasterSteps.join_control_plane,
    StepKind.SET_BACKENDS: MasterSteps.set_backends,
    StepKind.MOVE_LEADER: MasterSteps.move_leader,
    StepKind.REMOVE_MEMBER: MasterSteps.remove_member,
    StepKind.DRAIN: MachineSteps.drain,
    StepKind.UNCORDON: MachineSteps.uncordon,
    StepKind.START_MACHINE: MachineSteps.start_machine,
    StepKind.RESTART_SERVICES: MachineSteps.restart_services,
    StepKind.REBOOT: MachineSteps.reboot,
    StepKind.REPLACE_SYSTEM_DISK: MachineSteps.replace_system_disk,
    StepKind.JOIN_WORKER: MachineSteps.join_worker,
    StepKind.DELETE_MACHINE: MachineSteps.delete_machine,
    StepKind.DELETE_NODE: MachineSteps.delete_node,
    StepKind.GROW_POOLS: PoolSteps.grow_pools,
    StepKind.SHRINK_POOL: PoolSteps.shrink_pool,
    StepKind.SET_DESIRED: PoolSteps.set_desired,
    StepKind.RELEASE_POOL: PoolSteps.release_pool,
}
"""A backup is not among them: it is taken as every backup is."""

_TITLES: Mapping[StepKind, str] = {
    StepKind.LAUNCH_MASTER: "Start masters' machines in {subject}",
    StepKind.JOIN_ETCD: "Let {subject} join etcd as a learner",
    StepKind.PROMOTE_MEMBER: "Let {subject} vote in etcd",
    StepKind.JOIN_CONTROL_PLANE: "Start the control plane on {subject}",
    StepKind.SET_BACKENDS: "Set who stands behind the load balancer: {subject}",
    StepKind.MOVE_LEADER: "Move etcd's leadership away from {subject}",
    StepKind.REMOVE_MEMBER: "Take {subject} out of etcd",
    StepKind.BACK_UP: "Take a backup",
    StepKind.DRAIN: "Drain {subject}",
    StepKind.UNCORDON: "Let {subject} take pods again",
    StepKind.START_MACHINE: "Start {subject}",
    StepKind.RESTART_SERVICES: "Restart the services on {subject}",
    StepKind.REBOOT: "Reboot {subject}",
    StepKind.REPLACE_SYSTEM_DISK: "Give {subject} a fresh system disk",
    StepKind.JOIN_WORKER: "Let {subject} join as a worker",
    StepKind.DELETE_MACHINE: "Delete {subject}",
    StepKind.DELETE_NODE: "Delete the Node of {subject}",
    StepKind.GROW_POOLS: "Grow {subject}",
    StepKind.SHRINK_POOL: "Take machines out of {subject}",
    StepKind.SET_DESIRED: "Set the desired number of {subject}",
    StepKind.RELEASE_POOL: "Let pool {subject} go",
}

_USUAL = timedelta(minutes=10)
_DEADLINES: Mapping[StepKind, timedelta] = {
    # A slow region's installation and a database of several GiB; the usual is a minute.
    StepKind.LAUNCH_MASTER: timedelta(minutes=30),
    StepKind.JOIN_ETCD: timedelta(minutes=30),
    StepKind.JOIN_CONTROL_PLANE: timedelta(minutes=20),
    StepKind.JOIN_WORKER: timedelta(minutes=20),
    StepKind.GROW_POOLS: timedelta(minutes=20),
    StepKind.BACK_UP: timedelta(minutes=30),
    StepKind.DRAIN: timedelta(minutes=20),
    StepKind.REPLACE_SYSTEM_DISK: timedelta(minutes=20),
}
_SUMMARY = 180
"""Temporal takes a summary of at most 200 bytes."""
_AFTER_DRAIN = timedelta(minutes=15)
"""Deleting the machines of a pool and their Nodes, once they are drained."""


async def perform(
    record: ClusterRecord, step: Act, attempt_id: str, plan: StepPlan, memory: Memory
) -> StepResult:
    """Carry the step out. Raises ActivityError when it broke as a whole."""
    if step.step is StepKind.BACK_UP:
        return await _back_up(record, step, attempt_id, plan)
    return await act(
        METHODS[step.step],
        StepTask(
            record=record,
            act=step,
            attempt_id=attempt_id,
            # Only a shrink asks it: whether each machine still has to go once it is empty.
            memory=memory if step.step is StepKind.SHRINK_POOL else Memory(),
        ),
        summary=f"{plan.title}: {step.reason}"[:_SUMMARY],
        deadline=plan.deadline,
    )


async def _back_up(record: ClusterRecord, step: Act, attempt_id: str, plan: StepPlan) -> StepResult:
    started = workflow.now()
    await act(
        Backups.take_backup,
        BackupTask(record=record, reason=step.reason, attempt_id=attempt_id),
        summary=f"Take a backup {step.reason}"[:_SUMMARY],
        deadline=plan.deadline,
    )
    done = Attempt(
        subject=step.target.subject,
        group=step.group,
        step=step.step,
        started=started,
        finished=workflow.now(),
        outcome=Outcome.DONE,
    )
    return StepResult(attempts=(done,))


def plan_of(step: Act, observation: ClusterObservation | None, attempt_id: str) -> StepPlan:
    """The step as the board shows it."""
    title = _TITLES[step.step].format(subject=subject_of(step))
    return StepPlan(
        f"{step.step.value}-{attempt_id}",
        title,
        f"a step to end ({title}), because {step.reason}",
        deadline_of(step, observation),
        "the step counts as failed, and wdrip looks what is to be done instead",
    )


def deadline_of(step: Act, observation: ClusterObservation | None) -> timedelta:
    """How long the step may take in all, the repetitions after lost replies included."""
    if step.step is not StepKind.SHRINK_POOL:
        return _DEADLINES.get(step.step, _USUAL)
    drains = [
        each.spec.drain.timeout_seconds
        for each in (observation.node_pools if observation else None) or ()
        if each.name == step.target.node_pool
    ]
    return timedelta(seconds=max(drains, default=0)) + _AFTER_DRAIN


def subject_of(step: Act) -> str:
    """What the step is done to, in a few words."""
    target = step.target
    if step.step is StepKind.LAUNCH_MASTER:
        return ", ".join(launch.zone_id for launch in target.launches)
    pools = sorted({launch.node_pool for launch in target.launches})
    if pools:
        return f"{', '.join(pools)} by {len(target.launches)}"
    if target.node_pool and not target.instance_id:
        return target.node_pool + (f" ({', '.join(target.instance_ids)})" if target.instance_ids else "")
    return target.subject or ", ".join(target.instance_ids) or "the cluster"


def failed_attempts(step: Act, started: datetime, finished: datetime, detail: str) -> tuple[Attempt, ...]:
    """What is remembered of a step that broke as a whole: an attempt on each of its subjects."""
    subjects: Sequence[tuple[str, str]] = [(step.target.subject, step.group)]
    if step.step is StepKind.LAUNCH_MASTER:
        zones = sorted({launch.zone_id for launch in step.target.launches})
        subjects = [(zone, step.group) for zone in zones]
    elif step.target.launches:
        pools = sorted({launch.node_pool for launch in step.target.launches})
        subjects = [("", pool_group(pool)) for pool in pools]
    elif step.step in (StepKind.SHRINK_POOL, StepKind.JOIN_CONTROL_PLANE):
        subjects = [(instance_id, step.group) for instance_id in step.target.instance_ids]
    return tuple(
        Attempt(
            subject=subject,
            group=group,
            step=step.step,
            started=started,
            finished=finished,
            outcome=Outcome.FAILED,
            detail=detail,
        )
        for subject, group in subjects
    )
