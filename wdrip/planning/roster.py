"""Which machine, etcd member and Node belong together, and what belongs to nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from wdrip import names
from wdrip.models.observation import ClusterObservation, EtcdMember, Health, MachineState, NodeState

LEASE_FRESH = timedelta(seconds=40)
"""A kubelet renews its lease every 10 s; the controller manager gives it 40 s
(`--node-monitor-grace-period`)."""

_NODE_NAME = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3})\.(i-[a-z0-9-]+)")
"""What `names.node_name` makes; a Node of another name is a stranger's, and is left alone."""


@dataclass(frozen=True)
class Master:
    """A master's machine and what belongs to it."""

    machine: MachineState
    member: EtcdMember | None = None
    node: NodeState | None = None
    behind: bool = False
    """It stands behind the load balancer."""

    @property
    def id(self) -> str:
        """Its instance id."""
        return self.machine.instance_id

    @property
    def running(self) -> bool:
        """Whether its machine is up."""
        return self.machine.status == "Running"

    @property
    def votes(self) -> bool:
        """Whether it is a voting member."""
        return self.member is not None and not self.member.learner

    @property
    def etcd_healthy(self) -> bool:
        """Whether its member is known to be healthy; an unstarted one is not."""
        return self.member is not None and self.member.started and self.member.health is Health.HEALTHY

    @property
    def leads(self) -> bool:
        """Whether its member leads etcd."""
        return self.member is not None and self.member.leader


def masters_of(observation: ClusterObservation) -> tuple[Master, ...]:
    """Every master's machine, the oldest first."""
    members, nodes = observation.members or (), nodes_by_name(observation)
    backends = observation.backends or ()
    machines = [each for each in observation.machines if each.role == names.ROLE_MASTER]
    return tuple(
        Master(
            machine,
            next((each for each in members if belongs(each, machine)), None),
            nodes.get(machine.node_name),
            machine.instance_id in backends,
        )
        for machine in sorted(machines, key=lambda each: (each.created, each.instance_id))
    )


def belongs(member: EtcdMember, machine: MachineState) -> bool:
    """Whether the member is this machine's.

    A started one by its name: its address may have gone to a later machine. An unstarted one by its address,
    since it has nothing else.
    """
    if member.started:
        return member.name == machine.node_name
    return bool(machine.private_ip) and urlsplit(member.peer_url).hostname == machine.private_ip


def members_without_machine(observation: ClusterObservation) -> tuple[EtcdMember, ...]:
    """Members whose machine is gone."""
    machines = observation.machines
    return tuple(
        member
        for member in observation.members or ()
        if not any(belongs(member, machine) for machine in machines)
    )


def nodes_without_machine(observation: ClusterObservation) -> tuple[NodeState, ...]:
    """Nodes that wdrip named and whose machine is gone."""
    existing = {each.node_name for each in observation.machines}
    # While a machine has no address yet, its Node's name cannot be known.
    unnamed = {each.instance_id for each in observation.machines if not each.private_ip}
    return tuple(
        node
        for node in observation.nodes or ()
        if (instance := instance_of(node.name)) and node.name not in existing and instance not in unnamed
    )


def instance_of(node_name: str) -> str:
    """The instance id in a Node's name; empty when wdrip did not name it."""
    match = _NODE_NAME.fullmatch(node_name)
    return match.group(2) if match else ""


def nodes_by_name(observation: ClusterObservation) -> dict[str, NodeState]:
    """The Nodes by name; none when they could not be read."""
    return {each.name: each for each in observation.nodes or ()}


def is_well(node: NodeState, at: datetime) -> bool:
    """Whether a Node is ready, or only the controller manager has lost sight of a kubelet that renews its
    lease."""
    if node.ready is Health.UNKNOWN:
        return node.lease_renewed is not None and at - node.lease_renewed < LEASE_FRESH
    return node.ready is Health.HEALTHY


def in_words(masters: Sequence[Master]) -> str:
    """Their instance ids, for a sentence."""
    return ", ".join(each.id for each in masters)
