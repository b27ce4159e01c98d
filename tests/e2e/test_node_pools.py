"""The guide's node pools on real machines: two side by side, up and down, blocked, refused, and gone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.kept import JOINED_SECONDS, Kept
from tests.world.guide import NODE_POOL
from wdrip import names

pytestmark = [pytest.mark.machines, pytest.mark.timeout(1200)]

SPECIAL = """
apiVersion: alibabacloud.com/v1
kind: NodePool
metadata: {name: special}
spec:
  infra:
    desiredCapacity: 2
    instanceType: ecs.c6.large
    tags: {team: blue}
  labels: {tier: batch}
  taints: [{key: only, value: batch, effect: NoSchedule}]
  kubeletArguments: {max-pods: "42"}
  drain: {timeoutSeconds: 20}
"""

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      nodeSelector: {tier: batch}
      tolerations: [{operator: Exists}]
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: registry-vpc.cn-hangzhou.aliyuncs.com/acs/kube-proxy:v1.20.2
        imagePullPolicy: Never
        command: [/bin/busybox, sleep, "86400"]
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: web-stays}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: web}}
"""

ELASTIC = """
apiVersion: alibabacloud.com/v1
kind: NodePool
metadata: {name: elastic}
spec:
  infra: {desiredCapacity: 0}
  autoscaling: {min: 0, max: 1}
  labels: {tier: elastic}
"""

APART = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: apart}
spec:
  replicas: 2
  selector: {matchLabels: {app: apart}}
  template:
    metadata: {labels: {app: apart}}
    spec:
      nodeSelector: {tier: elastic}
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: kubernetes.io/hostname
            labelSelector: {matchLabels: {app: apart}}
      terminationGracePeriodSeconds: 0
      containers:
      - name: main
        image: registry-vpc.cn-hangzhou.aliyuncs.com/acs/kube-proxy:v1.20.2
        imagePullPolicy: Never
        command: [/bin/busybox, sleep, "86400"]
        resources: {requests: {cpu: 100m}}
"""


@pytest.fixture(scope="module")
def pools(kept: Kept) -> Iterator[Kept]:
    """The cluster with the guide's pool of one machine and another of two."""
    assert "nodepool.alibabacloud.com/nodepool-01 created" in kept.kubectl(
        "apply", "-f", "-", stdin=NODE_POOL
    )
    kept.kubectl("apply", "-f", "-", stdin=SPECIAL)
    kept.await_pool("special", 2, JOINED_SECONDS)
    kept.await_pool("nodepool-01", 1, JOINED_SECONDS)
    yield kept
    for pool in ("nodepool-01", "special"):
        kept.kubectl("delete", "nodepool", pool, "--ignore-not-found")


def test_both_pools_have_what_they_ask_for(pools: Kept) -> None:
    heading, *rows = pools.kubectl("get", "nodepool").splitlines()
    assert heading.split()[:6] == ["NAME", "DESIRED", "CURRENT", "READY", "PHASE", "TYPE"]
    shown = {row.split()[0]: row.split()[1:6] for row in rows}
    assert shown["nodepool-01"] == ["1", "1", "1", "Ready", "ecs.c6.xlarge"]
    assert shown["special"] == ["2", "2", "2", "Ready", "ecs.c6.large"]
    plain, *others = pools.machines(names.ROLE_WORKER, "nodepool-01")
    assert others == []
    assert plain.image_id == "centos_7_9_x64_20G_alibase_20210623.vhd"
    for machine in pools.machines(names.ROLE_WORKER, "special"):
        assert machine.tags["team"] == "blue"
        node = pools.get("node", names.node_name(machine.private_ip, machine.instance_id))
        assert node["metadata"]["labels"]["tier"] == "batch"
        assert node["status"]["allocatable"]["pods"] == "42"
        taints = [(each["key"], each.get("value"), each["effect"]) for each in node["spec"]["taints"]]
        # Kubernetes takes its own, of a Node that is not ready, off a moment after the Node is Ready.
        own = [each for each in taints if not each[0].startswith("node.kubernetes.io/")]
        assert own == [("only", "batch", "NoSchedule")]


def test_a_pool_goes_up_and_down_and_the_newest_goes(pools: Kept) -> None:
    first = pools.machines(names.ROLE_WORKER, "nodepool-01")
    assert "nodepool-01 scaled" in pools.kubectl("scale", "nodepool", "nodepool-01", "--replicas", "2")
    pools.await_pool("nodepool-01", 2, JOINED_SECONDS)
    pools.edit("s/desiredCapacity: 2/desiredCapacity: 1/", "nodepool", "nodepool-01")
    pools.await_pool("nodepool-01", 1, JOINED_SECONDS)
    assert pools.machines(names.ROLE_WORKER, "nodepool-01") == first


