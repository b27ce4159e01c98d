"""etcd's members as its machines tell them, and commands on a member that is well."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from activities.commands import carry_out, looked_at
from activities.parallel import side_by_side
from wdrip import names
from wdrip.clients.ecs import EcsClient
from wdrip.errors import PermanentError
from wdrip.models.observation import EtcdMember, Health, MachineState
from wdrip.nodes.etcd_operations import data_is_gone, list_etcd_members, look_at_etcd_data
from wdrip.nodes.etcd_report import read_report
from wdrip.nodes.operations import NodeOperation
from wdrip.planning.roster import belongs

LOOK_SECONDS = 20
"""How long one machine may take to tell the members: a healthy one takes one second."""

MOST_MACHINES_ASKED = 3
"""Machines that are asked one after the other; more would delay the answer of a cluster that is dead."""


@dataclass(frozen=True)
class Membership:
    """etcd's members, and the machines that they run on."""

    members: tuple[EtcdMember, ...]
    machines: tuple[MachineState, ...]

    def member_on(self, instance_id: str) -> EtcdMember | None:
        """The member of that machine."""
        return next(
            (
                member
                for machine in self.machines
                for member in self.members
                if machine.instance_id == instance_id and belongs(member, machine)
            ),
            None,
        )

    def voters_well(self, besides: Iterable[str] = ()) -> list[tuple[MachineState, EtcdMember]]:
        """Healthy voters on running machines, the leader first, without the members of those ids."""
        left_out = frozenset(besides)
        found = [
            (machine, member)
            for machine in self.machines
            for member in self.members
            if belongs(member, machine)
            and machine.status == "Running"
            and not member.learner
            and member.health is Health.HEALTHY
            and member.id not in left_out
        ]
        return sorted(found, key=lambda each: (not each[1].leader, each[0].instance_id))


def read_members(ecs: EcsClient, machines: Sequence[MachineState]) -> tuple[EtcdMember, ...] | None:
    """The members, from the first master that tells them; None when none does.

    The oldest machine first: a newcomer has no etcd yet, or a learner, which takes seconds to refuse. Members
    that do not answer are asked on their own machines whether they still have their data.
    """
    running = [each for each in machines if each.role == names.ROLE_MASTER and each.status == "Running"]
    masters = sorted(running, key=lambda each: (each.created, each.instance_id))
    urls = [f"https://{each.private_ip}:2379" for each in masters if each.private_ip]
    for machine in masters[:MOST_MACHINES_ASKED]:
        output = looked_at(ecs, machine.instance_id, list_etcd_members(urls), LOOK_SECONDS)
        members = None if output is None else read_report(output)
        if members:
            return _with_losses(ecs, members, masters)
    return None


def _with_losses(
    ecs: EcsClient, members: Sequence[EtcdMember], masters: Sequence[MachineState]
) -> tuple[EtcdMember, ...]:
    """The members, those marked whose machine says that the data is gone."""

    def looked(member: EtcdMember) -> EtcdMember:
        machine = next((each for each in masters if belongs(member, each)), None)
        if not member.started or member.health is Health.HEALTHY or machine is None:
            return member
        output = looked_at(ecs, machine.instance_id, look_at_etcd_data(), LOOK_SECONDS)
        return member.model_copy(update={"data_missing": output is not None and data_is_gone(output)})

    return tuple(side_by_side([partial(looked, each) for each in members], len(members)))


def membership(ecs: EcsClient, machines: Sequence[MachineState]) -> Membership:
    """The membership. Raises PermanentError when no master tells it."""
    members = read_members(ecs, machines)
    if members is None:
        raise PermanentError("no master tells etcd's members; its quorum may be lost")
    return Membership(members, tuple(machines))


def on_a_member(
    ecs: EcsClient, etcd: Membership, operation: NodeOperation, besides: Iterable[str] = ()
) -> str:
    """Carry the operation out on a healthy voter. Raises PermanentError when there is none."""
    well = etcd.voters_well(besides)
    if not well:
        raise PermanentError("etcd has no healthy voter to ask")
    return carry_out(ecs, well[0][0].instance_id, operation)
