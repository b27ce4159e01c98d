"""The cluster's own API: a node waited for with its reason, and wdrip's kinds with their default objects."""

import pytest

from activities.kubernetes import Kubernetes
from activities.secrets import Secrets
from activities.tasks import NodeTask, SecretsTask
from tests.activities.conftest import Run
from tests.world.cloud import MemoryCloud
from wdrip.clients.kubernetes import NodeState
from wdrip.errors import PermanentError, TemporaryError
from wdrip.models.cluster import ClusterRecord, Endpoints, Machine

NODE = "192.168.0.77.i-1"


@pytest.fixture
def kubernetes(cloud: MemoryCloud, run: Run, record: ClusterRecord) -> Kubernetes:
    """The cluster has its secrets."""
    run(Secrets(cloud.clients()).issue_secrets, SecretsTask(record=record, token_reference=None))
    return Kubernetes(cloud.clients())


@pytest.fixture
def task(record: ClusterRecord, machine: Machine) -> NodeTask:
    record = record.model_copy(update={"endpoints": Endpoints(public="127.47.0.1", private="192.168.0.75")})
    return NodeTask(record=record, machine=machine)


def test_a_node_is_waited_for_through_the_public_endpoint(
    cloud: MemoryCloud, run: Run, kubernetes: Kubernetes, task: NodeTask
) -> None:
    cloud.api.looks = [None, NodeState(NODE, False, "cni plugin not initialized", "v1.20.2")]
    run(kubernetes.await_node_ready, task)
    assert cloud.api.looks == []
    assert cloud.api.server == "https://127.47.0.1:6443"


def test_a_node_that_does_not_become_ready_is_told_with_its_own_reason(
    cloud: MemoryCloud, run_late: Run, kubernetes: Kubernetes, task: NodeTask
) -> None:
    cloud.api.looks = [NodeState(NODE, False, "cni plugin not initialized", "v1.20.2")] * 10**4
    with pytest.raises(PermanentError, match=f"node {NODE} to be Ready; last seen: cni plugin not init"):
        run_late(kubernetes.await_node_ready, task)


def test_an_endpoint_that_is_not_there_yet_is_looked_at_again(
    cloud: MemoryCloud, run: Run, kubernetes: Kubernetes, task: NodeTask
) -> None:
    looks: list[str] = []

    def node(name: str) -> NodeState:
        looks.append(name)
        if len(looks) < 3:
            raise TemporaryError("127.47.0.1:6443 cannot be reached")
        return NodeState(name, True, "", "v1.20.2")

    cloud.api.node = node  # type: ignore[method-assign]
    run(kubernetes.await_node_ready, task)
    assert looks == [NODE] * 3


def test_the_default_objects_come_after_both_kinds_are_served(
    cloud: MemoryCloud, run: Run, kubernetes: Kubernetes, task: NodeTask
) -> None:
    run(kubernetes.define_objects, task.record)
    assert len(cloud.api.definitions) == 2
    assert cloud.api.objects == [("mastersets", "masterset"), ("nodepools", "default-nodepool")]


def test_kinds_that_are_never_served_are_named_and_no_object_is_made(
    cloud: MemoryCloud, run_late: Run, kubernetes: Kubernetes, task: NodeTask
) -> None:
    cloud.api.is_established = lambda definition: False  # type: ignore[method-assign]
    with pytest.raises(PermanentError, match=r"not served yet: mastersets\.\S+, nodepools\."):
        run_late(kubernetes.define_objects, task.record)
    assert cloud.api.objects == []


def test_a_cluster_without_its_secrets_is_told(cloud: MemoryCloud, run: Run, task: NodeTask) -> None:
    with pytest.raises(PermanentError, match=r"c1\.sealed is missing from the bucket"):
        run(Kubernetes(cloud.clients()).await_node_ready, task)
