"""A drain asks the right pods to leave, keeps to the budgets, and always ends."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wdrip.planning.workloads import NOW, ago, budget, pod
from wdrip.models.node_pool import DrainPolicy
from wdrip.models.workload import BudgetState, NodeLoad, PodState, Toleration
from wdrip.planning.drain import (
    MOST_EVICTIONS,
    BlockedPod,
    DrainOutcome,
    DrainRound,
    loads,
    node_load,
    plan_drain,
)

ANYTHING = Toleration(operator="Exists")
STOP = DrainPolicy(timeout_seconds=600)
DELETE = DrainPolicy(timeout_seconds=600, on_timeout="Delete")


def drained(
    pods: list[PodState],
    budgets: list[BudgetState] | None = None,
    policy: DrainPolicy = STOP,
    minutes: float = 1,
    **more: Any,
) -> DrainRound:
    """A round of a drain that has gone on for some minutes."""
    return plan_drain(pods, budgets or [], policy, ago(minutes=minutes), NOW, **more)


def there(name: str, **more: Any) -> PodState:
    return pod(name, node="n", **more)


def names(pods: tuple[PodState, ...]) -> list[str]:
    return [each.name for each in pods]


@pytest.mark.parametrize(
    ("kind", "leaves"),
    [
        ({}, True),
        ({"owner": ""}, True),
        ({"owner": "StatefulSet"}, True),
        ({"owner": "DaemonSet"}, False),
        ({"mirror": True, "owner": "Node"}, False),
        ({"phase": "Succeeded"}, False),
        ({"phase": "Failed"}, False),
        ({"phase": "Unknown"}, True),
        ({"tolerations": (ANYTHING,)}, True),
        ({"tolerations": (ANYTHING,), "created": NOW}, False),
        ({"created": NOW}, True),
    ],
)
def test_who_must_leave(kind: dict[str, Any], leaves: bool) -> None:
    found = drained([there("p", **kind)])
    assert (names(found.evict) == ["p"]) is leaves
    assert found.outcome is (DrainOutcome.GOES_ON if leaves else DrainOutcome.EMPTY)


def test_the_least_important_leave_first_and_not_all_at_once() -> None:
    pods = [there(f"p{number:02}", priority=-number) for number in range(MOST_EVICTIONS + 5)]
    evicted = names(drained(pods).evict)
    assert evicted == [f"p{number:02}" for number in range(MOST_EVICTIONS + 4, 4, -1)]


def test_a_budget_is_used_up_and_then_named() -> None:
    pods = [there(name, labels={"app": "web"}) for name in ("w1", "w2", "w3")]
    found = drained(pods, [budget("web", 1, "web"), budget("other", 0, "other")])
    assert names(found.evict) == ["w1"]
    assert found.blocked == (
        BlockedPod("default/w2", "default/web"),
        BlockedPod("default/w3", "default/web"),
    )
    assert "PodDisruptionBudget default/web holds default/w2, default/w3" in found.message
    assert "until 12:09:00 UTC" in found.message


def test_two_budgets_over_one_pod_block_it_whatever_they_allow() -> None:
    found = drained([there("web")], [budget("one", 5, "web"), budget("all", 5)])
    assert not found.evict
    assert found.blocked[0].budget == "default/all and default/one"


def test_a_pod_that_does_not_run_yet_is_free_of_budgets() -> None:
    assert names(drained([there("web", phase="Pending")], [budget("web", 0, "web")]).evict) == ["web"]


def test_budgets_of_other_namespaces_and_without_selector_hold_nothing() -> None:
    elsewhere = budget("web", 0, "web").model_copy(update={"namespace": "other"})
    nothing = budget("none", 0).model_copy(update={"selector": None})
    assert names(drained([there("web")], [elsewhere, nothing]).evict) == ["web"]


def test_a_pod_that_is_leaving_is_awaited_but_not_asked_again() -> None:
    found = drained([there("p", deleting=True)])
    assert (found.outcome, found.evict, found.leaving) == (DrainOutcome.GOES_ON, (), ("default/p",))
    assert "default/p is still ending" in found.message


def test_on_a_dead_node_being_asked_is_as_good_as_gone() -> None:
    """Nobody there could confirm the end of a pod: such a drain would never end."""
    assert drained([there("p", deleting=True)], kubelet_answers=False).outcome is DrainOutcome.EMPTY
    assert drained([there("p")], kubelet_answers=False).outcome is DrainOutcome.GOES_ON


def test_at_the_deadline_the_machine_stays_and_the_budget_is_named() -> None:
    found = drained([there("web")], [budget("web", 0, "web")], minutes=10)
    assert (found.outcome, found.evict) == (DrainOutcome.GAVE_UP, ())
    assert "after 10 minutes 1 pods are left; PodDisruptionBudget default/web" in found.message
    assert "drain.onTimeout" in found.message


def test_a_person_may_decide_that_the_deadline_wins() -> None:
    found = drained([there("web")], [budget("web", 0, "web")], DELETE, minutes=10)
    assert found.outcome is DrainOutcome.OVERRULED
    assert "they go with the machine" in found.message


def test_a_pod_that_nothing_makes_anew_is_named() -> None:
    assert "default/p has no controller and will not come back" in drained([there("p", owner="")]).message


def test_a_load_counts_what_would_move() -> None:
    pods = [there("a"), there("b", owner=""), there("c", owner="DaemonSet"), pod("d", node="m"), pod("e")]
    assert node_load(pods[:3]) == NodeLoad(pods=2, bare=1)
    assert loads(pods) == {"n": NodeLoad(pods=2, bare=1), "m": NodeLoad(pods=1, bare=0)}


PODS = st.lists(
    st.builds(
        lambda app, owner, phase, deleting, priority: (app, owner, phase, deleting, priority),
        st.sampled_from(["web", "db", "job"]),
        st.sampled_from(["ReplicaSet", "DaemonSet", ""]),
        st.sampled_from(["Running", "Pending", "Succeeded"]),
        st.booleans(),
        st.integers(-5, 5),
    ),
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(
    drawn=PODS,
    allowed=st.lists(st.integers(-1, 3), min_size=2, max_size=2),
    minutes=st.integers(0, 12),
    policy=st.sampled_from([STOP, DELETE]),
)
def test_no_round_breaks_a_budget_and_none_goes_on_beyond_the_deadline(
    drawn: list[Any], allowed: list[int], minutes: int, policy: DrainPolicy
) -> None:
    pods = [
        there(f"p{i}", labels={"app": app}, owner=owner, phase=phase, deleting=deleting, priority=priority)
        for i, (app, owner, phase, deleting, priority) in enumerate(drawn)
    ]
    budgets = [budget("web", allowed[0], "web"), budget("db", allowed[1], "db")]
    found = drained(pods, budgets, policy, minutes)
    running = [each for each in found.evict if each.phase == "Running"]
    for each, app in zip(budgets, ("web", "db"), strict=True):
        assert sum(one.labels["app"] == app for one in running) <= max(0, each.disruptions_allowed)
    assert all(each.owner != "DaemonSet" and not each.deleting for each in found.evict)
    assert (found.outcome is DrainOutcome.GOES_ON) <= (timedelta(minutes=minutes) < timedelta(minutes=10))
    assert (found.outcome is DrainOutcome.OVERRULED) <= (policy is DELETE)
    assert found.message
