"""The way out for a master, in the order that keeps the API and the quorum up.

Out of the load balancer, drained, backed up, leadership moved away, the projection checked once more, out of
etcd; then the machine may go.
"""

from collections.abc import Sequence

from wdrip.models.observation import ClusterObservation, Memory
from wdrip.models.step_kind import StepKind
from wdrip.planning.decision import Act, Hold, Target
from wdrip.planning.quorum import Change, ChangeKind, projection
from wdrip.planning.retries import RECENT, failures, pause_until
from wdrip.planning.roster import Master
from wdrip.planning.safeguard import backup_first

LEADER_MOVES = 2
"""Tries to move leadership before the leader is removed all the same: etcd elects another one by itself. A
leader whose machine does not answer must not block its own replacement (kubernetes-sigs/cluster-api#8465)."""


def retire(
    observation: ClusterObservation,
    memory: Memory,
    masters: Sequence[Master],
    leaving: Master,
    why: str,
    group: str = "",
) -> Act | Hold:
    """The next step that takes `leaving` out of the cluster, down to its machine.

    Its Node is deleted when the machine is gone (`wdrip/planning/leftovers.py`).
    """
    step = leave_etcd(observation, memory, masters, leaving, why, group)
    if step is not None:
        return step
    until = pause_until(memory, leaving.id, StepKind.DELETE_MACHINE, observation.at)
    if until is not None:
        return Hold(reason=f"{leaving.id} could not be deleted and is tried again", until=until)
    return Act(step=StepKind.DELETE_MACHINE, target=target_of(leaving), reason=why, group=group)


def leave_etcd(
    observation: ClusterObservation,
    memory: Memory,
    masters: Sequence[Master],
    leaving: Master,
    why: str,
    group: str = "",
) -> Act | Hold | None:
    """The next step until `leaving` is no member and gets no requests; None when that is so."""
    step = _unsafe(observation, leaving) or _away_from_requests(observation, masters, leaving, why)
    if step is not None or leaving.member is None:
        return step
    if leaving.node is not None and not memory.tried(leaving.id, (StepKind.DRAIN,), observation.at - RECENT):
        return Act(step=StepKind.DRAIN, target=target_of(leaving), reason=why, group=group)
    return (
        backup_first(observation, memory, "", f"removing {leaving.id} from etcd")
        or lead_elsewhere(observation, memory, masters, leaving, why)
        or _remove(observation, memory, leaving, why, group)
    )


def lead_elsewhere(
    observation: ClusterObservation, memory: Memory, masters: Sequence[Master], leaving: Master, why: str
) -> Act | None:
    """The step that moves leadership away from `leaving`; None when it does not lead or cannot be moved."""
    if not leaving.leads or not leaving.etcd_healthy or leaving.member is None:
        return None
    if failures(memory, leaving.id, StepKind.MOVE_LEADER, observation.at) >= LEADER_MOVES:
        return None
    others = [
        (each.running, each.member.revision or 0, each.id, each.member.id)
        for each in masters
        if each.id != leaving.id and each.votes and each.etcd_healthy and each.member is not None
    ]
    if not others:
        return None
    target = target_of(leaving).model_copy(update={"to_member_id": max(others)[-1]})
    return Act(step=StepKind.MOVE_LEADER, target=target, reason=f"{leaving.id} leads etcd; {why}")


def _unsafe(observation: ClusterObservation, leaving: Master) -> Hold | None:
    if leaving.member is None:
        return None
    verdict = projection(observation.members or (), Change(ChangeKind.REMOVE, leaving.member.id))
    if verdict.safe:
        return None
    return Hold(
        reason=f"{leaving.id} cannot leave etcd: {verdict.reason}",
        condition="QuorumAtRisk",
    )


def _away_from_requests(
    observation: ClusterObservation, masters: Sequence[Master], leaving: Master, why: str
) -> Act | Hold | None:
    if observation.backends is None:
        return Hold(reason=f"{leaving.id} stays: who is behind the load balancer could not be read")
    if not leaving.behind:
        return None
    existing = {each.id for each in masters}
    left = tuple(each for each in observation.backends if each != leaving.id and each in existing)
    if not left:
        return Hold(
            reason=f"{leaving.id} stays: no other master is behind the load balancer",
            condition="LastBackend",
        )
    return Act(step=StepKind.SET_BACKENDS, target=Target(instance_ids=left), reason=why)


def _remove(
    observation: ClusterObservation, memory: Memory, leaving: Master, why: str, group: str
) -> Act | Hold:
    until = pause_until(memory, leaving.id, StepKind.REMOVE_MEMBER, observation.at)
    if until is not None:
        return Hold(reason=f"{leaving.id} could not be taken out of etcd and is tried again", until=until)
    return Act(step=StepKind.REMOVE_MEMBER, target=target_of(leaving), reason=why, group=group)


def target_of(master: Master) -> Target:
    """A step's target with all that is known of a master."""
    return Target(
        instance_id=master.id,
        node_name=master.node.name if master.node is not None else "",
        member_id=master.member.id if master.member is not None else "",
        zone_id=master.machine.zone_id,
    )
