"""How many machines a pool with `autoscaling` should have, and which should go: from pods, Nodes and memory.

Up: for pods that the scheduler has found no room for, that would fit on a machine of the pool, and that do
not fit on what is there or coming. They are packed onto imagined machines, largest first.

Down: a machine whose pods ask for less than half of it, for a while, goes when each of its pods has a
controller, may be evicted, and finds room elsewhere. Empty ones go together, others one at a time.

Numbers follow Kubernetes' own cluster autoscaler (its flags of the same meaning), so that nobody is
surprised.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wdrip.models.node_pool import AutoscalingBounds, AutoscalingMemory, NodePoolSpec
from wdrip.models.workload import BudgetState, NodeRoom, NodeTaint, PodState, ScaleVerdict
from wdrip.planning import scheduling
from wdrip.planning.drain import admit, must_leave

UNDER_USED = 0.5
"""Share of cpu and of memory that the pods ask for, below which a machine counts as under-used."""

UNDER_USED_FOR = timedelta(minutes=10)
"""How long it must have been so."""

REST_AFTER_GROWTH = timedelta(minutes=10)
"""No machine goes so soon after one was added."""

REST_AFTER_SHRINK = timedelta(minutes=1)
"""Evicted pods find their new places before the next machine goes."""

PATIENCE_WITH_PENDING = timedelta(seconds=10)
"""The scheduler may still find a place for a pod that has been unschedulable for less."""

MOST_AT_ONCE = 10
"""Machines that one decision adds, or empty ones that it takes."""

EXPENDABLE_BELOW = -10
"""Pods of lower priority are fillers: nothing is bought for them."""

KERNELS_SHARE = 0.06
"""Of an instance's nominal memory what kernel and firmware keep: an 8 GiB machine shows about 7.6 GiB. A
little too much is assumed, since a pod that does not fit after all would bring a machine for nothing."""

EVICTION_RESERVE = 100 * 2**20
"""Bytes that the kubelet keeps free by default (`--eviction-hard`, memory.available<100Mi)."""

_CPU, _MEMORY = "cpu", "memory"


@dataclass(frozen=True)
class ScaledPool:
    """One pool as the autoscaler sees it."""

    name: str
    bounds: AutoscalingBounds
    desired: int
    """Machines that the pool shall have at present."""
    machines: int
    """Machines that it has, Ready or coming."""
    template: NodeRoom
    """A new machine's Node, free of everything but DaemonSet pods (see `template_like`)."""
    memory: AutoscalingMemory


@dataclass
class _Place:
    """A Node, real or imagined, while pods are put onto it."""

    node: NodeRoom
    left: dict[str, int]
    empty: bool
    pods: list[PodState] = field(default_factory=list)

    def take(self, pod: PodState) -> None:
        scheduling.subtract(self.left, scheduling.takes(pod))
        self.empty = False
        self.pods.append(pod)

    def would_take(self, pod: PodState) -> bool:
        """A pod bound by rules that are not simulated is only sure to find room where it is alone."""
        if pod.bound_otherwise and not self.empty:
            return False
        return not scheduling.misfit(pod, self.node, self.left)


def template_like(node: NodeRoom, pods: Iterable[PodState]) -> NodeRoom:
    """What a further machine like `node` would offer. pods: those on it, of which DaemonSets' would come
    too."""
    lasting = [pod for pod in pods if pod.owner == "DaemonSet" or pod.mirror]
    labels = {key: value for key, value in node.labels.items() if key != "kubernetes.io/hostname"}
    taints = tuple(each for each in node.taints if not each.key.startswith("node.kubernetes.io/"))
    return node.model_copy(
        update={
            "name": "a new machine",
            "ready": True,
            "unschedulable": False,
            "allocatable": scheduling.free(node, lasting),
            "labels": labels,
            "taints": taints,
            "created": None,
        }
    )