def test_a_budget_that_blocks_a_drain_is_named_and_the_pool_goes_when_it_does_not(pools: Kept) -> None:
    pools.kubectl("apply", "-f", "-", stdin=WEB)
    pools.kubectl("rollout", "status", "deployment", "web", "--timeout=120s")
    pools.edit("s/desiredCapacity: 2/desiredCapacity: 0/", "nodepool", "special")
    pools.stack.until(
        lambda: _status(pools)["blockingBudget"] == "default/web-stays", 120, "the budget's name"
    )
    pools.stack.until(lambda: _status(pools)["phase"] == "Waiting", 120, "the drain to be given up")
    status = _status(pools)
    assert "default/web-stays" in status["message"]
    assert status["replicas"] == 1
    # It takes pods again, and the pod never left.
    left = pools.machines(names.ROLE_WORKER, "special")
    assert pools.ready_nodes("tier=batch") == [names.node_name(left[0].private_ip, left[0].instance_id)]
    assert "1/1" in pools.kubectl("get", "deployment", "web", "--no-headers")

    pools.kubectl("delete", "poddisruptionbudget", "web-stays")
    # It returns when the finalizer is off.
    assert 'nodepool.alibabacloud.com "special" deleted' in pools.kubectl("delete", "nodepool", "special")
    assert pools.machines(names.ROLE_WORKER, "special") == []
    assert pools.kubectl("get", "nodes", "-l", "tier=batch", "-o", "name") == ""
    pools.kubectl("delete", "deployment", "web")


def test_a_pool_grows_for_pods_without_room_up_to_its_bound(kept: Kept) -> None:
    """Each of two pods wants a machine of its own, and the pool may have one."""
    since = datetime.now(UTC)
    kept.kubectl("apply", "-f", "-", stdin=ELASTIC)
    kept.await_pool("elastic", 0, 60)
    kept.kubectl("apply", "-f", "-", stdin=APART)
    kept.stack.until(
        lambda: kept.get("nodepool", "elastic")["spec"]["infra"]["desiredCapacity"] == 1, 60, "a decision"
    )
    kept.stack.until(
        lambda: _status(kept, "elastic").get("readyReplicas") == 1, JOINED_SECONDS, "the pool to grow"
    )
    kept.stack.until(
        lambda: "would fit, but the pool has its max of 1" in _status(kept, "elastic")["autoscalingReason"],
        60,
        "the bound to be told",
    )
    kept.await_pool("elastic", 1, 60)
    kept.stack.until(
        lambda: kept.get("deployment", "apart")["status"].get("readyReplicas") == 1, 60, "one pod to run"
    )
    (grown,) = [
        each
        for each in kept.operations()
        if each["what"] == "SetDesired" and datetime.fromisoformat(each["started"]) >= since
    ]
    assert "found no room: 1 more" in grown["why"]
    kept.kubectl("delete", "deployment", "apart")
    kept.kubectl("delete", "nodepool", "elastic")
    assert kept.machines(names.ROLE_WORKER, "elastic") == []


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("infra: {desiredCapacity: -1}", "spec.infra.desiredCapacity"),
        ("infra: {desiredCapacity: 1, disk: {size: 3T, type: cloud_essd}}", "spec.infra.disk.size"),
        ("infra: {desiredCapacity: 1}, autoscaling: {min: 1}", 'missing required field "max"'),
        ("infra: {desiredCapacity: 1, colour: blue}", "colour"),
        ("labels: {tier: batch}", 'missing required field "infra"'),
    ],
)
def test_what_the_schema_can_say_is_refused_at_once(kept: Kept, spec: str, words: str) -> None:
    assert words in kept.refusal("apply", "-f", "-", stdin=_pool("refused", spec))


def test_what_only_wdrip_can_know_is_told_in_the_status_and_makes_nothing(kept: Kept) -> None:
    wrong = {
        "bounds": ("infra: {desiredCapacity: 1}, autoscaling: {min: 3, max: 1}", "min 3 is above max 1"),
        "size": ("infra: {desiredCapacity: 1, cpu: 3, memory: 5}", "no instance type with 3 vCPU"),
        "zone": ("infra: {desiredCapacity: 1, zones: [cn-hangzhou-z]}", "no vSwitch in cn-hangzhou-z"),
    }
    for name, (spec, _) in wrong.items():
        kept.kubectl("apply", "-f", "-", stdin=_pool(name, spec))
    kept.stack.until(
        lambda: all(_status(kept, name).get("phase") == "Refused" for name in wrong), 60, "all to be refused"
    )
    for name, (_, words) in wrong.items():
        assert words in _status(kept, name)["message"]
        assert kept.machines(names.ROLE_WORKER, name) == []
    kept.kubectl("delete", "nodepool", *wrong)


def _status(kept: Kept, pool: str = "special") -> dict[str, Any]:
    found: dict[str, Any] = kept.get("nodepool", pool).get("status", {})
    return found


def _pool(name: str, spec: str) -> str:
    return f"apiVersion: alibabacloud.com/v1\nkind: NodePool\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
