"""The steps upon a cloud in memory: what they change, what they leave alone, and what is remembered."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.backends import backends_of
from activities.steps.machines import MachineSteps
from activities.steps.masters import MasterSteps
from activities.steps.pools import PoolSteps
from activities.tasks import StepResult, StepTask
from tests.activities.conftest import Run
from tests.activities.scripted import ScriptedCloud, budget_item, node_item, pod_item, pool_item
from tests.world.stocked import stock
from wdrip import names
from wdrip.clients.ros import Stack
from wdrip.errors import PermanentError, TemporaryError
from wdrip.models.cluster import ClusterRecord
from wdrip.models.observation import Outcome
from wdrip.models.resources import POOL_FINALIZER
from wdrip.models.step_kind import StepKind
from wdrip.planning.decision import Act, Launch, Target
from wdrip.security.bundle import SecretsBundle
from wdrip.security.sealing import load_key, seal

REPORT = """-----BEGIN ETCD MEMBERS-----
{"members": {"members": [
  {"ID": 1, "name": "192.168.0.1.i-m1", "peerURLs": ["https://192.168.0.1:2380"],
   "clientURLs": ["https://192.168.0.1:2379"]},
  {"ID": 2, "name": "192.168.0.2.i-m2", "peerURLs": ["https://192.168.0.2:2380"],
   "clientURLs": ["https://192.168.0.2:2379"]}]},
 "endpoints": [
  {"url": "https://192.168.0.1:2379", "health": true,
   "status": [{"Status": {"header": {"member_id": 1, "revision": 5}, "leader": 1, "raftTerm": 2}}]},
  {"url": "https://192.168.0.2:2379", "health": true,
   "status": [{"Status": {"header": {"member_id": 2, "revision": 5}, "leader": 1, "raftTerm": 2}}]}]}
