"""What a node pool needs next: machines more, machines fewer, failed ones out, or nothing.

* The pool's machines are those with its tag. Whether a machine works is told by its Node.
* A machine whose launch or join failed, or that has no Node when `JOIN_DEADLINE` has passed, is replaced. One
  that had a Node before is healing's (restart, reboot, …), and counts as there. One whose growth was broken
  off on its way is taken up by the next.
* Growth goes in batches side by side, over the zones evenly. When launches keep failing, the pauses grow.
* Shrinking takes what is broken first, then empty machines, then the newest. A machine whose drain was given
  up is left alone for a while; another goes in its place.
* Every look decides anew, so that a number changed in the middle needs no special care: `still_to_go` asks
  once more before each machine is deleted.

Masters come first: the caller puts the decisions on them before these (`decision.first_of`).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wdrip.models.node_pool import NodePoolSpec
from wdrip.models.observation import (
    ClusterObservation,
    Health,
    MachineState,
    Memory,
    NodePoolState,
    NodeState,
    Outcome,
    pool_group,
)
from wdrip.models.workload import NodeLoad, PoolOutlook
from wdrip.planning.decision import Act, Decision, Hold, Launch, Settled, StepKind, Target, first_of
from wdrip.planning.pool_spec import spec_problems

JOIN_DEADLINE = timedelta(minutes=10)
"""From the start of a machine to its Ready Node; the usual is 90 s. Cluster API gives a node as long."""

MOST_LAUNCHES = 10
"""Machines that start side by side, over all pools: ECS throttles RunInstances, and the package's download
and the API server have to bear them."""

MOST_REMOVALS = 5
"""Machines that are drained side by side: evicted pods need new places at once."""

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=30)
"""Launches that keep failing wait 1, 2, 4, … minutes. The first failure is made up for at once."""

PAUSE_AFTER_STUCK_DRAIN = timedelta(minutes=30)
"""How long a machine whose drain was given up is left alone."""


@dataclass(frozen=True)
class PoolMachines:
    """The machines of one pool, by how they are."""

    ready: tuple[MachineState, ...] = ()
    joining: tuple[MachineState, ...] = ()
    """On their way to a Ready Node."""
    ailing: tuple[MachineState, ...] = ()
    """They were Ready or have a Node, and are not Ready now: healing's."""
    failed: tuple[MachineState, ...] = ()
    """They did not become Ready in time, or said why not."""

    @property
    def there(self) -> tuple[MachineState, ...]:
        """Those that count towards the desired number."""
        return (*self.ready, *self.joining, *self.ailing)

    @property
    def all(self) -> tuple[MachineState, ...]:
        """Every one that costs money."""
        return (*self.there, *self.failed)


def pool_machines(observation: ClusterObservation, pool: str, memory: Memory) -> PoolMachines:
    """The pool's machines. The observation must have Nodes."""
    nodes = {node.name: node for node in observation.nodes or ()}
    found: dict[str, list[MachineState]] = {"ready": [], "joining": [], "ailing": [], "failed": []}
    for machine in observation.machines:
        if machine.node_pool == pool:
            found[_state(machine, nodes.get(machine.node_name), memory, observation.at)].append(machine)
    return PoolMachines(**{state: tuple(machines) for state, machines in found.items()})


def plan_pools(
    observation: ClusterObservation,
    memory: Memory,
    outlooks: Mapping[str, PoolOutlook],
    cluster_zones: Sequence[str],
) -> Decision:
    """The next step for all pools: at most one, in the order of their names.

    When it is growth, other pools that have to grow do so in the same step. A pool that must wait holds up no
    other. outlooks: by name of the pool; one that is missing knows nothing of the workload. cluster_zones:
    those with a vSwitch.
    """
    if observation.node_pools is None:
        return Hold(reason="the node pools cannot be read", condition="ApiUnreachable")
    pools = sorted(observation.node_pools, key=lambda each: each.name)
    decisions = [
        plan_pool(observation, pool, memory, outlooks.get(pool.name, PoolOutlook()), cluster_zones)
        for pool in pools
    ]
    first = first_of([*decisions, _strays(observation)])
    if isinstance(first, Act) and first.step is StepKind.GROW_POOLS:
        grows = [each for each in decisions if isinstance(each, Act) and each.step is StepKind.GROW_POOLS]
        return _together(grows)
    return first


