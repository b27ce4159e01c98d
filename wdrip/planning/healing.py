"""The next step that heals, of the whole cluster: control plane, masters, what is left over, workers."""

from collections.abc import Sequence

from wdrip.models.observation import ClusterObservation, Memory
from wdrip.planning.control_plane import plan_control_plane
from wdrip.planning.decision import Act, Hold, QuorumLost, Settled, first_of
from wdrip.planning.leftovers import leftover_member, leftover_node
from wdrip.planning.master_healing import heal_masters
from wdrip.planning.worker_healing import heal_workers


def plan_healing(observation: ClusterObservation, memory: Memory) -> Act | Hold | Settled | QuorumLost:
    """At most one step, and why. memory: as `refreshed` by this observation.

    It comes before `plan_masters` and the pools. While the control plane is away, nothing else is judged.
    """
    control_plane = plan_control_plane(observation, memory)
    if not isinstance(control_plane, Settled):
        return control_plane
    return first_of(
        (
            *_of_masters(observation, memory),
            leftover_node(observation, memory) or Settled(),
            heal_workers(observation, memory),
        )
    )


def heal_control_plane(observation: ClusterObservation, memory: Memory) -> Act | Hold | Settled | QuorumLost:
    """What of `plan_healing` concerns the masters."""
    control_plane = plan_control_plane(observation, memory)
    if not isinstance(control_plane, Settled):
        return control_plane
    return first_of(_of_masters(observation, memory))


def _of_masters(observation: ClusterObservation, memory: Memory) -> Sequence[Act | Hold | Settled]:
    return (leftover_member(observation, memory) or Settled(), heal_masters(observation, memory))
