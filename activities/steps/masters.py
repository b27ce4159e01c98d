"""The steps of the masters, on their way in and out."""

from contextlib import suppress
from functools import partial

from temporalio import activity

from activities.backends import put_behind
from activities.bootstrap import Bootstrap
from activities.clients import Clients
from activities.commands import looked_at
from activities.fleet import await_running, fleet, require_machine
from activities.joining import Joining
from activities.launching import read_outputs, run_master
from activities.membership import Membership, membership, on_a_member
from activities.parallel import side_by_side
from activities.steps.attempts import attempted, attempted_on
from activities.tasks import NodeTask, StepResult, StepTask
from wdrip import names
from wdrip.clients.ecs import EcsClient
from wdrip.errors import PermanentError
from wdrip.models.observation import Attempt, Outcome
from wdrip.nodes import etcd_operations as etcd
from wdrip.nodes.operations import leave_cluster
from wdrip.planning.masters import MOST_AT_ONCE

_PROMOTION_SECONDS = 120
"""A learner that is asked for has caught up by the numbers; etcd's own look may lag a little."""

_LEAVING_SECONDS = 45
"""For stopping what runs on a machine that has left: it is deleted soon, with or without."""


class MasterSteps:
    """Changes the masters. Every step may be repeated."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._bootstrap = Bootstrap(clients)
        self._joining = Joining(clients)

    @activity.defn(no_thread_cancel_exception=True)
    def launch_master(self, task: StepTask) -> StepResult:
        """Start masters' machines side by side, up to the installed software. One attempt a zone: it failed
        when the zone did not give all that it was asked for."""
        launches = task.act.target.launches
        attempts: dict[str, Attempt] = {}
        for each in side_by_side(
            [partial(self._launched, task, number, each.zone_id) for number, each in enumerate(launches)],
            MOST_AT_ONCE,
        ):
            if each.subject not in attempts or each.outcome is Outcome.FAILED:
                attempts[each.subject] = each
        return StepResult(attempts=tuple(attempts.values()))

    @activity.defn(no_thread_cancel_exception=True)
    def join_etcd(self, task: StepTask) -> StepResult:
        """Install, hand over secrets, announce the machine as a learner, start its etcd."""
        return attempted(task, lambda: self._join_etcd(task))

    @activity.defn(no_thread_cancel_exception=True)
    def promote_member(self, task: StepTask) -> StepResult:
        """Give a learner its vote; etcd itself refuses one that is behind."""

        def work() -> None:
            ecs, members = self._etcd(task)
            member_id = _member_id(task, members)
            operation = etcd.promote_etcd_member(member_id, _PROMOTION_SECONDS)
            on_a_member(ecs, members, operation, besides=(member_id,))

        return attempted(task, work)

    @activity.defn(no_thread_cancel_exception=True)
    def join_control_plane(self, task: StepTask) -> StepResult:
        """Make machines whose members vote control plane nodes, with their pod network, side by side."""

        def joined(instance_id: str) -> Attempt:
            join = self._joining.join_control_plane
            return attempted_on(task, instance_id, lambda: join(self._node(task, instance_id)))

        calls = [partial(joined, instance_id) for instance_id in task.act.target.instance_ids]
        return StepResult(attempts=tuple(side_by_side(calls, MOST_AT_ONCE)))

    # The create has an activity `set_backends` already.
    @activity.defn(name="set_master_backends", no_thread_cancel_exception=True)
    def set_backends(self, task: StepTask) -> StepResult:
        """Have exactly the target's machines behind the load balancer."""

        def work() -> None:
            ros = self._clients.ros(task.record.provider)
            put_behind(ros, task.record, task.act.target.instance_ids, task.attempt_id)

        return attempted(task, work)

    @activity.defn(no_thread_cancel_exception=True)
    def move_leader(self, task: StepTask) -> StepResult:
        """Give etcd's leadership to the target's other member."""

        def work() -> None:
            ecs, members = self._etcd(task)
            on_a_member(ecs, members, etcd.move_etcd_leader(task.act.target.to_member_id))

        return attempted(task, work)

    @activity.defn(no_thread_cancel_exception=True)
    def remove_member(self, task: StepTask) -> StepResult:
        """Take the member out of etcd, then stop what runs on its machine, if that still answers."""
        return attempted(task, lambda: self._remove_member(task))

    def _launched(self, task: StepTask, number: int, zone_id: str) -> Attempt:
        def launch() -> str:
            record = task.record
            token = names.client_token(record.uid, f"master/{task.attempt_id}/{number}")
            outputs = read_outputs(self._clients, record)
            tags = {names.TAG_ROLE: names.ROLE_MASTER}
            instance_id = run_master(self._clients, record, outputs, zone_id, tags, token)
            await_running(self._clients.ecs(record.provider), instance_id)
            # A machine that takes no software is no fault of its zone: its join tries again, and tells.
            with suppress(PermanentError):
                self._bootstrap.install_package(self._node(task, instance_id))
            return instance_id

        return attempted_on(task, zone_id, launch)

    def _join_etcd(self, task: StepTask) -> None:
        node = self._node(task, task.act.target.instance_id)
        self._joining.prepare(node)
        ecs, members = self._etcd(task)
        name = names.node_name(node.machine.private_ip, node.machine.instance_id)
        own = members.member_on(node.machine.instance_id)
        besides = (own.id,) if own else ()
        ip = node.machine.private_ip
        member_id = own.id if own else ""
        if not member_id:
            member_id = etcd.added_member(on_a_member(ecs, members, etcd.add_etcd_learner(name, ip)))
        endpoints = [member.client_url for _, member in members.voters_well(besides) if member.client_url]
        operation = etcd.start_joining_etcd(name, ip, task.record.uid, member_id, endpoints)
        self._joining.run(node, operation)

    def _remove_member(self, task: StepTask) -> str:
        ecs, members = self._etcd(task)
        target = task.act.target
        member_id = _member_id(task, members, missing="")
        if member_id:
            on_a_member(ecs, members, etcd.remove_etcd_member(member_id), besides=(member_id,))
        machine = next((each for each in members.machines if each.instance_id == target.instance_id), None)
        if machine is None or machine.status != "Running":
            return ""
        # Without its member it is no master any more; what still runs there must not come back.
        left = looked_at(ecs, machine.instance_id, leave_cluster(), _LEAVING_SECONDS)
        return "" if left is not None else f"what runs on {machine.instance_id} could not be stopped"

    def _etcd(self, task: StepTask) -> tuple[EcsClient, Membership]:
        ecs = self._clients.ecs(task.record.provider)
        return ecs, membership(ecs, fleet(ecs, task.record))

    def _node(self, task: StepTask, instance_id: str) -> NodeTask:
        ecs = self._clients.ecs(task.record.provider)
        return NodeTask(record=task.record, machine=require_machine(ecs, task.record, instance_id))


def _member_id(task: StepTask, members: Membership, missing: str | None = None) -> str:
    """The target's member: as it is named, else that of its machine.

    missing: what stands for one that is not there; None: raises PermanentError.
    """
    target = task.act.target
    found = target.member_id
    if not found:
        member = members.member_on(target.instance_id)
        found = member.id if member else ""
    if not any(each.id == found for each in members.members):
        if missing is None:
            raise PermanentError(f"etcd has no member of {target.instance_id}")
        return missing
    return found