def plan_pool(
    observation: ClusterObservation,
    pool: NodePoolState,
    memory: Memory,
    outlook: PoolOutlook,
    cluster_zones: Sequence[str],
) -> Decision:
    """The next step for one pool, as if it were alone."""
    if observation.nodes is None or observation.api is not Health.HEALTHY:
        return Hold(
            reason="the API server does not answer, so that nothing is known of the pool's Nodes",
            condition="ApiUnreachable",
        )
    machines = pool_machines(observation, pool.name, memory)
    if pool.deleting:
        return _delete(pool, machines, memory, outlook, observation)
    problems = spec_problems(pool.spec, tuple(cluster_zones))
    if problems:
        return Hold(reason=" | ".join(map(str, problems)), condition="Refused")
    return _towards_desired(observation, pool, machines, memory, outlook, cluster_zones)


def still_to_go(
    observation: ClusterObservation, pool: str, planned: Sequence[str], memory: Memory
) -> tuple[str, ...]:
    """Which of the instances of a running SHRINK_POOL still have to go, judged by a fresh look.

    Asked before each machine is deleted: a person may have raised the number during a long drain. Those that
    need not go are uncordoned. When nothing can be read, none has to.
    """
    state = next((each for each in observation.node_pools or () if each.name == pool), None)
    if state is None or observation.nodes is None:
        return ()
    machines = pool_machines(observation, pool, memory)
    failed = [machine.instance_id for machine in machines.failed]
    there = {machine.instance_id for machine in machines.there}
    excess = len(there) if state.deleting else max(0, len(there) - state.desired)
    due = [instance_id for instance_id in planned if instance_id in there][:excess]
    return tuple(instance_id for instance_id in planned if instance_id in failed or instance_id in due)


def zones_for(spec: NodePoolSpec, cluster_zones: Sequence[str]) -> tuple[str, ...]:
    """The zones over which a pool is spread: its own, else those of the cluster."""
    return tuple(dict.fromkeys(spec.infra.zones)) or tuple(cluster_zones)


def failures_in_a_row(pool: str, memory: Memory, since: datetime | None) -> tuple[int, datetime | None, str]:
    """How many batches of launches failed since one succeeded, when the last did, and why.

    A batch counts once, however many of its machines failed: they mostly fail for one reason.
    """
    attempts = [
        each
        for each in memory.attempts
        if each.group == pool_group(pool)
        and each.step is StepKind.GROW_POOLS
        and (since is None or each.finished > since)
    ]
    last_good = max((each.started for each in attempts if each.outcome is Outcome.DONE), default=None)
    bad = [
        each
        for each in attempts
        if each.outcome is Outcome.FAILED and (last_good is None or each.started > last_good)
    ]
    if not bad:
        return 0, None, ""
    last = max(bad, key=lambda each: each.finished)
    return len({each.started for each in bad}), last.finished, last.detail


def _state(machine: MachineState, node: NodeState | None, memory: Memory, now: datetime) -> str:
    if node is not None and node.ready is Health.HEALTHY:
        return "ready"
    growth = memory.last(machine.instance_id, StepKind.GROW_POOLS)
    launched_badly = growth is not None and growth.outcome is Outcome.FAILED
    overdue = now >= machine.created + JOIN_DEADLINE
    if node is None:
        if machine.instance_id in memory.joined:
            return "ailing"
        return "failed" if launched_badly or overdue else "joining"
    if growth is None:
        return "ailing" if overdue else "joining"
    # Once its Ready condition has changed after the launch, the launch no longer tells how it is.
    unchanged = node.ready_changed is None or node.ready_changed <= growth.finished
    return "failed" if launched_badly and unchanged else "ailing"


def _towards_desired(
    observation: ClusterObservation,
    pool: NodePoolState,
    machines: PoolMachines,
    memory: Memory,
    outlook: PoolOutlook,
    cluster_zones: Sequence[str],
) -> Decision:
    removable = [each for each in machines.failed if _stuck(each, memory, outlook, observation.at) is None]
    if removable:
        return _replace(pool, removable)
    if len(machines.there) <= pool.desired and _forsaken(machines, memory):
        return _grow(pool, machines, memory, outlook, cluster_zones, observation.at)
    if len(machines.there) == pool.desired:
        return _wait_for(machines.joining) if machines.joining else _autoscale(pool, machines, outlook)
    if len(machines.there) > pool.desired:
        return _shrink(pool, machines, memory, outlook, observation)
    return _grow(pool, machines, memory, outlook, cluster_zones, observation.at)


