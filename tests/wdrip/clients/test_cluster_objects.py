"""The API server's JSON, read into models."""

from datetime import UTC, datetime
from typing import Any

import pytest

from wdrip.clients import cluster_objects as objects
from wdrip.errors import InvalidInput
from wdrip.models.observation import Health
from wdrip.models.workload import Requirement, Toleration

AT = "2026-01-01T00:00:00Z"


def pod(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "default", "name": "p", "creationTimestamp": AT},
        "spec": spec,
        "status": {"phase": "Running"},
    }


@pytest.mark.parametrize(
    ("status", "health"),
    [("True", Health.HEALTHY), ("False", Health.UNHEALTHY), ("Unknown", Health.UNKNOWN)],
)
def test_a_node(status: str, health: Health) -> None:
    node = {
        "metadata": {"name": "n", "creationTimestamp": AT},
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [{"type": "Ready", "status": status, "lastTransitionTime": AT}],
            "nodeInfo": {"kubeletVersion": "v1.20.2"},
        },
    }
    renewed = objects.lease_renewal({"spec": {"renewTime": "2026-01-01T00:00:09.123456Z"}})
    found = objects.node_state(node, renewed)
    assert (found.name, found.ready, found.unschedulable) == ("n", health, True)
    assert found.ready_changed == datetime(2026, 1, 1, tzinfo=UTC)
    assert found.lease_renewed == datetime(2026, 1, 1, 0, 0, 9, 123456, tzinfo=UTC)


def test_a_node_that_has_said_nothing_yet_is_unknown() -> None:
    found = objects.node_state({"metadata": {"name": "n"}}, None)
    assert (found.ready, found.ready_changed, found.lease_renewed) == (Health.UNKNOWN, None, None)


def test_a_node_as_the_scheduler_sees_it() -> None:
    node = {
        "metadata": {"name": "n", "labels": {"a": "b"}},
        "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]},
        "status": {"allocatable": {"cpu": "4", "memory": "1Gi", "pods": "110"}},
    }
    room = objects.node_room(node, "pool")
    assert room.allocatable == {"cpu": 4000, "memory": 2**30, "pods": 110}
    assert (room.pool, room.ready, room.labels, room.taints[0].value) == ("pool", False, {"a": "b"}, "")


def test_a_pod_asks_for_its_containers_or_its_largest_first_one() -> None:
    def asks(cpu: str) -> dict[str, Any]:
        return {"resources": {"requests": {"cpu": cpu}}}

    found = objects.pod_state(pod(containers=[asks("100m"), asks("200m")], initContainers=[asks("1")]))
    assert found.requests == {"cpu": 1000}
    found = objects.pod_state(pod(containers=[asks("1"), asks("200m")], initContainers=[asks("1")]))
    assert found.requests == {"cpu": 1200}


def test_a_pod_with_all_that_matters() -> None:
    item = pod(
        nodeName="n",
        priority=5,
        nodeSelector={"a": "b"},
        tolerations=[{"operator": "Exists"}],
        affinity={
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]}
                    ]
                }
            }
        },
    )
    item["metadata"] |= {
        "ownerReferences": [{"kind": "Other"}, {"kind": "DaemonSet", "controller": True}],
        "annotations": {
            "kubernetes.io/config.mirror": "x",
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        },
        "deletionTimestamp": AT,
    }
    found = objects.pod_state(item)
    assert (found.node, found.owner, found.mirror, found.deleting) == ("n", "DaemonSet", True, True)
    assert (found.safe_to_evict, found.priority, found.node_selector) == (False, 5, {"a": "b"})
    assert found.tolerations == (Toleration(operator="Exists"),)
    assert found.node_affinity[0].requirements == (Requirement(key="k", operator="In", values=("v",)),)


def test_a_pod_that_found_no_node_says_since_when() -> None:
    item = pod()
    item["status"] = {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "lastTransitionTime": AT,
            }
        ],
    }
    assert objects.pod_state(item).unschedulable_since == datetime(2026, 1, 1, tzinfo=UTC)
    item["status"]["conditions"][0]["reason"] = "SchedulingGated"
    assert objects.pod_state(item).unschedulable_since is None


@pytest.mark.parametrize(
    ("spec", "bound"),
    [
        ({}, ""),
        ({"containers": [{"ports": [{"hostPort": 80}]}]}, "host port"),
        ({"volumes": [{"persistentVolumeClaim": {"claimName": "c"}}]}, "volume in one zone"),
        ({"volumes": [{"emptyDir": {}}]}, ""),
        ({"topologySpreadConstraints": [{"whenUnsatisfiable": "DoNotSchedule"}]}, "topology spread"),
        ({"topologySpreadConstraints": [{"whenUnsatisfiable": "ScheduleAnyway"}]}, ""),
        (
            {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}},
            "pod anti-affinity",
        ),
        (
            {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}},
            "pod affinity",
        ),
    ],
)
def test_rules_that_no_simulation_covers_are_named(spec: dict[str, Any], bound: str) -> None:
    assert objects.pod_state(pod(**spec)).bound_otherwise == bound


@pytest.mark.parametrize(
    ("version", "selector", "matches_all"),
    [("policy/v1", {}, True), ("policy/v1beta1", {}, False), ("policy/v1", None, False)],
)
def test_an_empty_selector_means_what_its_version_says(
    version: str, selector: dict[str, Any] | None, matches_all: bool
) -> None:
    budget = {
        "apiVersion": version,
        "metadata": {"namespace": "default", "name": "b"},
        "spec": {"selector": selector} if selector is not None else {},
        "status": {"disruptionsAllowed": 1},
    }
    found = objects.budget_state(budget)
    assert (found.selector is not None) == matches_all
    assert found.disruptions_allowed == 1


def test_a_budget_selects_by_labels_and_expressions() -> None:
    selector = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]}
    budget = {"metadata": {"namespace": "default", "name": "b"}, "spec": {"selector": selector}}
    found = objects.budget_state(budget)
    assert found.selector is not None
    assert found.selector.requirements == (
        Requirement(key="a", operator="In", values=("b",)),
        Requirement(key="c", operator="Exists"),
    )


def test_the_master_set() -> None:
    item = {"metadata": {"generation": 3}, "spec": {"replicas": 5}, "status": {"observedGeneration": 2}}
    found = objects.master_set_state(item)
    assert (found.replicas, found.generation, found.observed_generation) == (5, 3, 2)


def test_a_node_pool() -> None:
    item = {
        "metadata": {"name": "p", "generation": 2, "deletionTimestamp": AT},
        "spec": {"infra": {"desiredCapacity": 3}, "autoscaling": {"min": 1, "max": 5}},
    }
    found = objects.node_pool_state(item)
    assert (found.name, found.desired, found.minimum, found.maximum) == ("p", 3, 1, 5)
    assert found.deleting


def test_a_node_pool_of_another_definition_is_refused() -> None:
    with pytest.raises(InvalidInput):
        objects.node_pool_state({"metadata": {"name": "p"}, "spec": {"infra": {"desiredCapacity": "3"}}})
