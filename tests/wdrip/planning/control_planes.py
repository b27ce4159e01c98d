"""A control plane in memory: carries decisions out as the workflows would, and refuses what breaks a rule."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from tests.world.guide import guide_config
from wdrip import names
from wdrip.models.cluster_config import ClusterConfig
from wdrip.models.node_pool import NodePoolSpec
from wdrip.models.observation import (
    Attempt,
    ClusterObservation,
    EtcdMember,
    Health,
    MachineState,
    MasterSetState,
    Memory,
    NodePoolState,
    NodeState,
    Outcome,
)
from wdrip.planning.decision import Act, Hold, QuorumLost, Settled, StepKind, first_of
from wdrip.planning.healing import plan_healing
from wdrip.planning.masters import plan_masters
from wdrip.planning.memory import refreshed

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ZONES = ("cn-hangzhou-k", "cn-hangzhou-h", "cn-hangzhou-i")

STEP_TAKES = timedelta(seconds=10)
LOOK_EVERY = timedelta(seconds=30)

CHANGES_MEMBERSHIP = {StepKind.JOIN_ETCD, StepKind.PROMOTE_MEMBER, StepKind.REMOVE_MEMBER}


@cache
def config(zones: tuple[str, ...] = ZONES) -> ClusterConfig:
    """The guide's configuration with these zones."""
    guide = guide_config("kubernetes-id-001")
    iaas = guide.iaas.model_copy(update={"zoneid": zones[0], "zones": list(zones[1:])})
    return guide.model_copy(update={"iaas": iaas})


@dataclass
class Etcd:
    """A member as it is, whatever is known of it."""

    id: str
    ip: str
    name: str = ""
    learner: bool = False
    data: bool = True


@dataclass
class Machine:
    """A machine as it is."""

    id: str
    ip: str
    zone: str
    created: datetime
    role: str = names.ROLE_MASTER
    pool: str = ""
    status: str = "Running"
    fault: StepKind | None = None
    """The lowest rung that cures what is wrong with it; DELETE_MACHINE: none does."""
    etcd_hit: bool = True
    """Whether the fault takes etcd away, too."""
    kubelet_hit: bool = True
    """Whether the fault takes the kubelet away, too."""
    ready: bool | None = None
    """None: it has no Node."""
    cordoned: bool = False

    @property
    def name(self) -> str:
        return names.node_name(self.ip, self.id)

    @property
    def works(self) -> bool:
        return self.status == "Running" and self.fault is None

    @property
    def kubelet_works(self) -> bool:
        return self.status == "Running" and not (self.fault and self.kubelet_hit)

    @property
    def etcd_works(self) -> bool:
        return self.status == "Running" and not (self.fault and self.etcd_hit)