def _delete(
    pool: NodePoolState,
    machines: PoolMachines,
    memory: Memory,
    outlook: PoolOutlook,
    observation: ClusterObservation,
) -> Decision:
    if not machines.all:
        return Act(
            step=StepKind.RELEASE_POOL,
            target=Target(node_pool=pool.name),
            reason=f"pool {pool.name} is deleted and has no machine left",
            group=pool_group(pool.name),
        )
    return _remove(
        pool,
        [*machines.failed, *_by_dispensability(machines, outlook, observation)],
        MOST_REMOVALS,
        memory,
        outlook,
        observation.at,
        f"pool {pool.name} is deleted",
    )


def _replace(pool: NodePoolState, failed: Sequence[MachineState]) -> Act:
    """Failed machines go before others come, so that a pool never costs more than it should."""
    gone = failed[:MOST_LAUNCHES]
    minutes = JOIN_DEADLINE.total_seconds() / 60
    return _removal(
        pool,
        gone,
        f"{_some(gone)} failed, or had no Node {minutes:g} minutes after the start; replaced",
    )


def _grow(
    pool: NodePoolState,
    machines: PoolMachines,
    memory: Memory,
    outlook: PoolOutlook,
    cluster_zones: Sequence[str],
    now: datetime,
) -> Decision:
    if outlook.refusal:
        return Hold(reason=outlook.refusal, condition="Refused")
    failures, last, why = failures_in_a_row(pool.name, memory, outlook.changed)
    if failures > 1 and last is not None:
        until = last + min(FIRST_PAUSE * 2 ** min(failures - 2, 10), LONGEST_PAUSE)
        if now < until:
            words = f"{failures} launches failed in a row, the last because: {why or 'no reason was given'}"
            return Hold(
                reason=f"{words}; next try at {until:%H:%M:%S} UTC", until=until, condition="LaunchFailed"
            )
    forsaken = _forsaken(machines, memory)
    missing = pool.desired - len(machines.there)
    room = MOST_LAUNCHES - len(machines.joining)
    if room <= 0 and not forsaken:
        return _wait_for(machines.joining)
    zones = _spread(zones_for(pool.spec, cluster_zones), machines.there, min(missing, max(room, 0)))
    launches = [
        *(
            Launch(node_pool=pool.name, zone_id=each.zone_id, instance_id=each.instance_id)
            for each in forsaken
        ),
        *(Launch(node_pool=pool.name, zone_id=zone) for zone in zones),
    ]
    reason = f"pool {pool.name} has {len(machines.there)} of {pool.desired} machines"
    if forsaken:
        reason += f"; the growth that brought {_some(forsaken)} was broken off"
    return Act(
        step=StepKind.GROW_POOLS,
        target=Target(launches=tuple(launches[:MOST_LAUNCHES])),
        reason=reason,
        group=pool_group(pool.name),
    )


def _forsaken(machines: PoolMachines, memory: Memory) -> list[MachineState]:
    """Machines on their way that nobody sees to: no step runs while the next one is planned, and a growth
    that came to its end has left an attempt on each of its machines."""
    return [each for each in machines.joining if memory.last(each.instance_id, StepKind.GROW_POOLS) is None]


def _spread(zones: Sequence[str], there: Collection[MachineState], more: int) -> list[str]:
    """A zone for each further machine: always the one with the fewest, the first of the list among equals."""
    count = Counter(machine.zone_id for machine in there)
    chosen = []
    for _ in range(more):
        zone = min(zones, key=lambda each: count[each])
        count[zone] += 1
        chosen.append(zone)
    return chosen


def _shrink(
    pool: NodePoolState,
    machines: PoolMachines,
    memory: Memory,
    outlook: PoolOutlook,
    observation: ClusterObservation,
) -> Decision:
    return _remove(
        pool,
        _by_dispensability(machines, outlook, observation),
        min(len(machines.there) - pool.desired, MOST_REMOVALS),
        memory,
        outlook,
        observation.at,
        f"pool {pool.name} has {len(machines.there)} machines and shall have {pool.desired}",
    )


def _by_dispensability(
    machines: PoolMachines, outlook: PoolOutlook, observation: ClusterObservation
) -> list[MachineState]:
    """Who goes first: what does not work, what is cordoned already, what is empty, what loses no pod for
    good, and then the newest."""
    cordoned = {node.name for node in observation.nodes or () if node.unschedulable}
    ready = frozenset(machine.instance_id for machine in machines.ready)
    nothing = NodeLoad(pods=0, bare=0)

    def order(machine: MachineState) -> tuple[bool, bool, bool, bool, float, str]:
        load = outlook.loads.get(machine.node_name, nothing)
        return (
            machine.instance_id in ready,
            machine.node_name not in cordoned,
            load.pods > 0,
            load.bare > 0,
            -machine.created.timestamp(),
            machine.instance_id,
        )

    return sorted(machines.there, key=order)


