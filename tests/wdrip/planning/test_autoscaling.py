"""The autoscaler grows for pods that would fit, shrinks what nobody needs, and says why it does not."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wdrip.planning.workloads import GIB, NOW, ago, budget, node, pod
from wdrip.models.node_pool import AutoscalingBounds, AutoscalingMemory, NodePoolSpec
from wdrip.models.workload import BudgetState, NodeRoom, NodeTaint, PodState, ScaleVerdict, Toleration
from wdrip.planning.autoscaling import MOST_AT_ONCE, ScaledPool, decide_scale, template_like, template_of

LONG_AGO = ago(minutes=11)
BATCH = NodeTaint(key="batch", effect="NoSchedule")


def scaled_pool(
    desired: int = 1,
    least: int = 0,
    most: int = 10,
    name: str = "a",
    template: NodeRoom | None = None,
    **more: Any,
) -> ScaledPool:
    return ScaledPool(
        **{
            "name": name,
            "bounds": AutoscalingBounds(min=least, max=most),
            "desired": desired,
            "machines": desired,
            "template": template or node("a new machine", name),
            "memory": AutoscalingMemory(),
            **more,
        }
    )


def idle_for(minutes: float, *names: str, **more: Any) -> AutoscalingMemory:
    return AutoscalingMemory(under_used_since=dict.fromkeys(names, ago(minutes=minutes)), **more)


def verdict(
    pool: ScaledPool,
    nodes: list[NodeRoom],
    pods: list[PodState],
    budgets: list[BudgetState] | None = None,
) -> ScaleVerdict:
    return decide_scale([pool], nodes, pods, budgets or [], NOW)[pool.name]


def full(name: str, **more: Any) -> tuple[NodeRoom, PodState]:
    """A Node without room, and the pod that fills it."""
    return node(name, **more), pod(f"fills-{name}", cpu=4000, node=name)


# Up


@pytest.mark.parametrize(
    ("pods", "more"),
    [
        ([pod("p")], 1),
        ([pod(f"p{number}", cpu=2000) for number in range(4)], 2),
        ([pod(f"p{number}", cpu=3000) for number in range(3)], 3),
        ([pod("big", cpu=3000), pod("big2", cpu=3000), pod("s1", cpu=1000), pod("s2", cpu=1000)], 2),
        ([pod(f"p{number}", cpu=4000) for number in range(40)], MOST_AT_ONCE - 1),
        ([pod("p", cpu=4001)], 0),
        ([pod("p", memory=9 * GIB)], 0),
        ([pod("p", node_selector={"disk": "ssd"})], 0),
        ([pod("p", owner="DaemonSet")], 0),
        ([pod("p", deleting=True)], 0),
        ([pod("p", priority=-11)], 0),
        ([pod("p", unschedulable_since=ago(seconds=9))], 0),
        ([pod("p", unschedulable_since=None)], 0),
        (
            [
                pod("p1", cpu=100, bound_otherwise="host port"),
                pod("p2", cpu=100, bound_otherwise="host port"),
            ],
            2,
        ),
    ],
)
def test_how_many_machines_waiting_pods_bring(pods: list[PodState], more: int) -> None:
    there, filling = full("n1")
    found = verdict(scaled_pool(1), [there], [filling, *pods])
    assert found.desired == 1 + more
    assert not found.remove
    assert ("found no room" in found.reason) is (more > 0)


def test_no_machine_comes_for_a_pod_that_has_room_where_it_is() -> None:
    assert verdict(scaled_pool(1), [node("n1")], [pod("p")]).desired == 1


def test_no_second_machine_comes_for_a_pod_whose_machine_is_on_its_way() -> None:
    there, filling = full("n1")
    coming = scaled_pool(2, machines=2)
    assert verdict(coming, [there], [filling, pod("p")]).desired == 2
    assert verdict(coming, [there, node("n2", ready=False)], [filling, pod("p")]).desired == 2
    assert verdict(coming, [there], [filling, pod("p", cpu=3000), pod("q", cpu=3000)]).desired == 3


def test_a_machine_that_did_not_help_is_not_bought_again_and_again() -> None:
    """A pod with a rule that is not simulated: an empty machine is there, and it still waits."""
    there, filling = full("n1")
    waiting = pod("p", bound_otherwise="volume in one zone")
    assert verdict(scaled_pool(1), [there], [filling, waiting]).desired == 2
    assert verdict(scaled_pool(2), [there, node("n2")], [filling, waiting]).desired == 2


def test_taints_of_the_pool_keep_it_for_those_that_bear_them() -> None:
    tainted = scaled_pool(0, template=node("new", taints=(BATCH,)))
    assert verdict(tainted, [], [pod("p")]).desired == 0
    bearing = pod("p", tolerations=(Toleration(key="batch", operator="Exists"),))
    assert verdict(tainted, [], [bearing]).desired == 1


def test_the_bounds_are_kept_and_told() -> None:
    there, filling = full("n1")
    found = verdict(scaled_pool(1, most=1), [there], [filling, pod("p")])
    assert found.desired == 1
    assert "pod default/p would fit, but the pool has its max of 1 machines" in found.reason
    assert verdict(scaled_pool(1, least=3), [there], [filling]).desired == 3
    assert verdict(scaled_pool(5, most=2), [there], [filling]).desired == 2


def test_the_pool_with_the_smallest_machines_that_do_grows() -> None:
    big = scaled_pool(0, name="a", template=node("new", "a", cpu=16000, memory=32 * GIB))
    small = scaled_pool(0, name="b", template=node("new", "b"))
    found = decide_scale([big, small], [], [pod("p"), pod("q", cpu=8000)], [], NOW)
    assert {name: each.desired for name, each in found.items()} == {"a": 1, "b": 1}
    assert "default/q" in found["a"].reason


def test_a_new_machine_offers_what_its_daemons_leave() -> None:
    like = node(
        "n1",
        labels={"kubernetes.io/hostname": "n1", "team": "a"},
        taints=(BATCH, NodeTaint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")),
        unschedulable=True,
    )
    daemon = pod("proxy", cpu=100, node="n1", owner="DaemonSet")
    made = template_like(like, [daemon, pod("web", node="n1")])
    assert made.allocatable == {"cpu": 3900, "memory": 7 * GIB, "pods": 109}
    assert (made.labels, made.taints, made.unschedulable) == ({"team": "a"}, (BATCH,), False)


def test_the_first_machine_of_a_pool_is_imagined_from_its_type_and_spec() -> None:
    spec = NodePoolSpec.read(
        {
            "infra": {"desiredCapacity": 0},
            "labels": {"team": "a"},
            "taints": [{"key": "batch", "effect": "NoSchedule"}],
            "kubeletArguments": {"max-pods": "30"},
        }
    )
    bearing = Toleration(operator="Exists")
    daemons = [
        pod("proxy", cpu=100, memory=GIB // 2, owner="DaemonSet", node="m", tolerations=(bearing,)),
        pod("agent", cpu=500, owner="DaemonSet", node="m"),
    ]
    made = template_of(spec, 4, 8, 110, daemons)
    assert (made.allocatable["cpu"], made.allocatable["pods"]) == (3900, 29)
    assert 6.5 * GIB < made.allocatable["memory"] < 7.1 * GIB
    assert (made.labels["team"], made.taints) == ("a", (BATCH,))
    plain = NodePoolSpec.read({"infra": {"desiredCapacity": 0}})
    assert template_of(plain, 4, 8, 110, []).allocatable["pods"] == 110


# Down


def test_empty_machines_go_together_after_their_time() -> None:
    nodes = [node("n1"), node("n2"), node("n3")]
    memory = idle_for(11, "n1", "n2", "n3")
    found = verdict(scaled_pool(3, least=1, memory=memory), nodes, [])
    assert (found.desired, found.remove) == (1, ("n1", "n2"))
    assert "n1, n2 had nothing to do for 10 minutes" in found.reason
    assert set(found.under_used_since) == {"n3"}


def test_patience_counts_from_the_first_look_and_starts_anew_after_use() -> None:
    nodes = [node("n1"), node("n2")]
    first = verdict(scaled_pool(2), nodes, [pod("p", cpu=2000, node="n1")])
    assert (first.desired, first.under_used_since) == (2, {"n2": NOW})
    assert first.look_again == NOW + timedelta(minutes=10)
    used = verdict(
        scaled_pool(2, memory=idle_for(11, "n1", "n2")),
        nodes,
        [
            pod("p", cpu=2000, node="n1"),
            pod("q", memory=4 * GIB, node="n2"),
        ],
    )
    assert (used.desired, used.under_used_since, used.reason) == (2, {}, "every machine is used")


def test_an_under_used_machine_goes_alone_when_its_pods_fit_elsewhere() -> None:
    nodes = [node("n1"), node("n2"), node("n3")]
    pods = [pod("p", cpu=1500, node="n1"), pod("q", cpu=1000, node="n2"), pod("r", cpu=1500, node="n3")]
    found = verdict(scaled_pool(3, memory=idle_for(11, "n1", "n2", "n3")), nodes, pods)
    assert (found.desired, found.remove) == (2, ("n2",))
    assert "n2 was under-used for 10 minutes (25%) and its pods fit elsewhere" in found.reason


@pytest.mark.parametrize(
    ("mover", "budgets", "why"),
    [
        ({"owner": ""}, [], "default/p has no controller"),
        ({"safe_to_evict": False}, [], "default/p is marked as not safe to evict"),
        ({"bound_otherwise": "host port"}, [], "default/p is bound by host port"),
        ({}, [budget("web", 0, "p")], "PodDisruptionBudget default/web holds default/p"),
        ({"node_selector": {"disk": "ssd"}}, [], "pod default/p would find no room elsewhere"),
    ],
)
def test_what_keeps_an_under_used_machine(
    mover: dict[str, Any], budgets: list[BudgetState], why: str
) -> None:
    nodes = [node("n1", labels={"disk": "ssd"}), node("n2", "other")]
    pods = [pod("p", cpu=500, node="n1", **mover)]
    found = verdict(scaled_pool(1, memory=idle_for(11, "n1")), nodes, pods, budgets)
    assert (found.desired, found.remove) == (1, ())
    assert why in found.reason


def test_a_pod_without_controller_that_is_marked_as_safe_keeps_nothing() -> None:
    pods = [pod("p", cpu=500, node="n1", owner="", safe_to_evict=True)]
    found = verdict(scaled_pool(1, memory=idle_for(11, "n1")), [node("n1"), node("n2", "other")], pods)
    assert found.remove == ("n1",)


@pytest.mark.parametrize(
    ("memory", "look_again"),
    [
        (idle_for(11, "n1", grew=ago(minutes=9)), NOW + timedelta(minutes=1)),
        (idle_for(11, "n1", shrank=ago(seconds=50)), NOW + timedelta(seconds=10)),
    ],
)
def test_after_a_change_it_rests(memory: AutoscalingMemory, look_again: Any) -> None:
    found = verdict(scaled_pool(1, memory=memory), [node("n1")], [])
    assert (found.desired, found.look_again) == (1, look_again)
    assert "rests until" in found.reason


def test_no_machine_goes_while_pods_are_about_to_come() -> None:
    found = verdict(scaled_pool(2, memory=idle_for(11, "n1", "n2")), [node("n1"), node("n2")], [pod("p")])
    assert (found.desired, found.remove) == (2, ())


def test_a_pod_that_fits_nowhere_does_not_keep_empty_machines() -> None:
    impossible = pod("p", cpu=64000)
    assert verdict(scaled_pool(1, memory=idle_for(11, "n1")), [node("n1")], [impossible]).remove == ("n1",)


def test_daemons_do_not_make_a_machine_used() -> None:
    daemon = pod("proxy", cpu=3000, node="n1", owner="DaemonSet")
    assert verdict(scaled_pool(1, memory=idle_for(11, "n1")), [node("n1")], [daemon]).remove == ("n1",)


def test_a_pool_on_its_way_is_not_shrunk() -> None:
    pool = scaled_pool(2, machines=1, memory=idle_for(11, "n1"))
    assert verdict(pool, [node("n1")], []).reason == "the pool is on its way to its desired number"


# Always

POD = st.builds(
    lambda cpu, memory, owner, app: (cpu, memory, owner, app),
    st.sampled_from([100, 1000, 2500, 5000]),
    st.sampled_from([GIB // 4, 2 * GIB, 9 * GIB]),
    st.sampled_from(["ReplicaSet", "DaemonSet", ""]),
    st.sampled_from(["web", "db"]),
)


@settings(max_examples=150, deadline=None)
@given(
    on_nodes=st.lists(st.lists(POD, max_size=3), max_size=5),
    waiting=st.lists(POD, max_size=8),
    bounds=st.tuples(st.integers(0, 4), st.integers(4, 8)),
    allowed=st.integers(0, 1),
    idle=st.booleans(),
)
def test_every_verdict_keeps_the_bounds_and_takes_no_pods_room(
    on_nodes: list[Any], waiting: list[Any], bounds: tuple[int, int], allowed: int, idle: bool
) -> None:
    nodes = [node(f"n{number}") for number in range(len(on_nodes))]
    pods = [
        pod(f"p{n}-{i}", cpu, memory, node=f"n{n}", owner=owner, labels={"app": app})
        for n, each in enumerate(on_nodes)
        for i, (cpu, memory, owner, app) in enumerate(each)
    ]
    pods += [pod(f"w{i}", cpu, memory, owner=owner) for i, (cpu, memory, owner, _) in enumerate(waiting)]
    memory = idle_for(11, *(each.name for each in nodes)) if idle else AutoscalingMemory()
    pool = scaled_pool(len(nodes), *bounds, memory=memory)
    budgets = [budget("web", allowed, "web")]
    found = verdict(pool, nodes, pods, budgets)
    if bounds[0] <= len(nodes) <= bounds[1]:
        assert bounds[0] <= found.desired <= bounds[1]
    assert found.reason
    assert len(found.remove) in (0, len(nodes) - found.desired)
    moved = [each for each in pods if each.node in found.remove and each.owner != "DaemonSet"]
    assert all(each.owner for each in moved)
    assert sum(each.labels["app"] == "web" for each in moved) <= allowed
    if found.remove:
        assert idle
        left = [each for each in nodes if each.name not in found.remove]
        room = sum(each.allocatable["cpu"] for each in left)
        asked = sum(
            each.requests["cpu"] for each in pods if each.node and each.owner != "DaemonSet" and each in moved
        )
        assert asked <= room
    assert verdict(pool, nodes[::-1], pods[::-1], budgets) == found
