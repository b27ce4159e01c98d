"""What a machine that is gone has left behind: its member in etcd, its Node."""

from wdrip.models.observation import ClusterObservation, EtcdMember, Memory, Outcome
from wdrip.models.step_kind import StepKind
from wdrip.planning import memory as symptoms
from wdrip.planning.decision import Act, Hold, Target
from wdrip.planning.ladder import SEEN_TWICE
from wdrip.planning.quorum import Change, ChangeKind, projection
from wdrip.planning.retries import pause_until
from wdrip.planning.roster import instance_of, members_without_machine, nodes_without_machine
from wdrip.planning.safeguard import backup_first


def leftover_member(observation: ClusterObservation, memory: Memory) -> Act | Hold | None:
    """Remove the member of a machine that is gone. It comes before everything that adds a member: an
    unstarted learner blocks every later join (kubernetes-sigs/cluster-api#13221)."""
    gone = members_without_machine(observation)
    if not gone:
        return None
    # Learners first: they cost no vote, and block others.
    member = min(gone, key=lambda each: (not each.learner, each.started, each.id))
    name = member.name or f"{member.id}, which never started at {member.peer_url}"
    since = symptoms.since(memory, symptoms.MEMBER_WITHOUT_MACHINE, member.id) or observation.at
    if observation.at - since < SEEN_TWICE:
        return Hold(reason=f"the machine of etcd member {name} is not listed", until=since + SEEN_TWICE)
    return _remove(observation, memory, member, name)


def _remove(
    observation: ClusterObservation, memory: Memory, member: EtcdMember, name: str
) -> Act | Hold | None:
    subject = instance_of(member.name) or member.id
    verdict = projection(observation.members or (), Change(ChangeKind.REMOVE, member.id))
    if not verdict.safe:
        reason = f"etcd member {name} has no machine but cannot be removed: {verdict.reason}"
        return Hold(reason=reason, condition="QuorumAtRisk")
    until = pause_until(memory, subject, StepKind.REMOVE_MEMBER, observation.at)
    if until is not None:
        return Hold(reason=f"etcd member {name} could not be removed and is tried again", until=until)
    return backup_first(observation, memory, "", f"removing etcd member {name}") or Act(
        step=StepKind.REMOVE_MEMBER,
        target=Target(instance_id=subject, member_id=member.id),
        reason=f"etcd member {name} has no machine",
    )


def leftover_node(observation: ClusterObservation, memory: Memory) -> Act | Hold | None:
    """Delete the Node of a machine that is gone: its pods are then given up, and come back elsewhere.

    Not while the machine's member is still in etcd: the Node is what shows that something is left to do.
    """
    members = {each.name for each in observation.members or ()}
    held: Hold | None = None
    for node in nodes_without_machine(observation):
        if node.name in members:
            continue
        instance = instance_of(node.name)
        since = symptoms.since(memory, symptoms.NODE_WITHOUT_MACHINE, node.name) or observation.at
        deleted = memory.last(instance, StepKind.DELETE_MACHINE)
        by_us = deleted is not None and deleted.outcome is Outcome.DONE
        if not by_us and observation.at - since < SEEN_TWICE:
            held = held or Hold(
                reason=f"the machine of Node {node.name} is not listed", until=since + SEEN_TWICE
            )
            continue
        until = pause_until(memory, instance, StepKind.DELETE_NODE, observation.at)
        if until is not None:
            held = held or Hold(reason=f"Node {node.name} could not be deleted", until=until)
            continue
        target = Target(instance_id=instance, node_name=node.name)
        return Act(step=StepKind.DELETE_NODE, target=target, reason=f"the machine of {node.name} is gone")
    return held