def _remove(
    pool: NodePoolState,
    candidates: Sequence[MachineState],
    most: int,
    memory: Memory,
    outlook: PoolOutlook,
    now: datetime,
    reason: str,
) -> Decision:
    """The first of the candidates whose drain was not given up a short while ago."""
    stuck = {machine.instance_id: _stuck(machine, memory, outlook, now) for machine in candidates}
    going = [machine for machine in candidates if stuck[machine.instance_id] is None][:most]
    if going:
        return _removal(pool, going, reason)
    until, why = min(each for each in stuck.values() if each is not None)
    words = f"{reason}, but {why or 'the drain was given up'}; next try at {until:%H:%M:%S} UTC"
    return Hold(reason=words, until=until, condition="DrainBlocked")


def _stuck(
    machine: MachineState, memory: Memory, outlook: PoolOutlook, now: datetime
) -> tuple[datetime, str] | None:
    """Until when, and why, the machine is left alone; None when it may be tried: also after the spec
    changed."""
    last = memory.last(machine.instance_id, StepKind.SHRINK_POOL)
    if last is None or last.outcome is Outcome.DONE:
        return None
    if outlook.changed is not None and last.finished <= outlook.changed:
        return None
    until = last.finished + PAUSE_AFTER_STUCK_DRAIN
    return (until, last.detail) if now < until else None


def _removal(
    pool: NodePoolState, going: Sequence[MachineState], reason: str, desired: int | None = None
) -> Act:
    ids = tuple(machine.instance_id for machine in going)
    return Act(
        step=StepKind.SHRINK_POOL,
        target=Target(node_pool=pool.name, instance_ids=ids, desired=desired),
        reason=reason,
        group=pool_group(pool.name),
    )


def _autoscale(pool: NodePoolState, machines: PoolMachines, outlook: PoolOutlook) -> Decision:
    """What the autoscaler wants of a pool that is otherwise as it shall be."""
    verdict = outlook.scale
    if verdict is not None and pool.spec.autoscaling is not None and verdict.desired != pool.desired:
        named = frozenset(verdict.remove)
        going = [machine for machine in machines.there if machine.node_name in named]
        if going and len(going) == pool.desired - verdict.desired:
            return _removal(pool, going[:MOST_LAUNCHES], verdict.reason, verdict.desired)
        if not named:
            return Act(
                step=StepKind.SET_DESIRED,
                target=Target(node_pool=pool.name, desired=verdict.desired),
                reason=verdict.reason,
                group=pool_group(pool.name),
            )
    if machines.ailing:
        reason = f"{_some(machines.ailing)} is not Ready; healing sees to it"
        return Hold(reason=reason, condition="NotReady")
    return Settled()


def _strays(observation: ClusterObservation) -> Decision:
    """Machines of a pool that is not there. They are told, not deleted: the pool's object may come back with
    a recovery, and machines that were taken for strays would be lost with their work."""
    known = {pool.name for pool in observation.node_pools or ()}
    strays = [each for each in observation.machines if each.node_pool and each.node_pool not in known]
    if not strays:
        return Settled()
    pools = ", ".join(sorted({machine.node_pool for machine in strays}))
    return Hold(
        reason=f"{_some(strays)} carry the tag of {pools}, which is not there; apply such a NodePool to keep "
        "them, and delete it to let them go",
        condition="StrayMachines",
    )


def _wait_for(joining: Sequence[MachineState]) -> Hold:
    until = min(machine.created for machine in joining) + JOIN_DEADLINE
    words = f"{_some(joining)} shall be Ready by {until:%H:%M:%S} UTC, else replaced"
    return Hold(reason=words, until=until, condition="Joining")


def _together(grows: Sequence[Act]) -> Act:
    """One step for all pools that grow, the first ones first when there is not room for all."""
    launches = tuple(launch for act in grows for launch in act.target.launches)[:MOST_LAUNCHES]
    served = {launch.node_pool for launch in launches}
    acts = [act for act in grows if act.target.launches[0].node_pool in served]
    if len(acts) == 1:
        return acts[0]
    return Act(
        step=StepKind.GROW_POOLS,
        target=Target(launches=launches),
        reason="; ".join(act.reason for act in acts),
    )


def _some(machines: Sequence[MachineState]) -> str:
    names = ", ".join(machine.instance_id for machine in machines[:3])
    return names + (f" and {len(machines) - 3} more" if len(machines) > 3 else "")
