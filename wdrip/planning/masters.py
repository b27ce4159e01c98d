"""The next step towards as many masters as the MasterSet asks for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from wdrip.models.cluster_config import MASTERS_EXPECTED, ClusterConfig
from wdrip.models.observation import MASTERS, ClusterObservation, Health, Memory
from wdrip.models.step_kind import StepKind
from wdrip.planning.decision import Act, Hold, Launch, Settled, Target
from wdrip.planning.leftovers import leftover_member, leftover_node
from wdrip.planning.newcomer import is_leftover, next_step
from wdrip.planning.quorum import has_quorum, standing
from wdrip.planning.replacement import is_begun_anew, is_complete, leaves_now, to_replace
from wdrip.planning.retirement import retire, target_of
from wdrip.planning.retries import pause_until
from wdrip.planning.roster import Master, in_words, masters_of
from wdrip.planning.storm import throttled_until

MOST_AT_ONCE = 2
"""Newcomers at a time: from one odd number of voters to the next, since an even one bears no more failures
than the odd one below it, and should not last."""


@dataclass(frozen=True)
class TargetVerdict:
    """What is to be said of a number of masters."""

    accepted: bool
    reason: str
    """CamelCase, for a condition."""
    message: str
    """The warning, or why it is refused; empty when there is nothing to say."""


def judge_target(replicas: int) -> TargetVerdict:
    """Whether so many masters can be had, and whether they should be."""
    if replicas < 1:
        return TargetVerdict(
            False,
            "ReplicasRefused",
            f"{replicas} masters cannot run a cluster; set replicas to 1 or more, or delete the cluster",
        )
    if replicas > MASTERS_EXPECTED:
        return TargetVerdict(
            True,
            "ManyMasters",
            f"{replicas} masters: more than {MASTERS_EXPECTED} make every write slower; {MASTERS_EXPECTED} "
            f"bear {(MASTERS_EXPECTED - 1) // 2} failures",
        )
    if replicas % 2 == 0:
        bears = (replicas - 1) // 2
        return TargetVerdict(
            True,
            "EvenMasters",
            f"{replicas} masters bear {bears} failure{'' if bears == 1 else 's'}, no more than "
            f"{replicas - 1}; an odd number is better",
        )
    return TargetVerdict(True, "ReplicasAccepted", "")


def plan_masters(
    observation: ClusterObservation, memory: Memory, config: ClusterConfig
) -> Act | Hold | Settled:
    """At most one step, and why.

    memory: as `refreshed` by this observation. Half-done work is finished before anything is begun, so the
    target may change at any time: it counts anew from the next step on.
    """
    unclear = _cannot_judge(observation)
    if unclear is not None:
        return unclear
    situation = _Situation(observation, memory, config)
    return (
        leftover_member(observation, memory)
        or _leftover_machine(situation)
        or leftover_node(observation, memory)
        or _leaving(situation)
        or _arriving(situation)
        or _in_service(situation)
        or _growing(situation)
        or _unwell(situation)
        or Settled()
    )


@dataclass(frozen=True)
class _Situation:
    observation: ClusterObservation
    memory: Memory
    config: ClusterConfig

    @property
    def target(self) -> int:
        masters = self.observation.master_set
        return masters.replicas if masters is not None else 0

    @cached_property
    def masters(self) -> tuple[Master, ...]:
        return masters_of(self.observation)

    @cached_property
    def replaced(self) -> dict[str, str]:
        return to_replace(self.observation, self.memory, self.masters)

    @cached_property
    def staying(self) -> tuple[Master, ...]:
        return tuple(each for each in self.masters if each.id not in self.replaced)

    @cached_property
    def complete(self) -> tuple[Master, ...]:
        return tuple(each for each in self.staying if is_complete(self.observation, each))


def _cannot_judge(observation: ClusterObservation) -> Hold | None:
    masters, members = observation.master_set, observation.members
    if observation.api is not Health.HEALTHY or observation.nodes is None:
        return Hold(reason="the API server does not answer", condition="ApiUnreachable")
    if masters is None:
        return Hold(
            reason="the MasterSet could not be read; if it was deleted, apply it again with the replicas "
            "that are wanted",
            condition="NoMasterSet",
        )
    verdict = judge_target(masters.replicas)
    if not verdict.accepted:
        return Hold(reason=verdict.message, condition=verdict.reason)
    if members is None:
        return Hold(reason="etcd's members could not be read", condition="EtcdUnknown")
    if not has_quorum(members):
        return Hold(reason=f"etcd has no quorum: {standing(members)}", condition="NoQuorum")
    return None


def _leftover_machine(situation: _Situation) -> Act | Hold | None:
    """Delete a machine that has left etcd, before its place is filled."""
    for master in situation.masters:
        anew = is_begun_anew(situation.observation, situation.memory, master)
        if is_leftover(situation.memory, master) and not anew:
            why = situation.replaced.get(master.id) or f"{master.id} has left etcd"
            group = MASTERS if master.id in situation.replaced else ""
            return _out(situation, master, why, group)
    return None


def _leaving(situation: _Situation) -> Act | Hold | None:
    """Take one out: one that must be replaced, or one too many."""
    replaced = leaves_now(situation.observation, situation.masters, situation.replaced)
    if replaced is not None:
        return _out(situation, replaced, situation.replaced[replaced.id], MASTERS)
    if len(situation.staying) > situation.target:
        why = f"masters: {len(situation.staying)} there, {situation.target} wanted"
        return _out(situation, _one_too_many(situation), why)
    return None


def _one_too_many(situation: _Situation) -> Master:
    """Not yet voting or unwell first, then the one on its way out, then who does not lead, then from the
    fullest zone, then the newest."""
    zones = Counter(each.machine.zone_id for each in situation.staying)

    def rank(master: Master) -> tuple[bool, bool, bool, bool, int, float, str]:
        return (
            master.votes,
            master in situation.complete,
            not _on_its_way_out(situation.memory, master),
            master.leads,
            -zones[master.machine.zone_id],
            -master.machine.created.timestamp(),
            master.id,
        )

    return min(situation.staying, key=rank)


def _on_its_way_out(memory: Memory, master: Master) -> bool:
    last = memory.last(master.id, StepKind.DRAIN, StepKind.UNCORDON)
    return not master.behind or (last is not None and last.step is StepKind.DRAIN)


def _out(situation: _Situation, master: Master, why: str, group: str = "") -> Act | Hold:
    return retire(situation.observation, situation.memory, situation.masters, master, why, group)


def _arriving(situation: _Situation) -> Act | Hold | None:
    """Finish the masters that are not yet ones: a learner first, since it blocks the others, then who is no
    member, so that etcd does not stay at an even number of voters; then all that vote join side by side."""
    coming = [each for each in situation.staying if each not in situation.complete]
    coming.sort(key=lambda each: (each.votes, each.member is None))
    steps = [next_step(situation.observation, situation.memory, each) for each in coming]
    acts = [each for each in steps if isinstance(each, Act)]
    if not acts:
        return next((each for each in steps if each is not None), None)
    return _joining(acts) if acts[0].step is StepKind.JOIN_CONTROL_PLANE else acts[0]


def _joining(acts: Sequence[Act]) -> Act:
    """Of those that each let one master join the control plane, the one that lets all of them."""
    return Act(
        step=StepKind.JOIN_CONTROL_PLANE,
        target=Target(instance_ids=tuple(each.target.instance_id for each in acts)),
        reason="; ".join(each.reason for each in acts),
    )


def _in_service(situation: _Situation) -> Act | Hold | None:
    """Uncordon who stays, and have the right ones behind the load balancer."""
    for master in situation.complete:
        last = situation.memory.last(master.id, StepKind.DRAIN, StepKind.UNCORDON)
        cordoned = master.node is not None and master.node.unschedulable
        if cordoned and last is not None and last.step is StepKind.DRAIN:
            reason = f"{master.id} stays after all"
            return Act(step=StepKind.UNCORDON, target=target_of(master), reason=reason)
    backends = situation.observation.backends
    if backends is None:
        return Hold(reason="who is behind the load balancer could not be read", condition="BackendsUnknown")
    wanted = tuple(each.id for each in situation.masters if each.behind or each in situation.complete)
    if not wanted or set(wanted) == set(backends):
        return None
    added, gone = sorted(set(wanted) - set(backends)), sorted(set(backends) - set(wanted))
    words = [f"{', '.join(ids)} {verb}" for ids, verb in ((added, "ready"), (gone, "gone")) if ids]
    return Act(
        step=StepKind.SET_BACKENDS,
        target=Target(instance_ids=wanted),
        reason=f"load balancer: {'; '.join(words)}",
    )


def _growing(situation: _Situation) -> Act | Hold | None:
    """Launch more machines, when everything that is there is well."""
    missing = situation.target - len(situation.staying)
    if missing <= 0:
        return None
    unwell = _unwell(situation)
    if unwell is not None:
        return unwell
    at, memory = situation.observation.at, situation.memory
    throttle = throttled_until(memory, MASTERS, len(situation.masters), "", at)
    if throttle is not None:
        return Hold(
            reason="too many masters were replaced within an hour; the next one comes later",
            until=throttle,
            condition="Throttled",
        )
    zones = situation.config.iaas.all_zones
    pauses = {zone: pause_until(memory, zone, StepKind.LAUNCH_MASTER, at) for zone in zones}
    usable = [zone for zone in zones if pauses[zone] is None]
    if not usable:
        return Hold(
            reason=f"no zone gave a machine: {_why_no_machine(memory, zones)}",
            until=min(until for until in pauses.values() if until is not None),
            condition="LaunchFailed",
        )
    chosen = _emptiest(situation, usable, min(missing, MOST_AT_ONCE))
    return Act(
        step=StepKind.LAUNCH_MASTER,
        target=Target(launches=tuple(Launch(zone_id=zone) for zone in chosen)),
        reason=f"masters: {len(situation.staying)} there, {situation.target} wanted",
    )


def _emptiest(situation: _Situation, zones: Sequence[str], count: int) -> list[str]:
    """A zone for each of so many machines: each time one that has fewest masters."""
    full = Counter(each.machine.zone_id for each in situation.staying)
    chosen: list[str] = []
    for _ in range(count):
        chosen.append(min(zones, key=lambda zone: full[zone]))
        full[chosen[-1]] += 1
    return chosen


def _why_no_machine(memory: Memory, zones: Sequence[str]) -> str:
    last = [memory.last(zone, StepKind.LAUNCH_MASTER) for zone in zones]
    return "; ".join(f"{each.subject}: {each.detail or 'no reason given'}" for each in last if each)


def _unwell(situation: _Situation) -> Hold | None:
    unwell = [each for each in situation.staying if each not in situation.complete]
    if not unwell:
        return None
    return Hold(reason=f"{in_words(unwell)} must be healthy first", condition="MasterUnhealthy")