def template_of(
    spec: NodePoolSpec, cpu: int, memory_gib: float, most_pods: int, daemons: Iterable[PodState]
) -> NodeRoom:
    """What the first machine of a pool would offer, when none is there to look at.

    cpu, memory_gib: of the instance type. most_pods: what the cluster's kubelets take; the pool's own
    `max-pods` wins. daemons: the DaemonSet pods of some other Node, whose like would come here too.
    """
    asked = spec.kubelet_arguments.get("max-pods", "")
    allocatable = {
        _CPU: cpu * 1000,
        _MEMORY: int(memory_gib * 2**30 * (1 - KERNELS_SHARE)) - EVICTION_RESERVE,
        scheduling.PODS: int(asked) if asked.isdecimal() else most_pods,
    }
    room = NodeRoom(
        name="a new machine",
        allocatable=allocatable,
        labels={"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", **spec.labels},
        taints=tuple(NodeTaint(key=each.key, value=each.value, effect=each.effect) for each in spec.taints),
    )
    coming = [pod for pod in daemons if not scheduling.misfit(pod, room, allocatable)]
    return room.model_copy(update={"allocatable": scheduling.free(room, coming)})


def decide_scale(
    pools: Sequence[ScaledPool],
    nodes: Sequence[NodeRoom],
    pods: Sequence[PodState],
    budgets: Sequence[BudgetState],
    now: datetime,
) -> dict[str, ScaleVerdict]:
    """The verdict on each pool, by its name.

    nodes, pods, budgets: all of the cluster, since a pod may find room in any pool. When a pod would fit in
    several pools, the one with the smallest machines grows.
    """
    nodes = sorted(nodes, key=lambda each: each.name)
    on_node = _by_node(pods)
    places = [_place(node, on_node.get(node.name, ())) for node in nodes if node.ready]
    waiting = waiting_pods(pods, now)
    unplaced = _put(waiting, [*places, *_coming(pools, nodes)])
    moving_in = len(unplaced) < len(waiting)
    verdicts: dict[str, ScaleVerdict] = {}
    for pool in sorted(pools, key=_size):
        grown, unplaced = _grow(pool, unplaced)
        verdicts[pool.name] = grown or _shrink(pool, nodes, on_node, budgets, moving_in, now)
    return verdicts


def _grow(pool: ScaledPool, unplaced: list[PodState]) -> tuple[ScaleVerdict | None, list[PodState]]:
    """The verdict when the pool must grow, and the pods that are left for other pools."""
    if pool.desired < pool.bounds.min:
        return ScaleVerdict(desired=pool.bounds.min, reason=f"min is {pool.bounds.min}"), unplaced
    if pool.desired > pool.bounds.max:
        return None, unplaced
    fitting = [pod for pod in unplaced if _new_place(pool).would_take(pod)]
    if not fitting:
        return None, unplaced
    room = min(pool.bounds.max - pool.desired, MOST_AT_ONCE)
    imagined: list[_Place] = []
    for pod in sorted(fitting, key=_weight):
        place = next((each for each in imagined if each.would_take(pod)), None)
        if place is None and len(imagined) < room:
            place = _new_place(pool)
            imagined.append(place)
        if place is not None:
            place.take(pod)
    if not imagined:
        full = f"{_some(fitting)} would fit, but the pool has its max of {pool.bounds.max} machines"
        return ScaleVerdict(desired=pool.desired, reason=full), unplaced
    placed = [pod for place in imagined for pod in place.pods]
    reason = f"{_some(placed)} found no room: {len(imagined)} more"
    names = {pod.full_name for pod in placed}
    left = [pod for pod in unplaced if pod.full_name not in names]
    return ScaleVerdict(desired=pool.desired + len(imagined), reason=reason), left