@dataclass
class ControlPlane:
    """Machines, etcd, Nodes and load balancer, with the rules that no step may break."""

    target: int
    zones: tuple[str, ...] = ZONES
    now: datetime = NOW
    machines: dict[str, Machine] = field(default_factory=dict)
    etcd: dict[str, Etcd] = field(default_factory=dict)
    leader: str = ""
    stale_nodes: set[str] = field(default_factory=set)
    backends: list[str] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    unseen: set[str] = field(default_factory=set)
    """Ids of members whose health cannot be told."""
    pools: dict[str, int] = field(default_factory=dict)
    bad_joins: int = 0
    """How many of the next machines never get etcd up."""
    failing: dict[StepKind, int] = field(default_factory=dict)
    """How often the next steps of a kind fail without effect."""
    api_out_of_reach: bool = False
    log: list[Act] = field(default_factory=list)
    serial: int = 0

    @classmethod
    def of(cls, masters: int, target: int | None = None, zones: tuple[str, ...] = ZONES) -> "ControlPlane":
        """So many healthy masters, spread over the zones; the second leads, if there is one."""
        plane = cls(target=masters if target is None else target, zones=zones)
        for number in range(masters):
            machine = plane.launch(zones[number % len(zones)])
            machine.created -= timedelta(days=1) - timedelta(minutes=number)
            plane.add_member(machine, learner=False).name = machine.name
            machine.ready = True
            plane.backends.append(machine.id)
        plane.leader = list(plane.etcd)[min(1, masters - 1)] if masters else ""
        return plane

    # What the world does.

    def launch(self, zone: str, pool: str = "") -> Machine:
        self.serial += 1
        role = names.ROLE_WORKER if pool else names.ROLE_MASTER
        machine = Machine(
            f"i-{self.serial:04d}", f"192.168.0.{self.serial}", zone, self.now, role=role, pool=pool
        )
        self.machines[machine.id] = machine
        return machine

    def worker(self, pool: str) -> Machine:
        """A Ready worker."""
        machine = self.launch(self.zones[0], pool)
        machine.created -= timedelta(days=1)
        machine.ready = True
        self.pools[pool] = self.pools.get(pool, 0) + 1
        return machine

    def add_member(self, machine: Machine, learner: bool = True) -> Etcd:
        self.serial += 1
        member = Etcd(f"{self.serial:016x}", machine.ip, learner=learner)
        self.etcd[member.id] = member
        return member

    def release(self, machine: Machine) -> None:
        """Gone from the cloud, as by a click in the console."""
        del self.machines[machine.id]
        if machine.ready is not None:
            self.stale_nodes.add(machine.name)

    def member_of(self, machine: Machine) -> Etcd | None:
        members = self.etcd.values()
        unstarted = (each for each in members if not each.name and each.ip == machine.ip)
        return next((each for each in members if each.name == machine.name), next(unstarted, None))

    def masters(self) -> list[Machine]:
        return [each for each in self.machines.values() if each.role == names.ROLE_MASTER]

    def well(self, member: Etcd) -> bool:
        machine = next((each for each in self.machines.values() if each.name == member.name), None)
        if machine is None or not member.name:
            return False
        return member.data and machine.etcd_works

    def voters(self) -> list[Etcd]:
        return [each for each in self.etcd.values() if not each.learner]

    def quorate(self) -> bool:
        votes = self.voters()
        return sum(map(self.well, votes)) > len(votes) // 2

    def serves(self) -> bool:
        """Whether the API answers through the load balancer."""
        behind = [self.machines[each] for each in self.backends if each in self.machines]
        return self.quorate() and any(each.kubelet_works and each.ready for each in behind)

    # What is seen of it.

    def look(self) -> ClusterObservation:
        api = self.serves() and not self.api_out_of_reach
        if self.quorate() and (self.leader not in self.etcd or not self.well(self.etcd[self.leader])):
            self.leader = next(each.id for each in self.voters() if self.well(each))
        nodes = [
            NodeState(
                name=each.name,
                ready=Health.HEALTHY if each.ready and each.kubelet_works else Health.UNKNOWN,
                unschedulable=each.cordoned,
            )
            for each in self.machines.values()
            if each.ready is not None
        ]
        nodes += [NodeState(name=each) for each in sorted(self.stale_nodes)]
        askable = any(each.status == "Running" for each in self.masters())
        return ClusterObservation(
            at=self.now,
            api=Health.HEALTHY if api else Health.UNHEALTHY,
            machines=tuple(self._seen(each) for each in self.machines.values()),
            nodes=tuple(nodes) if api else None,
            members=tuple(map(self._member, self.etcd.values())) if askable and self.etcd else None,
            master_set=MasterSetState(replicas=self.target) if api else None,
            node_pools=tuple(self._pool(*each) for each in self.pools.items()) if api else None,
            backends=tuple(self.backends),
        )

    def _seen(self, machine: Machine) -> MachineState:
        return MachineState(
            instance_id=machine.id,
            private_ip=machine.ip,
            zone_id=machine.zone,
            role=machine.role,
            node_pool=machine.pool,
            status=machine.status,
            created=machine.created,
        )

    def _member(self, member: Etcd) -> EtcdMember:
        health = Health.HEALTHY if self.well(member) else Health.UNHEALTHY
        return EtcdMember(
            id=member.id,
            name=member.name,
            peer_url=f"https://{member.ip}:2380",
            learner=member.learner,
            leader=member.id == self.leader,
            health=Health.UNKNOWN if member.id in self.unseen else health,
            revision=1000,
            data_missing=not member.data,
        )

    def _pool(self, name: str, desired: int) -> NodePoolState:
        spec = NodePoolSpec.read({"infra": {"desiredCapacity": desired}})
        return NodePoolState(name=name, desired=desired, spec=spec)

    # The loop.

    def decide(self) -> Act | Hold | Settled | QuorumLost:
        seen = self.look()
        self.memory = refreshed(self.memory, seen)
        return first_of(
            (plan_healing(seen, self.memory), plan_masters(seen, self.memory, config(self.zones)))
        )

    def turn(self) -> Act | Hold | Settled | QuorumLost:
        """Look, decide, carry out; time goes on."""
        decision = self.decide()
        if isinstance(decision, Act):
            self.carry_out(decision)
        elif isinstance(decision, Hold):
            assert decision.reason
            # The loop's timer looks again anyway.
            later = decision.until or self.now + LOOK_EVERY
            assert later >= self.now, f"waits for the past: {decision}"
            self.now = max(later, self.now + timedelta(seconds=1))
        return decision

    def run(self, turns: int = 200) -> Act | Hold | Settled | QuorumLost:
        """Until nothing is left to do, quorum is lost, or `turns` are over."""
        decision: Act | Hold | Settled | QuorumLost = Settled()
        for _ in range(turns):
            decision = self.turn()
            if isinstance(decision, Settled | QuorumLost):
                break
        return decision

    def steps(self) -> list[StepKind]:
        return [each.step for each in self.log]

    def carry_out(self, act: Act) -> None:
        """Carry the step out. Raises AssertionError when it breaks a rule."""
        self.log.append(act)
        quorate = self.quorate()
        failed = self.failing.get(act.step, 0)
        if failed:
            self.failing[act.step] = failed - 1
            outcome = Outcome.FAILED
        else:
            if act.step in CHANGES_MEMBERSHIP:
                assert quorate, f"etcd takes no change without quorum: {act}"
                assert self._backed_up(), f"no backup before {act}"
            outcome = Outcome.DONE if self._effect(act) else Outcome.FAILED
        if quorate:
            assert self.quorate(), f"quorum lost by {act}"
        self.now += STEP_TAKES
        for subject in self._subjects(act):
            attempt = Attempt(
                subject=subject,
                group=act.group,
                step=act.step,
                started=self.now - STEP_TAKES,
                finished=self.now,
                outcome=outcome,
                detail="" if outcome is Outcome.DONE else "broken on purpose",
            )
            self.memory = self.memory.record(attempt)

    def _subjects(self, act: Act) -> list[str]:
        if act.step is StepKind.LAUNCH_MASTER:
            return sorted({each.zone_id for each in act.target.launches})
        if act.step is StepKind.JOIN_CONTROL_PLANE:
            return list(act.target.instance_ids)
        return [act.target.subject]

    def _backed_up(self) -> bool:
        last = self.memory.last("", StepKind.BACK_UP)
        return (
            last is not None
            and last.outcome is Outcome.DONE
            and self.now - last.finished < timedelta(minutes=6)
        )

    def _effect(self, act: Act) -> bool:
        machine = self.machines.get(act.target.instance_id)
        match act.step:
            case StepKind.LAUNCH_MASTER:
                assert 1 <= len(act.target.launches) <= 2
                for each in act.target.launches:
                    self.launch(each.zone_id)
            case StepKind.JOIN_CONTROL_PLANE:
                assert act.target.instance_ids, f"nobody joins: {act}"
                for instance_id in act.target.instance_ids:
                    machine = self.machines[instance_id]
                    member = self.member_of(machine)
                    assert member is not None and not member.learner
                    machine.ready = True
            case StepKind.SET_BACKENDS:
                assert act.target.instance_ids, "nobody behind the load balancer"
                assert all(each in self.machines for each in act.target.instance_ids)
                self.backends = list(act.target.instance_ids)
            case StepKind.MOVE_LEADER:
                assert self.well(self.etcd[act.target.to_member_id])
                self.leader = act.target.to_member_id
            case StepKind.REMOVE_MEMBER:
                self._remove(act)
            case StepKind.DELETE_NODE:
                assert act.target.instance_id not in self.machines
                self.stale_nodes.discard(act.target.node_name)
            case StepKind.BACK_UP:
                assert self.quorate()
            case _:
                assert machine is not None, f"{act} on a machine that is not there"
                return self._on(machine, act)
        return True

    def _remove(self, act: Act) -> None:
        member = self.etcd[act.target.member_id]
        if self.well(member) and not member.learner and act.target.instance_id in self.machines:
            assert member.id != self.leader or self.failing_leader_moves(member), (
                f"the leader is removed: {act}"
            )
            assert act.target.instance_id not in self.backends, f"still gets requests: {act}"
        del self.etcd[member.id]

    def failing_leader_moves(self, member: Etcd) -> bool:
        machine = next(each for each in self.machines.values() if each.name == member.name)
        moves = self.memory.tried(machine.id, (StepKind.MOVE_LEADER,))
        return sum(each.outcome is Outcome.FAILED for each in moves) >= 2

    def _on(self, machine: Machine, act: Act) -> bool:
        member = self.member_of(machine)
        match act.step:
            case StepKind.JOIN_ETCD:
                return self._join(machine, member)
            case StepKind.PROMOTE_MEMBER:
                assert member is not None and self.well(member)
                votes = self.voters()
                # The newcomer fails at once: quorum must hold all the same, but for 1 → 2.
                others = sum(map(self.well, votes))
                assert len(votes) == 1 or others > (len(votes) + 1) // 2, f"promoted too early: {act}"
                member.learner = False
            case StepKind.DRAIN | StepKind.UNCORDON:
                machine.cordoned = act.step is StepKind.DRAIN
            case StepKind.START_MACHINE:
                machine.status = "Running"
            case StepKind.DELETE_MACHINE:
                assert member is None, f"deleted before it left etcd: {act}"
                assert machine.id not in self.backends
                self.release(machine)
            case StepKind.JOIN_WORKER:
                machine.ready = True
            case _:
                self._cure(machine, member, act)
        return True

    def _join(self, machine: Machine, member: Etcd | None) -> bool:
        if member is None:
            assert not any(each.learner for each in self.etcd.values()), "a second learner"
            member = self.add_member(machine)
        if self.bad_joins:
            self.bad_joins -= 1
            machine.fault = StepKind.DELETE_MACHINE
        if not machine.works:
            return False
        member.name = machine.name
        return True

    def _cure(self, machine: Machine, member: Etcd | None, act: Act) -> None:
        rungs = (StepKind.RESTART_SERVICES, StepKind.REBOOT, StepKind.REPLACE_SYSTEM_DISK)
        if act.step is StepKind.REPLACE_SYSTEM_DISK and machine.role == names.ROLE_MASTER:
            assert member is None, f"its data is a member's: {act}"
        if machine.fault in rungs and rungs.index(act.step) >= rungs.index(machine.fault):
            machine.fault = None
        if act.step is StepKind.REPLACE_SYSTEM_DISK:
            machine.ready = False
        elif act.step is StepKind.RESTART_SERVICES and machine.ready is None and machine.works:
            # A kubelet registers its Node when it starts.
            machine.ready = True
