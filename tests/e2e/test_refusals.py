"""What the world does not have or does not allow: one line with field and remedy, and nothing half-made."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import oss2
import pytest
from temporalio.client import WorkflowExecutionStatus

from starters import cluster_workflow, create, delete, get, watch
from tests.e2e.small import Small
from tests.localcloud.running import STRANGER
from wdrip import names
from wdrip.clients.ecs import EcsClient
from wdrip.clients.oss import Bucket
from wdrip.clients.ros import RosClient
from wdrip.errors import InvalidInput

Output = pytest.CaptureFixture[str]

NOBODY = "http://127.0.0.1:1"
"""A loopback port on which nothing listens."""


def refusal(stage: Small, cluster: str, capsys: Output, **iaas: Any) -> str:
    """The one line with which the create is refused, with exit code 2; nothing of it may be left."""

    def change(document: dict[str, Any]) -> None:
        document["iaas"].update(iaas)

    file = stage.cluster_file(cluster, change)
    capsys.readouterr()
    assert create.main(["--config", file]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("wdrip: ")]
    assert len(lines) == 1, lines
    return lines[0]


def refused_cleanly(stage: Small, cluster: str, capsys: Output, **iaas: Any) -> str:
    """Like `refusal`, and nothing of it is left."""
    line = refusal(stage, cluster, capsys, **iaas)
    stage.assert_nothing_of(cluster)
    return line


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (
            {"region": "cn-beijing", "zoneid": "cn-beijing-f"},
            "iaas.region: cn-beijing is not the region of the provider, which is cn-hangzhou; write",
        ),
        (
            {"zoneid": "cn-hangzhou-zz"},
            "iaas.zoneid: region cn-hangzhou has no zone cn-hangzhou-zz; choose one of cn-hangzhou-k",
        ),
        (
            {"zones": ["cn-hangzhou-zz"]},
            "iaas.zones: region cn-hangzhou has no zone cn-hangzhou-zz; choose one of",
        ),
        ({"image": "no_such_image"}, "iaas.image: region cn-hangzhou has no image no_such_image; choose one"),
        ({"instance": "ecs.zz.large"}, "iaas.instance: there is no instance type ecs.zz.large; choose one"),
        (
            {"disk": {"size": "40G", "type": "cloud_auto"}},
            "iaas.disk.type: zone cn-hangzhou-k does not sell disk type cloud_auto; choose one of cloud_ssd",
        ),
    ],
    ids=["region", "zone", "further zone", "image", "instance type", "disk type"],
)
def test_what_the_cloud_does_not_offer(
    asked: dict[str, Any], line: str, stage: Small, name: str, capsys: Output
) -> None:
    assert refused_cleanly(stage, name, capsys, **asked).startswith(f"wdrip: {line}")


def test_a_version_that_no_package_has_lists_what_there_is(stage: Small, name: str, capsys: Output) -> None:
    def newer(document: dict[str, Any]) -> None:
        document["kubernetes"]["version"] = "1.31.0"

    assert create.main(["--config", stage.cluster_file(name, newer)]) == 2
    told = capsys.readouterr().err
    assert "wdrip: kubernetes.version: no package has Kubernetes 1.31; there are 1.20.2 (etcd 3.4.23" in told
    stage.assert_nothing_of(name)


def test_a_provider_whose_region_is_not_the_clouds(stage: Small, name: str, capsys: Output) -> None:
    stage.configure("value", "region", to="cn-nowhere")
    line = refusal(stage, name, capsys, region="cn-nowhere", zoneid="cn-nowhere-a")
    assert line.startswith("wdrip: region: the service is another region's")
    stage.reset()
    stage.assert_nothing_of(name)


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("ID", "LTAInobody0000000000", "accessKeyId: the cloud does not accept it (InvalidAccessKeyId)"),
        (
            "SECRET",
            "not-the-secret",
            "accessKeySecret: does not fit the access key id (SignatureDoesNotMatch)",
        ),
    ],
)
def test_wrong_credentials(
    variable: str,
    value: str,
    line: str,
    stage: Small,
    name: str,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(f"ALIBABA_CLOUD_ACCESS_KEY_{variable}", value)
    told = refused_cleanly(stage, name, capsys)
    assert told.startswith(f"wdrip: {line}; check")
    assert "not-the-secret" not in told


def test_wrong_credentials_of_the_worker_alone(stage: Small, name: str, capsys: Output) -> None:
    stage.worker_environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = "not-the-secret"
    line = refused_cleanly(stage, name, capsys)
    assert line.startswith("wdrip: accessKeySecret: does not fit the access key id")


@pytest.mark.parametrize("name_of_key", ["accessKeyId", "accessKeySecret"])
def test_missing_credentials(name_of_key: str, stage: Small, name: str, capsys: Output) -> None:
    stage.configure("value", name_of_key, to=None)
    line = refusal(stage, name, capsys)
    assert line.startswith(f"wdrip: providers[0].provider.value.{name_of_key}: is missing; add it to ")
    stage.reset()
    stage.assert_nothing_of(name)


@pytest.fixture
def skewed(stage: Small, monkeypatch: pytest.MonkeyPatch) -> Small:
    """The cloud's clock is twenty minutes ahead: its signature checks allow fifteen."""
    ahead = lambda: datetime.now(UTC) + timedelta(minutes=20)  # noqa: E731 - it is the cloud's clock
    monkeypatch.setattr(stage.cloud.context, "clock", ahead)
    return stage