def _shrink(
    pool: ScaledPool,
    nodes: Sequence[NodeRoom],
    on_node: Mapping[str, list[PodState]],
    budgets: Sequence[BudgetState],
    pods_are_moving_in: bool,
    now: datetime,
) -> ScaleVerdict:
    own = [node for node in nodes if node.pool == pool.name and node.ready and not node.unschedulable]
    since = {
        node.name: min(pool.memory.under_used_since.get(node.name, now), now)
        for node in own
        if _use(node, on_node.get(node.name, ())) < UNDER_USED
    }

    def stays(reason: str, look_again: datetime | None = None) -> ScaleVerdict:
        return ScaleVerdict(
            desired=pool.desired, reason=reason, under_used_since=since, look_again=look_again
        )

    if pool.desired > pool.bounds.max:
        return ScaleVerdict(
            desired=pool.bounds.max, reason=f"max is {pool.bounds.max}", under_used_since=since
        )
    hindrance = _hindrance(pool, pods_are_moving_in)
    rest = _rest(pool.memory)
    if hindrance:
        return stays(hindrance)
    if rest is not None and now < rest:
        return stays(f"rests until {rest:%H:%M:%S} UTC after the last change", rest)
    due = [node for node in own if node.name in since and since[node.name] + UNDER_USED_FOR <= now]
    if not due:
        first = min((start + UNDER_USED_FOR for start in since.values()), default=None)
        patient = f"{len(since)} machines are under-used, but not for long enough"
        return stays(patient if since else "every machine is used", first)
    return _take(pool, due, nodes, on_node, budgets, stays(""))


def _hindrance(pool: ScaledPool, pods_are_moving_in: bool) -> str:
    """Why no machine may go now whatever its use; empty when nothing speaks against it."""
    if pool.machines != pool.desired:
        return "the pool is on its way to its desired number"
    if pods_are_moving_in:
        return "pods are about to be given places that there are"
    if pool.desired <= pool.bounds.min:
        return f"the pool has its min of {pool.bounds.min} machines"
    return ""


def _take(
    pool: ScaledPool,
    due: Sequence[NodeRoom],
    nodes: Sequence[NodeRoom],
    on_node: Mapping[str, list[PodState]],
    budgets: Sequence[BudgetState],
    otherwise: ScaleVerdict,
) -> ScaleVerdict:
    """The machines that go, of those that are `due`: empty ones together, else the least used that can.

    otherwise: the verdict when none can, but for its reason.
    """

    def without(gone: Sequence[str], reason: str) -> ScaleVerdict:
        kept = {name: start for name, start in otherwise.under_used_since.items() if name not in gone}
        desired = pool.desired - len(gone)
        return ScaleVerdict(desired=desired, remove=tuple(gone), reason=reason, under_used_since=kept)

    order = sorted(due, key=lambda node: (_use(node, on_node.get(node.name, ())), node.name))
    empty = [node.name for node in order if not any(map(must_leave, on_node.get(node.name, ())))]
    if empty:
        gone = empty[: min(pool.desired - pool.bounds.min, MOST_AT_ONCE)]
        return without(gone, f"{', '.join(gone)} had nothing to do for {_minutes(UNDER_USED_FOR)}")
    why = []
    for node in order:
        held = _held(node, nodes, on_node, budgets)
        if not held:
            share = _use(node, on_node[node.name])
            words = f"{node.name} was under-used for {_minutes(UNDER_USED_FOR)} ({share:.0%})"
            return without([node.name], f"{words} and its pods fit elsewhere")
        why.append(f"{node.name} is under-used, but {held}")
    return otherwise.model_copy(update={"reason": why[0]})


