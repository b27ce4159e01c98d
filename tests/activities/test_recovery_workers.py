"""Workers are led to the recovered control plane; one that cannot be holds no other up."""

from datetime import UTC, datetime, timedelta

import pytest

from activities.recovery.workers import RecoveryWorkers
from activities.tasks import RecoverTask
from tests.activities.conftest import Run
from tests.activities.recoveries import Recovery
from tests.activities.scripted import node_item
from wdrip import names

BEFORE = "2026-01-01T00:00:00.000000Z"
SINCE = (datetime.now(UTC) + timedelta(hours=1)).isoformat()


@pytest.fixture
def workers(recovery: Recovery) -> RecoveryWorkers:
    """Two running workers, a stopped one and a master."""
    recovery.add("i-a", names.ROLE_WORKER)
    recovery.add("i-b", names.ROLE_WORKER)
    recovery.add("i-off", names.ROLE_WORKER, "Stopped")
    recovery.add("i-m", names.ROLE_MASTER)
    return RecoveryWorkers(recovery.cloud.clients())


@pytest.fixture
def here(recovery: Recovery) -> RecoverTask:
    return recovery.task(recovery.back_up())


def node(recovery: Recovery, instance_id: str) -> str:
    return names.node_name(recovery.cloud.machines.machines[instance_id].private_ip, instance_id)


def says(recovery: Recovery, instance_id: str, renewed: str, ready: str = "True") -> None:
    name = node(recovery, instance_id)
    recovery.cloud.api.node_items[name] = node_item(name, ready)
    recovery.cloud.api.leases[name] = renewed


def test_each_running_worker_is_renewed_and_a_problem_is_told(
    recovery: Recovery, workers: RecoveryWorkers, here: RecoverTask
) -> None:
    recovery.cloud.machines.broken = {"i-b"}
    (problem,) = recovery.run(workers.renew_workers, here)
    assert problem.startswith("i-b: restart-services on i-b")
    assert sorted(recovery.operations()) == [("i-a", "restart-services"), ("i-b", "restart-services")]
    assert recovery.cloud.api.changes == [("delete pods", "kube-system", "k8s-app=kube-proxy")]


def test_workers_are_back_when_they_have_spoken_since(
    recovery: Recovery, workers: RecoveryWorkers, here: RecoverTask
) -> None:
    says(recovery, "i-a", SINCE)
    says(recovery, "i-b", SINCE)
    recovery.cloud.api.down = 1
    assert recovery.run(workers.await_workers, here) == ""


@pytest.mark.parametrize(
    ("renewed", "ready"), [(BEFORE, "True"), (SINCE, "False")], ids=["silent since", "not ready"]
)
def test_what_the_backup_says_of_a_worker_does_not_count(
    recovery: Recovery, run_late: Run, workers: RecoveryWorkers, here: RecoverTask, renewed: str, ready: str
) -> None:
    says(recovery, "i-a", SINCE)
    says(recovery, "i-b", renewed, ready)
    late = run_late(workers.await_workers, here)
    assert f"not back: {node(recovery, 'i-b')}; healing goes on with them" in late
