"""From one look to one decision: healing and masters before pools."""

from collections.abc import Sequence
from dataclasses import dataclass

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.tasks import Observed
    from wdrip.models.cluster_config import ClusterConfig
    from wdrip.models.observation import Memory
    from wdrip.planning.decision import Act, Decision, Hold, first_of
    from wdrip.planning.healing import heal_control_plane, plan_healing
    from wdrip.planning.masters import plan_masters
    from wdrip.planning.node_pools import plan_pools
    from wdrip.planning.retries import pause_until


@dataclass(frozen=True)
class Verdict:
    """What is to be done next, and what is to be said of the masters."""

    chosen: Decision
    masters: Decision


def decide(observed: Observed, memory: Memory, config: ClusterConfig) -> Verdict:
    """At most one step for the whole cluster. memory: as `refreshed` by this look."""
    observation = observed.observation
    growth = plan_masters(observation, memory, config)
    # What ails a worker is no news of the masters.
    masters = first_of((heal_control_plane(observation, memory), growth))
    pools = plan_pools(observation, memory, observed.outlooks, _zones(observed, config))
    chosen = first_of((plan_healing(observation, memory), growth, pools))
    return Verdict(_after_pause(chosen, observed, memory), masters)


def _zones(observed: Observed, config: ClusterConfig) -> Sequence[str]:
    zones = tuple(config.iaas.all_zones)
    return tuple(zone for zone in zones if zone in observed.vswitch_ids) if observed.vswitch_ids else zones


def _after_pause(decision: Decision, observed: Observed, memory: Memory) -> Decision:
    """The decision, or a wait when the same step on the same subject has just failed.

    Most planners wait by themselves; this is for the steps that none of them expects to fail.
    """
    # The pools' planner counts its failures by itself: the first one is made up for at once.
    if not isinstance(decision, Act) or decision.target.node_pool or decision.target.launches:
        return decision
    until = pause_until(memory, decision.target.subject, decision.step, observed.observation.at)
    last = memory.last(decision.target.subject, decision.step)
    if until is None or last is None:
        return decision
    reason = f"{decision.step.value} failed and is tried again: {last.detail or 'no reason given'}"
    return Hold(reason=reason, until=until, condition="StepFailed")
