"""Looking at a cluster, watching it and telling its status, upon a cloud in memory."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.observation import Observation
from activities.status import Status
from activities.tasks import Observed, ObserveTask, StatusTask, WatchTask
from activities.watch import Watch
from tests.activities.conftest import Run
from tests.activities.scripted import ScriptedCloud, budget_item, node_item, pod_item, pool_item
from tests.activities.test_steps import REPORT
from tests.world.stocked import stock
from wdrip import names
from wdrip.clients.ros import Stack
from wdrip.models.backup_health import BackupHealth
from wdrip.models.cluster import ClusterRecord
from wdrip.models.observation import Attempt, Health, Memory, Outcome
from wdrip.models.resources import POOL_FINALIZER
from wdrip.models.step_kind import StepKind
from wdrip.planning.decision import Hold, Settled
from wdrip.security.bundle import SecretsBundle
from wdrip.security.sealing import load_key, seal


@pytest.fixture
def cloud(tmp_path: Path) -> ScriptedCloud:
    made = ScriptedCloud(tmp_path)
    stock(made)
    made.machines.report = REPORT
    made.api.masters = {"metadata": {"name": "masterset", "generation": 2}, "spec": {"replicas": 3}}
    made.api.pools["p"] = pool_item(desired=0)
    for name in ("192.168.0.1.i-m1", "192.168.0.2.i-m2"):
        made.api.node_items[name] = node_item(name)
    return made


@pytest.fixture
def record(cloud: ScriptedCloud, record: ClusterRecord) -> ClusterRecord:
    """A running cluster of two masters."""
    key = names.secrets_key(record.name)
    bundle = SecretsBundle.new("abcdef.0123456789abcdef")
    cloud.oss.objects[key] = seal(bundle.to_bytes(), load_key(cloud.provider("")), key)
    parameters = {"MasterInstanceIds": "i-m1"}
    cloud.stacks.stacks["stack-1"] = Stack(
        "stack-1", "c1", "UPDATE_COMPLETE", "", cloud.outputs, {}, parameters
    )
    for name in ("i-m1", "i-m2"):
        cloud.machines.add(name, tags_of(record), names.ROLE_MASTER)
    return record.model_copy(update={"stack_id": "stack-1"})


def tags_of(record: ClusterRecord) -> dict[str, str]:
    return {names.TAG_CLUSTER: record.name, names.TAG_CLUSTER_UID: record.uid}


def look(cloud: ScriptedCloud, run: Run, record: ClusterRecord, previous: Observed | None = None) -> Observed:
    task = ObserveTask(record=record, memory=Memory(), previous=previous)
    seen: Observed = run(Observation(cloud.clients()).observe, task)
    return seen


def test_a_look_sees_everything(cloud: ScriptedCloud, run: Run, record: ClusterRecord) -> None:
    seen = look(cloud, run, record)
    found = seen.observation
    assert found.api is Health.HEALTHY
    assert [each.instance_id for each in found.machines] == ["i-m1", "i-m2"]
    assert [(each.name, each.leader) for each in found.members or ()] == [
        ("192.168.0.1.i-m1", True),
        ("192.168.0.2.i-m2", False),
    ]
    assert [each.ready for each in found.nodes or ()] == [Health.HEALTHY, Health.HEALTHY]
    assert found.master_set is not None
    assert found.master_set.replicas == 3
    assert found.backends == ("i-m1",)
    assert seen.outlooks["p"].instance_type == "ecs.c6.xlarge"


def test_what_cannot_be_read_is_unknown_never_empty(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    cloud.api.down = 9
    cloud.machines.broken = {"i-m1", "i-m2"}
    del cloud.stacks.stacks["stack-1"]
    found = look(cloud, run, record).observation
    assert found.api is Health.UNHEALTHY
    assert len(found.machines) == 2
    assert (found.nodes, found.members, found.master_set, found.node_pools, found.backends) == (None,) * 5


def test_a_connection_that_fails_is_tried_anew(cloud: ScriptedCloud, run: Run, record: ClusterRecord) -> None:
    cloud.api.down = 2
    assert look(cloud, run, record).observation.api is Health.HEALTHY


def test_a_member_that_does_not_answer_is_asked_for_its_data(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    silent = '"https://192.168.0.2:2379", "health": false'
    cloud.machines.report = REPORT.replace('"https://192.168.0.2:2379", "health": true', silent)
    assert [each.data_missing for each in look(cloud, run, record).observation.members or ()] == [False] * 2
    cloud.machines.emptied = {"i-m1", "i-m2"}
    # The one that answers has its data, whatever lies on the disk.
    assert [each.data_missing for each in look(cloud, run, record).observation.members or ()] == [False, True]


def test_lost_secrets_say_nothing_of_the_api(cloud: ScriptedCloud, run: Run, record: ClusterRecord) -> None:
    del cloud.oss.objects[names.secrets_key(record.name)]
    assert look(cloud, run, record).observation.api is Health.UNKNOWN


def test_a_changed_spec_is_dated_by_the_look_that_saw_it(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    first = look(cloud, run, record)
    second = look(cloud, run, record, first)
    assert first.outlooks["p"].changed is second.outlooks["p"].changed is None
    cloud.api.pools["p"]["metadata"]["generation"] = 2
    third = look(cloud, run, record, second)
    fourth = look(cloud, run, record, third)
    assert third.outlooks["p"].changed == fourth.outlooks["p"].changed == third.observation.at


def test_a_size_that_no_zone_sells_is_told(cloud: ScriptedCloud, run: Run, record: ClusterRecord) -> None:
    cloud.api.pools["p"] = pool_item(desired=1)
    cloud.api.pools["p"]["spec"]["infra"] |= {"cpu": 3, "memory": 5}
    assert "no instance type with 3 vCPU" in look(cloud, run, record).outlooks["p"].refusal


# --- watch ----------------------------------------------------------------------------------------


def watch(cloud: ScriptedCloud, run: Run, record: ClusterRecord, seen: dict[str, str]) -> Any:
    task = WatchTask(record=record, seen=seen, until=datetime.now(UTC))
    return run(Watch(cloud.clients()).await_change, task)


def test_a_change_ends_a_watch_at_once(cloud: ScriptedCloud, run: Run, record: ClusterRecord) -> None:
    before = watch(cloud, run, record, {})
    assert before.changed == ()
    assert set(before.seen) == {
        "mastersets/masterset",
        "nodepools/p",
        "nodes/192.168.0.1.i-m1",
        "nodes/192.168.0.2.i-m2",
    }
    cloud.api.pools["p"]["metadata"]["generation"] = 2
    cloud.api.node_items["192.168.0.1.i-m1"]["status"]["conditions"][0]["status"] = "Unknown"
    del cloud.api.node_items["192.168.0.2.i-m2"]
    after = watch(cloud, run, record, before.seen)
    assert after.changed == ("nodepools/p", "nodes/192.168.0.1.i-m1", "nodes/192.168.0.2.i-m2")


def test_a_pod_without_room_is_a_change_where_a_pool_may_grow(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    def unschedulable(name: str, seconds: int) -> None:
        since = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "lastTransitionTime": since,
        }
        status = {"phase": "Pending", "conditions": [condition]}
        cloud.api.pods.append({**pod_item(name, ""), "status": status})

    unschedulable("a", 300)
    before = watch(cloud, run, record, {})
    assert "pods" not in before.seen
    cloud.api.pools["p"] = pool_item(desired=0, autoscaling={"min": 0, "max": 1})
    waits = watch(cloud, run, record, before.seen)
    assert waits.changed == ("pods",)
    assert watch(cloud, run, record, waits.seen).changed == ()
    # A moment's patience, as the decision has it.
    unschedulable("too-young", 1)
    assert watch(cloud, run, record, waits.seen).changed == ()
    unschedulable("b", 60)
    assert watch(cloud, run, record, waits.seen).changed == ("pods",)
    cloud.api.pods.clear()
    assert watch(cloud, run, record, waits.seen).changed == ("pods",)


def test_a_heartbeat_of_a_node_is_no_change(cloud: ScriptedCloud, run: Run, record: ClusterRecord) -> None:
    before = watch(cloud, run, record, {})
    cloud.api.node_items["192.168.0.1.i-m1"]["metadata"]["resourceVersion"] = "99"
    assert watch(cloud, run, record, before.seen).changed == ()


def test_an_api_that_is_away_is_no_change(cloud: ScriptedCloud, run: Run, record: ClusterRecord) -> None:
    cloud.api.down = 99
    found = watch(cloud, run, record, {"nodes/n": "True"})
    assert (found.changed, found.seen) == ((), {"nodes/n": "True"})


def test_an_api_that_stays_away_is_a_change_and_its_return_is_another(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.watch.AWAY_SECONDS", 0)
    before = watch(cloud, run, record, {}).seen
    cloud.api.down = 1
    gone = watch(cloud, run, record, before)
    assert gone.changed == ("api",)
    back = watch(cloud, run, record, gone.seen)
    assert (back.changed, back.seen) == (("api",), before)


# --- status ---------------------------------------------------------------------------------------


def test_a_status_is_written_once_and_marks_the_pool(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    seen = look(cloud, run, record)
    hold = Hold(reason="waits for a test", condition="Testing")
    done = Attempt(
        subject="i-m2",
        group="masters",
        step=StepKind.PROMOTE_MEMBER,
        started=seen.observation.at,
        finished=seen.observation.at,
        outcome=Outcome.FAILED,
        detail="too slow",
    )
    task = StatusTask(record=record, observed=seen, memory=Memory(), masters=hold, done=(done,))
    for _ in range(2):
        run(Status(cloud.clients()).write_status, task)
    kinds = [each[0] for each in cloud.api.changes]
    assert sorted(kinds) == ["event", "event", "finalizers", "status", "status"]
    events = [each for each in cloud.api.changes if each[0] == "event"]
    assert events[0] == events[1]
    assert events[0][2:] == ("Warning", "PromoteMember i-m2 failed: too slow")
    assert cloud.api.pools["p"]["metadata"]["finalizers"] == [POOL_FINALIZER]
    assert cloud.api.masters is not None
    status = cloud.api.masters["status"]
    assert (status["replicas"], status["readyReplicas"], status["phase"]) == (2, 1, "Waiting")
    assert (status["observedGeneration"], status["message"]) == (2, "waits for a test")
    ready = next(each for each in status["conditions"] if each["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "Testing")


def test_the_status_says_how_well_the_cluster_is_backed_up(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    seen = look(cloud, run, record)
    health = BackupHealth(ok=False, reason="BackupTooOld", message="7 missed")
    task = StatusTask(record=record, observed=seen, memory=Memory(), masters=Settled(), backups=health)
    run(Status(cloud.clients()).write_status, task)
    assert cloud.api.masters is not None
    found = next(each for each in cloud.api.masters["status"]["conditions"] if each["type"] == "BackedUp")
    assert (found["status"], found["reason"], found["message"]) == ("False", "BackupTooOld", "7 missed")


def test_the_budget_that_holds_a_drain_up_is_told_while_it_does(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    machine = cloud.machines.add("i-w", tags_of(record), names.ROLE_WORKER, "p")
    node = names.node_name(machine.private_ip, "i-w")
    cloud.api.node_items[node] = node_item(node)
    cloud.api.pods = [pod_item("web", node, app="web")]
    cloud.api.budgets = [budget_item("stays", 0, app="web")]
    seen = look(cloud, run, record)
    task = StatusTask(record=record, observed=seen, memory=Memory(), masters=Settled())
    run(Status(cloud.clients()).write_status, task)
    assert cloud.api.pools["p"]["status"]["blockingBudget"] == ""
    run(Status(cloud.clients()).write_status, task.model_copy(update={"going": ("i-w",)}))
    status = cloud.api.pools["p"]["status"]
    assert status["blockingBudget"] == "default/stays"
    assert "PodDisruptionBudget default/stays holds default/web" in status["message"]


def test_a_pool_that_is_going_is_not_marked_again(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    cloud.api.pools["p"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    seen = look(cloud, run, record)
    task = StatusTask(record=record, observed=seen, memory=Memory(), masters=Settled())
    run(Status(cloud.clients()).write_status, task)
    assert "finalizers" not in [each[0] for each in cloud.api.changes]
    assert cloud.api.pools["p"]["status"]["phase"] == "Deleting"
