"""Bringing the memory up to date with a new look: what is wrong since when, and what has been known."""

from collections.abc import Iterator
from datetime import datetime

from wdrip import names
from wdrip.models.observation import ClusterObservation, Health, Memory
from wdrip.planning import quorum, roster

API_AWAY = "api-away"
NO_QUORUM = "no-quorum"
STOPPED = "stopped"
UNREADY = "unready"
NODE_MISSING = "node-missing"
MEMBER_ILL = "member-ill"
LEARNER = "learner"
MEMBER_WITHOUT_MACHINE = "member-without-machine"
NODE_WITHOUT_MACHINE = "node-without-machine"


def symptom(kind: str, subject: str = "") -> str:
    """The key of a symptom in `Memory.first_seen`."""
    return f"{kind}/{subject}"


def since(memory: Memory, kind: str, subject: str = "") -> datetime | None:
    """Since when the subject has shown the symptom; None when the last look did not show it."""
    return memory.first_seen.get(symptom(kind, subject))


def refreshed(memory: Memory, observation: ClusterObservation) -> Memory:
    """The memory after one more look. Call it before every decision.

    A symptom that this look does not show is forgotten, also when what shows it could not be read: patience
    begins anew when the API is back, since its Nodes need a moment, too.
    """
    joined = _joined(memory, observation)
    seen = _symptoms(observation, frozenset(joined))
    return memory.model_copy(
        update={
            "joined": joined,
            "first_seen": {key: memory.first_seen.get(key, observation.at) for key in sorted(set(seen))},
            "last_members": observation.members or memory.last_members,
        }
    )


def _joined(memory: Memory, observation: ClusterObservation) -> tuple[str, ...]:
    nodes = roster.nodes_by_name(observation)
    before = frozenset(memory.joined)
    return tuple(
        sorted(
            each.instance_id
            for each in observation.machines
            if each.instance_id in before or each.node_name in nodes
        )
    )


def _symptoms(observation: ClusterObservation, joined: frozenset[str]) -> Iterator[str]:
    if observation.api is not Health.HEALTHY:
        yield symptom(API_AWAY)
    if observation.members is None or not quorum.has_quorum(observation.members):
        yield symptom(NO_QUORUM)
    yield from _of_machines(observation, joined)
    yield from _of_members(observation)
    for node in roster.nodes_without_machine(observation):
        yield symptom(NODE_WITHOUT_MACHINE, node.name)


def _of_machines(observation: ClusterObservation, joined: frozenset[str]) -> Iterator[str]:
    nodes = roster.nodes_by_name(observation)
    for machine in observation.machines:
        node = nodes.get(machine.node_name)
        if machine.status == "Stopped":
            yield symptom(STOPPED, machine.instance_id)
        elif machine.status == "Running" and observation.nodes is not None:
            if node is not None and not roster.is_well(node, observation.at):
                yield symptom(UNREADY, machine.instance_id)
            if node is None and machine.instance_id in joined:
                yield symptom(NODE_MISSING, machine.instance_id)


def _of_members(observation: ClusterObservation) -> Iterator[str]:
    for member in roster.members_without_machine(observation):
        yield symptom(MEMBER_WITHOUT_MACHINE, member.id)
    for machine in observation.machines:
        if machine.role != names.ROLE_MASTER:
            continue
        for member in observation.members or ():
            if not roster.belongs(member, machine):
                continue
            if member.learner:
                yield symptom(LEARNER, member.id)
            elif member.health is not Health.HEALTHY:
                yield symptom(MEMBER_ILL, machine.instance_id)
