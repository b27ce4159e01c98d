"""What a look tells of each pool beyond its machines: loads, the autoscaler's verdict, the instance type."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from activities.tasks import ObserveTask
from activities.workload import ApiView
from wdrip.clients.ecs import EcsClient
from wdrip.errors import InvalidInput, WdripError
from wdrip.models.cluster_config import ClusterConfig
from wdrip.models.node_pool import AutoscalingMemory
from wdrip.models.observation import ClusterObservation, Memory, NodePoolState, Outcome, pool_group
from wdrip.models.step_kind import StepKind
from wdrip.models.workload import NodeRoom, PoolOutlook, ScaleVerdict
from wdrip.planning.autoscaling import ScaledPool, decide_scale, template_like, template_of
from wdrip.planning.drain import loads
from wdrip.planning.instance_types import TypeChoice, choose_types
from wdrip.planning.node_pools import pool_machines, zones_for
from wdrip.planning.scheduling import PODS


def outlooks(
    ecs: EcsClient, task: ObserveTask, observation: ClusterObservation, view: ApiView
) -> dict[str, PoolOutlook]:
    """The outlook of each pool that can be read, by its name."""
    by_node = loads(view.pods)
    before = task.previous.outlooks if task.previous else {}
    found = {}
    for pool in view.node_pools:
        own = {each.node_name for each in observation.machines if each.node_pool == pool.name}
        type_id, refusal = _instance_type(ecs, task, observation, pool, before.get(pool.name))
        found[pool.name] = PoolOutlook(
            loads={name: load for name, load in by_node.items() if name in own},
            refusal=refusal,
            instance_type=type_id,
            changed=_changed(task, pool, before.get(pool.name), observation.at),
        )
    verdicts = _verdicts(ecs, task, observation, view, found)
    return {name: each.model_copy(update={"scale": verdicts.get(name)}) for name, each in found.items()}


def choices_for(ecs: EcsClient, config: ClusterConfig, pool: NodePoolState) -> tuple[TypeChoice, ...]:
    """The types that the pool's next machines may have, best first. Raises InvalidInput when none will do."""
    zones = zones_for(pool.spec, config.iaas.all_zones)
    return choose_types(pool.spec.infra, zones, ecs.zones(), ecs.instance_types(), config.iaas.instance)


def _same_spec(task: ObserveTask, pool: NodePoolState) -> bool:
    """Whether the look before saw this very spec."""
    before = task.previous.observation.node_pools if task.previous else None
    return any(each.name == pool.name and each.generation == pool.generation for each in before or ())


def _changed(
    task: ObserveTask, pool: NodePoolState, before: PoolOutlook | None, now: datetime
) -> datetime | None:
    """Since when the spec is as it is; None when it was so at the first look that could read it."""
    if task.previous is None or task.previous.observation.node_pools is None:
        return before.changed if before else None
    if _same_spec(task, pool):
        return before.changed if before else None
    return now


def _instance_type(
    ecs: EcsClient,
    task: ObserveTask,
    observation: ClusterObservation,
    pool: NodePoolState,
    before: PoolOutlook | None,
) -> tuple[str, str]:
    """The type of new machines, or why there is none. Asked for only when it may matter: it is two long
    lists."""
    complete = len(pool_machines(observation, pool.name, task.memory).there) >= pool.desired
    if before is not None and before.instance_type and complete and _same_spec(task, pool):
        return before.instance_type, ""
    try:
        return choices_for(ecs, task.record.config, pool)[0].type_id, ""
    except InvalidInput as error:
        return "", str(error)
    except WdripError:
        return (before.instance_type, before.refusal) if before else ("", "")


def _verdicts(
    ecs: EcsClient,
    task: ObserveTask,
    observation: ClusterObservation,
    view: ApiView,
    found: Mapping[str, PoolOutlook],
) -> dict[str, ScaleVerdict]:
    """The autoscaler's, on each pool that has bounds and whose machines' size is known."""
    pool_of = {each.node_name: each.node_pool for each in observation.machines if each.node_pool}
    rooms = view.rooms(pool_of)
    before = task.previous.outlooks if task.previous else {}
    scaled = []
    for pool in view.node_pools:
        if pool.spec.autoscaling is None or pool.deleting:
            continue
        template = _template(ecs, pool, rooms, view, found[pool.name].instance_type)
        if template is not None:
            machines = len(pool_machines(observation, pool.name, task.memory).there)
            memory = _memory(task.memory, pool.name, before.get(pool.name))
            bounds = pool.spec.autoscaling
            scaled.append(ScaledPool(pool.name, bounds, pool.desired, machines, template, memory))
    return decide_scale(scaled, rooms, view.pods, view.budgets, observation.at) if scaled else {}


def _template(
    ecs: EcsClient, pool: NodePoolState, rooms: Sequence[NodeRoom], view: ApiView, type_id: str
) -> NodeRoom | None:
    """What a further machine of the pool would offer; None when nothing tells."""
    like = next((each for each in rooms if each.pool == pool.name and each.ready), None)
    if like is not None:
        return template_like(like, [each for each in view.pods if each.node == like.name])
    offer = ecs.instance_type(type_id) if type_id else None
    if offer is None or not rooms:
        return None
    daemons = [each for each in view.pods if each.owner == "DaemonSet" and each.node == rooms[0].name]
    return template_of(pool.spec, offer.cpu, offer.memory, rooms[0].allocatable.get(PODS, 0), daemons)


def _memory(memory: Memory, pool: str, before: PoolOutlook | None) -> AutoscalingMemory:
    def last(step: StepKind) -> datetime | None:
        ends = [
            each.finished
            for each in memory.attempts
            if each.group == pool_group(pool) and each.step is step and each.outcome is Outcome.DONE
        ]
        return max(ends, default=None)

    return AutoscalingMemory.model_validate(
        {
            "under_used_since": before.scale.under_used_since if before and before.scale else {},
            "grew": last(StepKind.GROW_POOLS),
            "shrank": last(StepKind.SHRINK_POOL),
        }
    )