-----END ETCD MEMBERS-----"""


@pytest.fixture
def cloud(tmp_path: Path) -> ScriptedCloud:
    made = ScriptedCloud(tmp_path)
    stock(made)
    return made


@pytest.fixture
def record(cloud: ScriptedCloud, record: ClusterRecord) -> ClusterRecord:
    """A running cluster with its stack and its secrets."""
    key = names.secrets_key(record.name)
    bundle = SecretsBundle.new("abcdef.0123456789abcdef")
    cloud.oss.objects[key] = seal(bundle.to_bytes(), load_key(cloud.provider("")), key)
    stack = Stack("stack-1", record.name, "CREATE_COMPLETE", "", cloud.outputs, {})
    cloud.stacks.stacks["stack-1"] = stack
    cloud.stacks.parameters["stack-1"] = {}
    return record.model_copy(update={"stack_id": "stack-1"})


def tags(record: ClusterRecord) -> dict[str, str]:
    return {names.TAG_CLUSTER: record.name, names.TAG_CLUSTER_UID: record.uid}


def task(record: ClusterRecord, step: StepKind, attempt_id: str = "a", **target: Any) -> StepTask:
    return StepTask(
        record=record, act=Act(step=step, target=Target(**target), reason="a test"), attempt_id=attempt_id
    )


def outcomes(result: StepResult) -> list[tuple[str, Outcome]]:
    return [(each.subject, each.outcome) for each in result.attempts]


# --- masters --------------------------------------------------------------------------------------


def masters(cloud: ScriptedCloud, record: ClusterRecord) -> MasterSteps:
    for name in ("i-m1", "i-m2"):
        cloud.machines.add(name, tags(record), names.ROLE_MASTER)
    cloud.machines.report = REPORT
    return MasterSteps(cloud.clients())


def test_a_master_is_launched_once_an_attempt(cloud: ScriptedCloud, run: Run, record: ClusterRecord) -> None:
    steps = MasterSteps(cloud.clients())
    launch = task(record, StepKind.LAUNCH_MASTER, launches=(Launch(zone_id="cn-hangzhou-k"),))
    first, again = run(steps.launch_master, launch), run(steps.launch_master, launch)

    assert outcomes(first) == outcomes(again) == [("cn-hangzhou-k", Outcome.DONE)]
    (machine,) = cloud.machines.machines.values()
    assert machine.tags == {**tags(record), names.TAG_ROLE: names.ROLE_MASTER}
    run(steps.launch_master, launch.model_copy(update={"attempt_id": "b"}))
    assert len(cloud.machines.machines) == 2


def test_masters_are_launched_together_each_in_its_zone(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    """They are ready for their joins; a zone without stock holds no other up."""
    steps, zones = MasterSteps(cloud.clients()), ("cn-hangzhou-k", "cn-hangzhou-h")
    stack = cloud.stacks.stacks["stack-1"]
    outputs = {**cloud.outputs, "VSwitchIds": {zone: f"vsw-{zone}" for zone in zones}}
    cloud.stacks.stacks["stack-1"] = replace(stack, outputs=outputs)
    launch = task(record, StepKind.LAUNCH_MASTER, launches=tuple(Launch(zone_id=zone) for zone in zones))
    assert outcomes(run(steps.launch_master, launch)) == [(zone, Outcome.DONE) for zone in zones]
    machines = cloud.machines.machines.values()
    assert sorted(each.zone_id for each in machines) == sorted(zones)
    installed = [where for where, name, _ in cloud.machines.commands if name == "install-package"]
    assert sorted(installed) == sorted(each.instance_id for each in machines)

    cloud.machines.sold_out = {("ecs.c6.xlarge", zones[0])}
    again = run(steps.launch_master, launch.model_copy(update={"attempt_id": "b"}))
    assert outcomes(again) == [(zones[0], Outcome.FAILED), (zones[1], Outcome.DONE)]


def test_a_machine_that_takes_no_software_yet_is_no_fault_of_its_zone(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    cloud.machines.failing = {"install-package"}
    launch = task(record, StepKind.LAUNCH_MASTER, launches=(Launch(zone_id="cn-hangzhou-k"),))
    assert outcomes(run(MasterSteps(cloud.clients()).launch_master, launch)) == [
        ("cn-hangzhou-k", Outcome.DONE)
    ]


def test_a_zone_without_stock_is_an_outcome(cloud: ScriptedCloud, run: Run, record: ClusterRecord) -> None:
    cloud.machines.sold_out = {("ecs.c6.xlarge", "cn-hangzhou-k")}
    launch = task(record, StepKind.LAUNCH_MASTER, launches=(Launch(zone_id="cn-hangzhou-k"),))
    (attempt,) = run(MasterSteps(cloud.clients()).launch_master, launch).attempts
    assert (attempt.outcome, attempt.detail) == (Outcome.FAILED, "no ecs.c6.xlarge in cn-hangzhou-k")


def test_membership_changes_on_a_healthy_member_that_is_not_the_one(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    steps = masters(cloud, record)
    removal = task(record, StepKind.REMOVE_MEMBER, instance_id="i-m1", member_id="1")
    assert outcomes(run(steps.remove_member, removal)) == [("i-m1", Outcome.DONE)]
    by_name = [(where, name) for where, name, _ in cloud.machines.commands]
    assert ("i-m2", "remove-etcd-member") in by_name
    assert ("i-m1", "leave-cluster") in by_name


def test_a_member_that_is_gone_is_removed(cloud: ScriptedCloud, run: Run, record: ClusterRecord) -> None:
    steps = masters(cloud, record)
    removal = task(record, StepKind.REMOVE_MEMBER, instance_id="i-gone", member_id="9")
    assert outcomes(run(steps.remove_member, removal)) == [("i-gone", Outcome.DONE)]
    assert "remove-etcd-member" not in [name for _, name, _ in cloud.machines.commands]


def test_the_oldest_master_is_asked_for_the_members(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    """A learner would take seconds to refuse, and a newcomer has no etcd yet."""
    steps = masters(cloud, record)
    oldest = cloud.machines.machines["i-m2"]
    cloud.machines.machines["i-m2"] = replace(oldest, created=record.created - timedelta(days=1))
    run(steps.promote_member, task(record, StepKind.PROMOTE_MEMBER, instance_id="i-m1", member_id="1"))
    asked = [where for where, name, _ in cloud.machines.commands if name == "list-etcd-members"]
    assert asked == ["i-m2"]


def test_nothing_is_changed_when_no_master_tells_the_members(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    steps = masters(cloud, record)
    cloud.machines.broken = {"i-m1", "i-m2"}
    promotion = task(record, StepKind.PROMOTE_MEMBER, instance_id="i-m2", member_id="2")
    assert outcomes(run(steps.promote_member, promotion)) == [("i-m2", Outcome.FAILED)]
    assert {name for _, name, _ in cloud.machines.commands} == {"list-etcd-members"}


def test_a_newcomer_is_announced_on_a_member_and_started_on_itself(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    steps = masters(cloud, record)
    cloud.machines.add("i-new", tags(record), names.ROLE_MASTER)
    assert outcomes(run(steps.join_etcd, task(record, StepKind.JOIN_ETCD, instance_id="i-new"))) == [
        ("i-new", Outcome.DONE)
    ]
    by_name = {name: where for where, name, _ in cloud.machines.commands}
    assert by_name["add-etcd-learner"] == "i-m1"
    assert by_name["start-joining-etcd"] == by_name["receive-secrets"] == "i-new"
    assert [key for key in cloud.oss.objects if key.startswith(names.TRANSIT_PREFIX)] == []


def test_a_machine_of_another_cluster_is_not_touched(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord
) -> None:
    cloud.machines.add("i-theirs", {**tags(record), names.TAG_CLUSTER_UID: "other"}, names.ROLE_MASTER)
    steps = MachineSteps(cloud.clients())
    run(steps.delete_machine, task(record, StepKind.DELETE_MACHINE, instance_id="i-theirs"))
    assert "i-theirs" in cloud.machines.machines
    result = run(steps.reboot, task(record, StepKind.REBOOT, instance_id="i-theirs"))
    assert outcomes(result) == [("i-theirs", Outcome.FAILED)]


# --- load balancer --------------------------------------------------------------------------------


def test_the_same_machines_can_be_wanted_again_after_others(
    cloud: ScriptedCloud, run: Run, record: ClusterRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens: list[str] = []
    update = cloud.stacks.update_parameters

    def noting(stack_id: str, template: Any, parameters: Any, client_token: str) -> None:
        tokens.append(client_token)
        update(stack_id, template, parameters, client_token)

    monkeypatch.setattr(cloud.stacks, "update_parameters", noting)
    steps = MasterSteps(cloud.clients())
    for attempt_id, ids in (("a", ("i-1",)), ("b", ("i-1", "i-2")), ("c", ("i-1",)), ("d", ("i-1",))):
        step = task(record, StepKind.SET_BACKENDS, attempt_id, instance_ids=ids)
        assert run(steps.set_backends, step).attempts[0].outcome is Outcome.DONE
    assert len(set(tokens)) == 4
    assert cloud.stacks.parameters["stack-1"]["MasterInstanceIds"] == "i-1"


@pytest.mark.parametrize(
    ("status", "parameters", "expected"),
    [
        ("UPDATE_COMPLETE", {"MasterInstanceIds": "i-1,i-2"}, ("i-1", "i-2")),
        ("ROLLBACK_COMPLETE", {"MasterInstanceIds": "i-1"}, ("i-1",)),
        ("CREATE_COMPLETE", {"MasterInstanceIds": ""}, ()),
        ("UPDATE_IN_PROGRESS", {"MasterInstanceIds": "i-1"}, None),
        ("UPDATE_FAILED", {"MasterInstanceIds": "i-1"}, None),
        ("UPDATE_COMPLETE", {}, None),
    ],
)
def test_what_is_changing_is_unknown(
    status: str, parameters: dict[str, str], expected: tuple[str, ...] | None
) -> None:
    assert backends_of(Stack("s", "n", status, "", {}, {}, parameters)) == expected


# --- pools ----------------------------------------------------------------------------------------


@pytest.fixture
def pools(cloud: ScriptedCloud, record: ClusterRecord) -> Iterator[PoolSteps]:
    cloud.api.pools["p"] = pool_item(desired=2, labels={"tier": "web"})
    yield PoolSteps(cloud.clients())


def growth(record: ClusterRecord, number: int = 1, pool: str = "p") -> StepTask:
    launches = tuple(Launch(node_pool=pool, zone_id="cn-hangzhou-k") for _ in range(number))
    return task(record, StepKind.GROW_POOLS, launches=launches)


def becomes_ready(cloud: ScriptedCloud, instance_id: str) -> None:
    name = names.node_name("192.168.0.77", instance_id)
    cloud.api.node_items[name] = node_item(name)


def test_a_pool_grows_by_what_is_asked_and_no_more_when_asked_again(
    cloud: ScriptedCloud, run: Run, pools: PoolSteps, record: ClusterRecord
) -> None:
    for number in ("i-1", "i-2"):
        becomes_ready(cloud, number)
    first, again = run(pools.grow_pools, growth(record, 2)), run(pools.grow_pools, growth(record, 2))
    assert sorted(outcomes(first)) == [("i-1", Outcome.DONE), ("i-2", Outcome.DONE)]
    assert sorted(outcomes(again)) == sorted(outcomes(first))
    assert {each.group for each in first.attempts} == {"pool/p"}
    assert all(each.tags[names.TAG_NODE_POOL] == "p" for each in cloud.machines.machines.values())
    joins = [content for _, name, content in cloud.machines.commands if name == "join-worker"]
    assert "tier=web,wdrip/nodepool=p" in joins[0]


def test_another_type_serves_when_the_first_is_sold_out(
    cloud: ScriptedCloud, run: Run, pools: PoolSteps, record: ClusterRecord
) -> None:
    cloud.api.pools["p"]["spec"]["infra"] |= {"cpu": 4, "memory": 8}
    cloud.machines.sold_out = {("ecs.c6.xlarge", "cn-hangzhou-k")}
    becomes_ready(cloud, "i-1")
    result = run(pools.grow_pools, growth(record))
    assert outcomes(result) == [("i-1", Outcome.DONE)]
    assert cloud.machines.machines["i-1"].type_id == "ecs.c7.xlarge"


def test_one_that_does_not_join_holds_no_other_up(
    cloud: ScriptedCloud, run: Run, pools: PoolSteps, record: ClusterRecord
) -> None:
    becomes_ready(cloud, "i-1")
    becomes_ready(cloud, "i-2")
    run(pools.grow_pools, growth(record, 2))
    broken = cloud.machines.machines["i-2"]
    cloud.machines.broken = {broken.name}
    assert sorted(outcomes(run(pools.grow_pools, growth(record, 2)))) == [
        ("i-1", Outcome.DONE),
        ("i-2", Outcome.FAILED),
    ]


def test_a_machine_whose_growth_was_broken_off_joins_beside_a_new_one(
    cloud: ScriptedCloud, run: Run, pools: PoolSteps, record: ClusterRecord
) -> None:
    worker(cloud, record, "i-w")
    becomes_ready(cloud, "i-1")
    launches = (
        Launch(node_pool="p", zone_id="cn-hangzhou-k", instance_id="i-w"),
        Launch(node_pool="p", zone_id="cn-hangzhou-k"),
    )
    result = run(pools.grow_pools, task(record, StepKind.GROW_POOLS, launches=launches))
    assert sorted(outcomes(result)) == [("i-1", Outcome.DONE), ("i-w", Outcome.DONE)]
    assert set(cloud.machines.machines) == {"i-1", "i-w"}
    assert {each for each, name, _ in cloud.machines.commands if name == "join-worker"} == {"i-1", "i-w"}


def test_a_pool_that_is_being_deleted_gets_no_machine(
    cloud: ScriptedCloud, run: Run, pools: PoolSteps, record: ClusterRecord
) -> None:
    cloud.api.pools["p"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert run(pools.grow_pools, growth(record)).attempts == ()
    assert cloud.machines.machines == {}


def worker(cloud: ScriptedCloud, record: ClusterRecord, instance_id: str = "i-w") -> str:
    name = cloud.machines.add(instance_id, tags(record), names.ROLE_WORKER, "p").private_ip
    node = names.node_name(name, instance_id)
    cloud.api.node_items[node] = node_item(node)
    return node


def test_a_machine_too_many_is_drained_and_deleted_with_its_node(
    cloud: ScriptedCloud, run: Run, pools: PoolSteps, record: ClusterRecord
) -> None:
    node = worker(cloud, record)
    shrink = task(record, StepKind.SHRINK_POOL, node_pool="p", instance_ids=("i-w",), desired=0)
    assert outcomes(run(pools.shrink_pool, shrink)) == [("i-w", Outcome.DONE)]
    assert cloud.api.changes == [
        ("desired", "p", 0),
        ("unschedulable", node, True),
        ("delete node", node),
    ]
    assert cloud.machines.machines == {}
    assert outcomes(run(pools.shrink_pool, shrink)) == [("i-w", Outcome.DONE)]


def test_a_machine_that_is_wanted_again_stays_and_takes_pods(
    cloud: ScriptedCloud, run: Run, pools: PoolSteps, record: ClusterRecord
) -> None:
    node = worker(cloud, record)
    shrink = task(record, StepKind.SHRINK_POOL, node_pool="p", instance_ids=("i-w",))
    (attempt,) = run(pools.shrink_pool, shrink).attempts
    assert (attempt.outcome, attempt.detail) == (Outcome.DONE, "it stays after all")
    assert cloud.api.changes == [("unschedulable", node, True), ("unschedulable", node, False)]
    assert "i-w" in cloud.machines.machines


def test_a_drain_that_a_budget_blocks_gives_the_machine_back(
    cloud: ScriptedCloud, run: Run, pools: PoolSteps, record: ClusterRecord
) -> None:
    node = worker(cloud, record)
    cloud.api.pools["p"] = pool_item(desired=0, drain={"timeoutSeconds": 1})
    cloud.api.pods = [pod_item("web", node, app="web")]
    cloud.api.budgets = [budget_item("keep", 0, app="web")]
    shrink = task(record, StepKind.SHRINK_POOL, node_pool="p", instance_ids=("i-w",))
    (attempt,) = run(pools.shrink_pool, shrink).attempts
    assert (attempt.outcome, attempt.blocked_by) == (Outcome.FAILED, "default/keep")
    assert cloud.api.changes == [("unschedulable", node, True), ("unschedulable", node, False)]
    assert "i-w" in cloud.machines.machines


def test_a_pool_is_released_only_without_machines(
    cloud: ScriptedCloud, run: Run, pools: PoolSteps, record: ClusterRecord
) -> None:
    cloud.api.pools["p"]["metadata"]["finalizers"] = ["theirs", POOL_FINALIZER]
    worker(cloud, record)
    release = task(record, StepKind.RELEASE_POOL, node_pool="p")
    assert run(pools.release_pool, release).attempts[0].outcome is Outcome.FAILED
    cloud.machines.machines.clear()
    for _ in range(2):
        assert run(pools.release_pool, release).attempts[0].outcome is Outcome.DONE
    assert cloud.api.changes == [("finalizers", "p", ["theirs"])]


# --- any step -------------------------------------------------------------------------------------


def test_a_trouble_of_the_network_is_raised_not_remembered(
    cloud: ScriptedCloud, run: Run, pools: PoolSteps, record: ClusterRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(pool: str, desired: int) -> None:
        raise TemporaryError(f"{pool} {desired}: no answer")

    monkeypatch.setattr(cloud.api, "set_desired_capacity", fails)
    with pytest.raises(TemporaryError):
        run(pools.set_desired, task(record, StepKind.SET_DESIRED, node_pool="p", desired=2))


def test_a_refusal_is_remembered_with_its_reason(
    cloud: ScriptedCloud, run: Run, pools: PoolSteps, record: ClusterRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(pool: str, desired: int) -> None:
        raise PermanentError(f"{pool} {desired}: refused")

    monkeypatch.setattr(cloud.api, "set_desired_capacity", fails)
    (attempt,) = run(pools.set_desired, task(record, StepKind.SET_DESIRED, node_pool="p", desired=2)).attempts
    assert (attempt.outcome, attempt.detail) == (Outcome.FAILED, "p 2: refused")