def test_a_wrong_clock_is_told_by_the_signature_check(
    skewed: Small, name: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = refusal(skewed, name, capsys)
    assert line.startswith(
        "wdrip: system clock: RequestTimeTooSkewed: this machine's time is not the cloud's;"
    )
    assert "NTP" in line
    monkeypatch.undo()
    skewed.assert_nothing_of(name)


@pytest.mark.parametrize(
    "ask",
    [
        lambda provider: EcsClient(provider).zones(),
        lambda provider: RosClient(provider).find_stack("c"),
        lambda provider: Bucket(provider).ensure(),
    ],
    ids=["ecs", "ros", "oss"],
)
def test_every_service_refuses_a_wrong_clock(ask: Callable[[Any], object], skewed: Small) -> None:
    with pytest.raises(InvalidInput) as refused:
        ask(skewed.provider)
    assert refused.value.field == "system clock"


def test_a_bucket_of_someone_else(stage: Small, name: str, capsys: Output) -> None:
    foreign = f"foreign-{uuid4().hex[:12]}"
    auth = oss2.Auth(STRANGER.access_key_id, STRANGER.access_key_secret)
    theirs = oss2.Bucket(auth, stage.cloud.access.oss, foreign, is_path_style=True)
    theirs.create_bucket()
    stage.configure("value", "bucketName", to=foreign)

    line = refusal(stage, name, capsys)

    assert line.startswith("wdrip: bucketName: ")
    assert foreign in line
    assert list(oss2.ObjectIterator(theirs)) == []
    assert stage.workflow_status(name) is None


def test_a_name_that_the_index_holds_already(stage: Small, name: str, capsys: Output) -> None:
    """Perhaps from a Temporal server that is gone: no workflow knows of it."""
    stage.bucket.put(names.cluster_key(name), b"{}")
    line = refusal(stage, name, capsys)
    assert line.startswith(f"wdrip: clusterid: cluster {name} already exists in bucket wdrip-index; choose")
    stage.bucket.delete(names.cluster_key(name))
    stage.assert_nothing_of(name)


def test_a_name_that_a_foreign_stack_holds(stage: Small, name: str, capsys: Output) -> None:
    ros = RosClient(stage.provider)
    template = {
        "ROSTemplateFormatVersion": "2015-09-01",
        "Resources": {"Handle": {"Type": "ALIYUN::ROS::WaitConditionHandle"}},
    }
    stack_id = ros.create_stack(name, template, {}, uuid4().hex, {})

    line = refusal(stage, name, capsys)

    assert line.startswith(
        f"wdrip: clusterid: there is a ROS stack {name} that no cluster in the index owns;"
    )
    assert ros.find_stack(name) == stack_id, "the stack is not ours to touch"


def test_a_cluster_that_is_being_created(stage: Small, name: str, capsys: Output) -> None:
    stage.runtime.endless.add("install-package")
    assert create.main(["--config", stage.cluster_file(name)]) == 0
    line = refusal(stage, name, capsys)
    assert line.startswith(
        f"wdrip: clusterid: cluster {name} already exists; choose another name, or `wdrip "
    )
    assert delete.main(["--name", name, "--yes", "--force", "--wait"]) == 0
    stage.assert_nothing_of(name)


@pytest.mark.parametrize("service", ["ecs", "ros", "oss"])
def test_a_cloud_that_cannot_be_reached_is_refused_within_seconds(
    service: str, stage: Small, name: str, capsys: Output
) -> None:
    stage.configure("value", "endpoints", service, to=NOBODY)
    started = time.monotonic()

    line = refusal(stage, name, capsys)

    assert time.monotonic() - started < 15
    assert line.startswith("wdrip: endpoints: cannot ")
    assert "127.0.0.1:1 cannot be reached, nothing listens there; check the network, and `region`" in line
    stage.reset()
    stage.assert_nothing_of(name)


def test_an_outage_of_a_moment_is_waited_out(stage: Small, name: str, capsys: Output) -> None:
    """A cloud that answers 503 for some looks is not bad input: here it is back for the third look."""
    stage.cloud.admin.add_fault(
        "ecs", "DescribeZones", "error", status=503, code="ServiceUnavailable", count=2
    )
    line = refused_cleanly(stage, name, capsys, image="no_such_image")
    assert line.startswith("wdrip: iaas.image: ")
    assert stage.cloud.admin.faults() == []


def test_a_temporal_namespace_that_is_not_there(stage: Small, name: str, capsys: Output) -> None:
    stage.configure("temporal", "namespace", to="nowhere")
    line = refusal(stage, name, capsys)
    assert line.startswith("wdrip: temporal.namespace: there is no namespace nowhere at 127.0.0.1:")
    stage.reset()
    stage.assert_nothing_of(name)


def test_a_worker_that_died_a_moment_ago(
    stage: Small, name: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporal still lists it, so only its silence tells."""
    monkeypatch.setattr(names, "TASK_QUEUE", f"dead-{name}")
    monkeypatch.setattr(cluster_workflow, "_UNANSWERED_SECONDS", 1.0)
    monkeypatch.setattr(cluster_workflow, "_SIGN_OF_LIFE", timedelta(seconds=2))
    stage.backend.leave_dead_worker(f"dead-{name}")

    line = refused_cleanly(stage, name, capsys)

    assert line.startswith(f"wdrip: temporal.address: no worker takes tasks from queue `dead-{name}` at 127")
    assert stage.workflow_status(name) is WorkflowExecutionStatus.TERMINATED


@pytest.mark.parametrize(
    "ask",
    [
        lambda cluster, folder: watch.main(["--name", cluster]),
        lambda cluster, folder: get.main(["--name", cluster]),
        lambda cluster, folder: get.main(["-r", "kubeconfig", "-n", cluster, "-w", str(folder / "config")]),
        lambda cluster, folder: delete.main(["--name", cluster, "--yes"]),
    ],
    ids=["watch", "get", "kubeconfig", "delete"],
)
def test_a_cluster_that_is_not_there(
    ask: Callable[[str, Any], int], stage: Small, name: str, tmp_path: Any, capsys: Output
) -> None:
    assert ask(name, tmp_path) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == f"wdrip: --name: there is no cluster `{name}`; list the clusters with `wdrip get`"
    assert list(tmp_path.iterdir()) == []
    stage.assert_nothing_of(name)