def _held(
    node: NodeRoom,
    nodes: Sequence[NodeRoom],
    on_node: Mapping[str, list[PodState]],
    budgets: Sequence[BudgetState],
) -> str:
    """What keeps the machine of this Node; empty when nothing does."""
    moving = [pod for pod in on_node.get(node.name, ()) if must_leave(pod)]
    for pod in moving:
        if pod.safe_to_evict is False:
            return f"{pod.full_name} is marked as not safe to evict"
        if not pod.owner and not pod.safe_to_evict:
            return f"{pod.full_name} has no controller"
        if pod.bound_otherwise:
            return f"{pod.full_name} is bound by {pod.bound_otherwise}"
    _, blocked = admit(moving, budgets)
    if blocked:
        return f"PodDisruptionBudget {blocked[0].budget} holds {blocked[0].pod}"
    others = [
        _place(each, on_node.get(each.name, ())) for each in nodes if each.ready and each.name != node.name
    ]
    homeless = _put(moving, others)
    return f"{_some(homeless)} would find no room elsewhere" if homeless else ""


def _put(pods: Iterable[PodState], places: Sequence[_Place]) -> list[PodState]:
    """Put pods onto places, largest first; those that find none are the answer."""
    homeless = []
    for pod in sorted(pods, key=_weight):
        place = next((each for each in places if each.would_take(pod)), None)
        if place is None:
            homeless.append(pod)
        else:
            place.take(pod)
    return homeless


def waiting_pods(pods: Iterable[PodState], now: datetime) -> list[PodState]:
    """Those that a pool may grow for, if they fit: no Node was found for them for a while."""
    return [
        pod
        for pod in pods
        if pod.unschedulable_since is not None
        and pod.unschedulable_since + PATIENCE_WITH_PENDING <= now
        and not pod.deleting
        and pod.owner != "DaemonSet"
        and pod.priority >= EXPENDABLE_BELOW
    ]


def _coming(pools: Iterable[ScaledPool], nodes: Sequence[NodeRoom]) -> list[_Place]:
    """An imagined place for each machine that a pool shall have and that is not Ready yet."""
    places = []
    for pool in pools:
        ready = sum(node.ready for node in nodes if node.pool == pool.name)
        places += [_new_place(pool) for _ in range(max(0, pool.desired - ready))]
    return places


def _new_place(pool: ScaledPool) -> _Place:
    return _Place(pool.template, dict(pool.template.allocatable), empty=True)


def _place(node: NodeRoom, pods: Sequence[PodState]) -> _Place:
    return _Place(node, scheduling.free(node, pods), empty=not any(map(must_leave, pods)))


def _by_node(pods: Iterable[PodState]) -> dict[str, list[PodState]]:
    found: dict[str, list[PodState]] = {}
    for pod in pods:
        if pod.node:
            found.setdefault(pod.node, []).append(pod)
    return found


def _use(node: NodeRoom, pods: Iterable[PodState]) -> float:
    """The larger share of cpu and memory that pods which would have to move ask for."""
    moving = [pod for pod in pods if must_leave(pod)]

    def share(resource: str) -> float:
        asked = sum(pod.requests.get(resource, 0) for pod in moving)
        return asked / max(1, node.allocatable.get(resource, 0))

    return max(share(_CPU), share(_MEMORY))


def _rest(memory: AutoscalingMemory) -> datetime | None:
    ends = []
    if memory.grew is not None:
        ends.append(memory.grew + REST_AFTER_GROWTH)
    if memory.shrank is not None:
        ends.append(memory.shrank + REST_AFTER_SHRINK)
    return max(ends, default=None)


def _weight(pod: PodState) -> tuple[int, int, int, str]:
    """Important ones first, then the largest: what is hard to place is placed while there is room."""
    return -pod.priority, -pod.requests.get(_CPU, 0), -pod.requests.get(_MEMORY, 0), pod.full_name


def _size(pool: ScaledPool) -> tuple[int, int, str]:
    room = pool.template.allocatable
    return room.get(_CPU, 0), room.get(_MEMORY, 0), pool.name


def _minutes(time: timedelta) -> str:
    return f"{time.total_seconds() / 60:g} minutes"


def _some(pods: Sequence[PodState]) -> str:
    more = f" and {len(pods) - 1} more" if len(pods) > 1 else ""
    return f"pod {pods[0].full_name}{more}"
