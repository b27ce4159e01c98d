"""Healing the machines of node pools: the ladder, with a brake and a throttle for each pool."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from wdrip import names
from wdrip.models.observation import (
    ClusterObservation,
    Health,
    MachineState,
    Memory,
    NodeState,
    Outcome,
    pool_group,
)
from wdrip.models.step_kind import StepKind
from wdrip.planning import memory as symptoms
from wdrip.planning.decision import Act, Hold, Settled, Target, first_of
from wdrip.planning.ladder import DESTRUCTIVE, ILL_AFTER, SEEN_TWICE, next_rung, tried_in_words
from wdrip.planning.replacement import JOIN_GRACE, MOST_TRIES
from wdrip.planning.retries import RECENT, failures, pause_until
from wdrip.planning.roster import is_well, nodes_by_name
from wdrip.planning.storm import BRAKE, is_storm, showing, throttled_until


def heal_workers(observation: ClusterObservation, memory: Memory) -> Act | Hold | Settled:
    """The next step for a worker that is unwell. Machines of pools that are being deleted, or that no pool
    claims, are left to the planning of pools.

    Settled, and nothing done, while the API cannot be asked: nobody is judged by what could not be read.
    """
    if observation.api is not Health.HEALTHY or observation.nodes is None or observation.node_pools is None:
        return Settled()
    kept = {each.name for each in observation.node_pools if not each.deleting}
    workers = [
        each for each in observation.machines if each.role == names.ROLE_WORKER and each.node_pool in kept
    ]
    decision = first_of(
        step
        for pool in sorted(kept)
        for step in _Pool(
            observation,
            memory,
            pool,
            storm=_storm(memory, workers, pool, (symptoms.UNREADY, symptoms.NODE_MISSING)),
            vanished=_storm(memory, workers, pool, (symptoms.NODE_MISSING,)),
        ).steps()
    )
    return decision if isinstance(decision, Act | Hold) else Settled()


def _storm(memory: Memory, workers: Sequence[MachineState], pool: str, kinds: Collection[str]) -> str:
    """Why machines with one of these symptoms are left alone in the pool; empty when they are not."""
    for scope, machines in (
        (f"pool {pool}", [each for each in workers if each.node_pool == pool]),
        ("the cluster", workers),
    ):
        ill = showing(memory, [each.instance_id for each in machines], kinds)
        if is_storm(len(ill), len(machines)):
            return (
                f"{len(ill)} of {len(machines)} workers of {scope} are unwell at once, more than {BRAKE:.0%}"
            )
    return ""


@dataclass(frozen=True)
class _Pool:
    observation: ClusterObservation
    memory: Memory
    name: str
    storm: str
    """Why machines that are not Ready are left alone; empty when they are not."""
    vanished: str
    """Why machines without a Node are left alone. Apart from `storm`, so that deleting one Node of many that
    are not Ready is a person's consent to replace that machine."""

    def steps(self) -> Iterator[Act | Hold]:
        """One for each machine that needs one, the oldest machine first."""
        nodes = nodes_by_name(self.observation)
        for machine in sorted(self._machines(), key=lambda each: (each.created, each.instance_id)):
            step = self._step(machine, nodes.get(machine.node_name))
            if step is not None:
                yield step

    def _machines(self) -> list[MachineState]:
        return [each for each in self.observation.machines if each.node_pool == self.name]

    def _step(self, machine: MachineState, node: NodeState | None) -> Act | Hold | None:
        if machine.status == "Stopped":
            return self._started(machine)
        if node is None:
            return self._without_node(machine)
        if is_well(node, self.observation.at):
            return self._uncordoned(machine, node)
        return self._healed(machine, node)

    def _started(self, machine: MachineState) -> Act | Hold:
        subject, at = machine.instance_id, self.observation.at
        since = symptoms.since(self.memory, symptoms.STOPPED, subject) or at
        if at - since < SEEN_TWICE:
            return Hold(reason=f"{subject} is stopped", until=since + SEEN_TWICE)
        if failures(self.memory, subject, StepKind.START_MACHINE, at) >= MOST_TRIES:
            return self._replaced(machine, None, f"{subject} does not start")
        return self._tried(machine, StepKind.START_MACHINE, f"{subject} was stopped")

    def _without_node(self, machine: MachineState) -> Act | Hold | None:
        subject, at = machine.instance_id, self.observation.at
        missing = symptoms.since(self.memory, symptoms.NODE_MISSING, subject)
        if missing is None:
            # It has never joined: the planning of pools gives it time, and replaces it.
            return None
        if at - missing < SEEN_TWICE:
            return Hold(reason=f"the Node of {subject} is not there", until=missing + SEEN_TWICE)
        if self.vanished:
            # Many Nodes missing at once is a store that went back in time; kubelets register anew.
            if not self.memory.tried(subject, (StepKind.RESTART_SERVICES,), at - RECENT):
                return self._act(
                    StepKind.RESTART_SERVICES, machine, f"{subject} has no Node; {self.vanished}"
                )
            return self._braked(self.vanished)
        return self._replaced(machine, None, f"the Node of {subject} was deleted")

    def _healed(self, machine: MachineState, node: NodeState) -> Act | Hold:
        subject, at, memory = machine.instance_id, self.observation.at, self.memory
        if self._begun_anew(subject):
            return self._tried(machine, StepKind.JOIN_WORKER, f"{subject} has a new disk")
        joined = memory.last(subject, StepKind.JOIN_WORKER)
        since = symptoms.since(memory, symptoms.UNREADY, subject) or at
        if joined is not None and at - joined.finished < JOIN_GRACE and joined.outcome is Outcome.DONE:
            return Hold(reason=f"{node.name} has just joined", until=joined.finished + JOIN_GRACE)
        if at - since < ILL_AFTER:
            return Hold(reason=f"{node.name} is not Ready", until=since + ILL_AFTER)
        return self._climbed(machine, node)

    def _climbed(self, machine: MachineState, node: NodeState) -> Act | Hold:
        subject, at, memory = machine.instance_id, self.observation.at, self.memory
        rung = next_rung(memory, subject, at)
        why = f"{node.name} is not Ready {tried_in_words(memory, subject, at)}".rstrip()
        if not rung.due(at):
            return Hold(reason=f"{why}; next {rung.step.value}", until=rung.ready_at)
        if rung.step not in DESTRUCTIVE:
            return self._act(rung.step, machine, why)
        if self.storm:
            return self._braked(self.storm)
        if rung.step is StepKind.REBOOT:
            return self._emptied(machine, node, why, rung.step)
        return self._replaced(machine, node, why, rung.step)

    def _replaced(
        self,
        machine: MachineState,
        node: NodeState | None,
        why: str,
        step: StepKind = StepKind.DELETE_MACHINE,
    ) -> Act | Hold:
        subject, at = machine.instance_id, self.observation.at
        throttle = throttled_until(self.memory, pool_group(self.name), len(self._machines()), subject, at)
        if throttle is not None:
            reason = f"{why}; too many machines of {self.name} were replaced within an hour"
            return Hold(reason=reason, until=throttle, condition="Throttled")
        return self._emptied(machine, node, why, step)

    def _emptied(self, machine: MachineState, node: NodeState | None, why: str, step: StepKind) -> Act | Hold:
        """Drain once, then `step`: what cannot be evicted is told in the attempt, not waited for."""
        tried = self.memory.tried(machine.instance_id, (StepKind.DRAIN,), self.observation.at - RECENT)
        if node is not None and not tried:
            return self._act(StepKind.DRAIN, machine, why)
        return self._tried(machine, step, why)

    def _uncordoned(self, machine: MachineState, node: NodeState) -> Act | None:
        """Take back a cordon of healing's own; one of a person or of a pool that shrinks stays."""
        last = self.memory.last(machine.instance_id, StepKind.DRAIN, StepKind.UNCORDON)
        ours = last is not None and last.step is StepKind.DRAIN and last.group == pool_group(self.name)
        if not node.unschedulable or not ours:
            return None
        return self._act(StepKind.UNCORDON, machine, f"{node.name} is Ready again")

    def _begun_anew(self, subject: str) -> bool:
        last = self.memory.last(subject, StepKind.REPLACE_SYSTEM_DISK, StepKind.JOIN_WORKER)
        if (
            last is None
            or failures(self.memory, subject, StepKind.JOIN_WORKER, self.observation.at) >= MOST_TRIES
        ):
            return False
        replaced = last.step is StepKind.REPLACE_SYSTEM_DISK
        return (last.outcome is Outcome.DONE) if replaced else last.outcome is Outcome.FAILED

    def _tried(self, machine: MachineState, step: StepKind, why: str) -> Act | Hold:
        until = pause_until(self.memory, machine.instance_id, step, self.observation.at)
        if until is not None:
            return Hold(
                reason=f"{step.value} failed on {machine.instance_id} and is tried again", until=until
            )
        return self._act(step, machine, why)

    def _braked(self, storm: str) -> Hold:
        return Hold(
            reason=f"{storm}: nothing destructive is done; `kubectl delete node` replaces a single one",
            until=self.observation.at + timedelta(minutes=1),
            condition="StormBrake",
        )

    def _act(self, step: StepKind, machine: MachineState, reason: str) -> Act:
        target = Target(
            instance_id=machine.instance_id,
            node_name=machine.node_name,
            zone_id=machine.zone_id,
            node_pool=self.name,
        )
        return Act(step=step, target=target, reason=reason, group=pool_group(self.name))
