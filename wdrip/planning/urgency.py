"""What may not wait for the end of the step that runs."""

from collections.abc import Callable, Mapping

from wdrip.models.observation import ClusterObservation, Memory
from wdrip.models.step_kind import StepKind
from wdrip.planning.control_plane import plan_control_plane
from wdrip.planning.decision import Act, Hold, QuorumLost, Settled, Target
from wdrip.planning.healing import heal_control_plane, plan_healing

_Planner = Callable[[ClusterObservation, Memory], Act | Hold | Settled | QuorumLost]

_COMES_FIRST: Mapping[StepKind, _Planner] = {
    # Neither can be carried out while the control plane is away, and some would wait half an hour for it.
    StepKind.LAUNCH_MASTER: plan_control_plane,
    StepKind.JOIN_ETCD: plan_control_plane,
    StepKind.PROMOTE_MEMBER: plan_control_plane,
    StepKind.JOIN_CONTROL_PLANE: plan_control_plane,
    StepKind.BACK_UP: plan_control_plane,
    StepKind.DRAIN: plan_control_plane,
    # A machine more or less can wait until the masters are well.
    StepKind.JOIN_WORKER: heal_control_plane,
    StepKind.GROW_POOLS: heal_control_plane,
    # A drain lasts as long as budgets hold it up.
    StepKind.SHRINK_POOL: plan_healing,
}
"""By step, who is asked. The other steps heal, or are over within seconds, or must not stop halfway."""


def more_urgent(step: Act, observation: ClusterObservation, memory: Memory) -> str:
    """Why the running step is to be given up; empty when it goes on.

    memory: as `refreshed` by this observation, which was made while the step ran. What ails the step's own
    machines is the step's own business, unless the quorum is lost.
    """
    planner = _COMES_FIRST.get(step.step)
    urgent = planner(observation, memory) if planner else Settled()
    if isinstance(urgent, QuorumLost):
        return urgent.reason
    if isinstance(urgent, Act) and not _subjects(urgent.target) & _subjects(step.target):
        return urgent.reason
    return ""


def _subjects(target: Target) -> set[str]:
    return {target.instance_id, *target.instance_ids} - {""}
