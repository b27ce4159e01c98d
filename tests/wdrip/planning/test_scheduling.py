"""A pod fits on a Node exactly when the scheduler's own rules between the two say so."""

from typing import Any

import pytest

from tests.wdrip.planning.workloads import GIB, node, pod
from wdrip.models.workload import NodeTaint, Requirement, Selector, Toleration
from wdrip.planning.scheduling import free, misfit, selects

BATCH = NodeTaint(key="batch", value="yes", effect="NoSchedule")
SOFT = NodeTaint(key="batch", effect="PreferNoSchedule")
SSD = Selector(requirements=(Requirement(key="disk", operator="In", values=("ssd",)),))


@pytest.mark.parametrize(
    ("wish", "offer", "reason"),
    [
        ({}, {}, ""),
        ({"cpu": 4000}, {}, ""),
        ({"cpu": 4001}, {}, "asks for more cpu"),
        ({"memory": 9 * GIB}, {}, "asks for more memory"),
        ({"requests": {"nvidia.com/gpu": 1}}, {}, "asks for more nvidia.com/gpu"),
        ({"requests": {"nvidia.com/gpu": 0}}, {}, ""),
        ({}, {"unschedulable": True}, "cordoned"),
        ({"node_selector": {"disk": "ssd"}}, {}, "wants the label disk=ssd"),
        ({"node_selector": {"disk": "ssd"}}, {"labels": {"disk": "ssd"}}, ""),
        ({"node_affinity": (SSD,)}, {"labels": {"disk": "hdd"}}, "affinity"),
        ({"node_affinity": (SSD, Selector())}, {"labels": {"disk": "hdd"}}, ""),
        ({}, {"taints": (BATCH,)}, "does not tolerate the taint batch"),
        ({}, {"taints": (SOFT,)}, ""),
        ({"tolerations": (Toleration(key="batch", value="yes"),)}, {"taints": (BATCH,)}, ""),
        ({"tolerations": (Toleration(key="batch", value="no"),)}, {"taints": (BATCH,)}, "batch"),
        ({"tolerations": (Toleration(key="batch", operator="Exists"),)}, {"taints": (BATCH,)}, ""),
        ({"tolerations": (Toleration(operator="Exists"),)}, {"taints": (BATCH,)}, ""),
        (
            {"tolerations": (Toleration(operator="Exists", effect="NoExecute"),)},
            {"taints": (BATCH,)},
            "batch",
        ),
        ({"tolerations": (Toleration(value="yes"),)}, {"taints": (BATCH,)}, "batch"),
    ],
)
def test_why_a_pod_does_not_fit(wish: dict[str, Any], offer: dict[str, Any], reason: str) -> None:
    there = node("n", **offer)
    found = misfit(pod("p", **wish), there, free(there, []))
    assert reason in found
    assert bool(found) == bool(reason)


@pytest.mark.parametrize(
    ("operator", "values", "labels", "holds"),
    [
        ("Exists", (), {"k": ""}, True),
        ("Exists", (), {}, False),
        ("DoesNotExist", (), {}, True),
        ("DoesNotExist", (), {"k": ""}, False),
        ("In", ("a", "b"), {"k": "b"}, True),
        ("In", ("a",), {}, False),
        ("NotIn", ("a",), {"k": "b"}, True),
        ("NotIn", ("a",), {"k": "a"}, False),
        ("NotIn", ("a",), {}, True),
        ("Gt", ("3",), {"k": "4"}, True),
        ("Gt", ("3",), {"k": "3"}, False),
        ("Lt", ("3",), {"k": "2"}, True),
        ("Lt", ("3",), {"k": "x"}, False),
        ("Lt", (), {"k": "2"}, False),
        ("Gt", ("3",), {}, False),
    ],
)
def test_every_operator_of_a_selector(
    operator: Any, values: tuple[str, ...], labels: dict[str, str], holds: bool
) -> None:
    selector = Selector(requirements=(Requirement(key="k", operator=operator, values=values),))
    assert selects(selector, labels) is holds


def test_completed_pods_take_no_room() -> None:
    there = node("n")
    left = free(there, [pod("a", node="n"), pod("b", node="n", phase="Succeeded")])
    assert left == {"cpu": 3000, "memory": 7 * GIB, "pods": 109}
