"""A cluster in memory: machines, etcd, Nodes and wdrip's own objects, and what a look at them shows.

It is as strict as the real one: `broken_rules` holds what must never happen, such as a lost quorum.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from threading import Condition

from activities.tasks import Observed
from wdrip import names
from wdrip.models.cluster import ClusterRecord, Machine
from wdrip.models.node_pool import NodePoolSpec
from wdrip.models.observation import (
    ClusterObservation,
    EtcdMember,
    Health,
    MachineState,
    MasterSetState,
    NodePoolState,
    NodeState,
)
from wdrip.planning.quorum import has_quorum, standing, voters

NEWEST = 100
"""Revision of every voter; a learner gets there in two looks."""


@dataclass
class Host:
    """A machine, and what runs on it."""

    machine: Machine
    created: datetime
    node_pool: str = ""
    status: str = "Running"
    well: bool = True
    """Whether its kubelet and, on a master, its etcd answer."""
    token: str = ""

    @property
    def node_name(self) -> str:
        return names.node_name(self.machine.private_ip, self.machine.instance_id)


@dataclass
class Node:
    """A Node; a new one is Ready from the second look on."""

    ready: bool = False
    unschedulable: bool = False
    changed: datetime | None = None


@dataclass
class SimulatedCluster:
    """One cluster. Everything that changes it holds `changed` and tells it."""

    hosts: dict[str, Host] = field(default_factory=dict)
    members: dict[str, EtcdMember] = field(default_factory=dict)
    """By id."""
    nodes: dict[str, Node] = field(default_factory=dict)
    master_set: MasterSetState | None = None
    pools: dict[str, NodePoolState] = field(default_factory=dict)
    backends: tuple[str, ...] = ()
    api_up: bool = True
    backups: int = 0
    broken_rules: list[str] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)
    ticks: int = 0
    """Raised by a test to let every watch's time be up."""

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self._origin = self._since = datetime.now(UTC)
        self._speed = 1.0
        self._former: tuple[dict[str, EtcdMember], dict[str, Node]] | None = None

    # --- what a person does ---------------------------------------------------------------------

    def scale(self, replicas: int) -> None:
        """`kubectl scale masterset`."""
        with self.changed:
            generation = self.master_set.generation + 1 if self.master_set else 1
            self.master_set = MasterSetState(replicas=replicas, generation=generation)
            self.changed.notify_all()

    def apply_pool(self, name: str, desired: int, deleting: bool = False) -> None:
        """`kubectl apply` of a NodePool, or `kubectl delete`."""
        with self.changed:
            before = self.pools.get(name)
            self.pools[name] = NodePoolState(
                name=name,
                generation=before.generation + 1 if before else 1,
                desired=desired,
                deleting=deleting,
                spec=NodePoolSpec.read({"infra": {"desiredCapacity": desired}}),
            )
            self.changed.notify_all()

    def break_machine(self, instance_id: str) -> None:
        """Its kubelet and its etcd answer no more."""
        with self.changed:
            host = self.hosts[instance_id]
            host.well = False
            self.nodes[host.node_name].ready = False
            self.nodes[host.node_name].changed = self.now()
            self.changed.notify_all()

    def lose(self, instance_id: str) -> None:
        """The machine is gone, with its data and without a word."""
        with self.changed:
            host = self.hosts.pop(instance_id)
            self.nodes[host.node_name].ready = False
            self.changed.notify_all()

    def hurry(self, speed: float) -> None:
        """Let the cluster's clock run faster from now on."""
        with self.changed:
            self._origin, self._since, self._speed = self.now(), datetime.now(UTC), speed

    def set_clock_right(self) -> None:
        """Let the clock tell the time again; whoever remembers a later one must have forgotten it."""
        with self.changed:
            self._origin = self._since = datetime.now(UTC)
            self._speed = 1.0

    def tick(self) -> None:
        """The time of every watch is up."""
        with self.changed:
            self.ticks += 1
            self.changed.notify_all()

    # --- what is there --------------------------------------------------------------------------

    def now(self) -> datetime:
        """By the cluster's own clock."""
        return self._origin + (datetime.now(UTC) - self._since) * self._speed

    def masters(self) -> list[Host]:
        """The machines of the masters."""
        return [each for each in self.hosts.values() if each.machine.role == names.ROLE_MASTER]

    def workers(self, pool: str) -> list[Host]:
        """The machines of a pool."""
        return [each for each in self.hosts.values() if each.node_pool == pool]

    def voting(self) -> int:
        """How many members vote."""
        return len(voters(tuple(self.members.values())))

    def seen(self) -> dict[str, str]:
        """What a watch compares."""
        with self.changed:
            found = {f"nodes/{name}": str(node.ready) for name, node in self.nodes.items()}
            found |= {f"nodepools/{each.name}": str(each.generation) for each in self.pools.values()}
            if self.master_set:
                found["mastersets/masterset"] = str(self.master_set.generation)
            return found

    def observed(self, record: ClusterRecord) -> Observed:
        """One look. What takes time has come a step further when it is looked at again."""
        with self.changed:
            members = tuple(self._seen_member(each) for each in self.members.values())
            answers = self.api_up and has_quorum(members)
            observation = ClusterObservation(
                at=self.now(),
                api=Health.HEALTHY if answers else Health.UNHEALTHY,
                machines=tuple(_state(each) for each in self.hosts.values() if _has_a_part(each)),
                nodes=tuple(self._seen_node(name) for name in self.nodes) if answers else None,
                members=members if self.masters() else None,
                master_set=self.master_set if answers else None,
                node_pools=tuple(self.pools.values()) if answers else None,
                backends=self.backends,
            )
            self._time_passes()
        zones = record.config.iaas.all_zones
        return Observed(observation=observation, vswitch_ids={zone: f"vsw-{zone}" for zone in zones})

    def _seen_member(self, member: EtcdMember) -> EtcdMember:
        host = self._host_of(member)
        well = host is not None and host.well and host.status == "Running"
        return member.model_copy(update={"health": Health.HEALTHY if well else Health.UNHEALTHY})

    def _seen_node(self, name: str) -> NodeState:
        node = self.nodes[name]
        return NodeState(
            name=name,
            ready=Health.HEALTHY if node.ready else Health.UNHEALTHY,
            ready_changed=node.changed,
            unschedulable=node.unschedulable,
        )

    def _time_passes(self) -> None:
        for host in self.hosts.values():
            node = self.nodes.get(host.node_name)
            if node and host.well and not node.ready:
                node.ready, node.changed = True, self.now()
        for key, member in self.members.items():
            if (member.revision or 0) < NEWEST:
                further = (member.revision or 0) + NEWEST // 2
                self.members[key] = member.model_copy(update={"revision": further})

    def define(self) -> None:
        """The default objects, once."""
        with self.changed:
            if self.master_set is None:
                self.scale(1)
                self.apply_pool("default-nodepool", 0)

    # --- what wdrip does ------------------------------------------------------------------------

    def add_host(self, token: str, zone: str, role: str, node_pool: str = "") -> Host:
        """Start a machine; the same token gives the same machine."""
        with self.changed:
            known = next((each for each in self.hosts.values() if each.token == token), None)
            if known:
                return known
            number = next(self._numbers)
            machine = Machine(
                instance_id=f"i-{role}{number}", private_ip=f"192.168.0.{number}", zone_id=zone, role=role
            )
            return self.adopt(machine, token, node_pool)

    def adopt(self, machine: Machine, token: str = "", node_pool: str = "") -> Host:
        """A machine that was started."""
        with self.changed:
            host = Host(machine, self.now(), node_pool, token=token)
            self.hosts[machine.instance_id] = host
            return host

    def found(self, instance_id: str) -> None:
        """Make the machine a cluster of one."""
        with self.changed:
            host = self.hosts[instance_id]
            if self.members:
                return
            self._add_member(host, learner=False, leader=True, revision=NEWEST)
            self.nodes[host.node_name] = Node(ready=True)

    def reborn(self, instance_id: str) -> None:
        """Everybody is led to a restored cluster of one, which knows the workers that are there."""
        with self.changed:
            workers = [each for each in self.hosts.values() if each.machine.role == names.ROLE_WORKER]
            self._former = (self.members, self.nodes)
            self.members = {}
            self.nodes = {each.node_name: Node(ready=True) for each in workers}
            self.found(instance_id)
            self.changed.notify_all()

    def old_again(self) -> None:
        """Everybody is led back."""
        with self.changed:
            self.members, self.nodes = self._former or (self.members, self.nodes)
            self._former = None
            self.changed.notify_all()

    def add_learner(self, instance_id: str) -> None:
        """Let the machine's etcd join."""
        with self.changed:
            if self._member_on(instance_id):
                return
            self._rule(not any(each.learner for each in self.members.values()), "one learner at a time")
            self._add_member(self.hosts[instance_id], learner=True, leader=False, revision=0)

    def promote(self, instance_id: str) -> str:
        """Let the learner vote; why not, when etcd refuses."""
        with self.changed:
            member = self._member_on(instance_id)
            if member is None or (member.revision or 0) < NEWEST * 0.9:
                return "the learner is not in sync with the leader"
            self.members[member.id] = member.model_copy(update={"learner": False})
            self._rule_of_quorum(f"promoting {instance_id}")
            return ""

    def remove_member(self, member_id: str) -> None:
        """Take a member out of etcd."""
        with self.changed:
            gone = self.members.pop(member_id, None)
            if gone and gone.leader and self.members:
                first = next(each for each in self.members.values() if not each.learner)
                self.members[first.id] = first.model_copy(update={"leader": True})
            self._rule_of_quorum(f"removing {member_id}")

    def lead(self, member_id: str) -> None:
        """Give etcd's leadership to this member."""
        with self.changed:
            self.members = {
                key: each.model_copy(update={"leader": key == member_id})
                for key, each in self.members.items()
            }

    def add_node(self, instance_id: str, ready: bool = False) -> None:
        """A kubelet registers its Node."""
        with self.changed:
            self.nodes.setdefault(self.hosts[instance_id].node_name, Node(ready=ready))
            self.changed.notify_all()

    def cordon(self, node_name: str, unschedulable: bool) -> None:
        """Cordon or uncordon."""
        with self.changed:
            if node_name in self.nodes:
                self.nodes[node_name].unschedulable = unschedulable

    def delete_node(self, node_name: str) -> None:
        """Delete the Node."""
        with self.changed:
            self.nodes.pop(node_name, None)
            self.changed.notify_all()

    def delete_host(self, instance_id: str) -> None:
        """Release the machine."""
        with self.changed:
            member = self._member_on(instance_id)
            self._rule(member is None or member.learner, f"{instance_id} leaves etcd before it is deleted")
            self._rule(instance_id not in self.backends, f"{instance_id} gets no request when it is deleted")
            host = self.hosts.pop(instance_id, None)
            if host and host.node_name in self.nodes:
                self.nodes[host.node_name].ready = False
            self.changed.notify_all()

    def set_backends(self, instance_ids: Sequence[str]) -> None:
        """Who stands behind the load balancer."""
        with self.changed:
            self._rule(bool(instance_ids), "somebody stands behind the load balancer")
            self.backends = tuple(instance_ids)

    def _add_member(self, host: Host, learner: bool, leader: bool, revision: int) -> None:
        number = next(self._numbers)
        self.members[f"{number:x}"] = EtcdMember(
            id=f"{number:x}",
            name=host.node_name,
            peer_url=f"https://{host.machine.private_ip}:2380",
            learner=learner,
            leader=leader,
            revision=revision,
        )

    def _member_on(self, instance_id: str) -> EtcdMember | None:
        host = self.hosts.get(instance_id)
        return next((each for each in self.members.values() if host and each.name == host.node_name), None)

    def _host_of(self, member: EtcdMember) -> Host | None:
        return next((each for each in self.hosts.values() if each.node_name == member.name), None)

    def _rule_of_quorum(self, doing: str) -> None:
        members = tuple(self._seen_member(each) for each in self.members.values())
        self._rule(has_quorum(members), f"quorum stands after {doing}: {standing(members)}")

    def _rule(self, kept: bool, rule: str) -> None:
        if not kept:
            self.broken_rules.append(rule)


def _has_a_part(host: Host) -> bool:
    return host.machine.role in (names.ROLE_MASTER, names.ROLE_WORKER)


def _state(host: Host) -> MachineState:
    return MachineState(
        instance_id=host.machine.instance_id,
        private_ip=host.machine.private_ip,
        zone_id=host.machine.zone_id,
        role=host.machine.role,
        node_pool=host.node_pool,
        status=host.status,
        created=host.created,
    )
