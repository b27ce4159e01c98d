"""What goes wrong in the cloud during a create: waited out, or told, and then nothing is left billed."""

from typing import Any

import pytest

from starters import create, delete, watch
from tests.e2e.conftest import GuideConfig
from tests.e2e.leftovers import assert_nothing_left
from tests.e2e.small import Small
from tests.e2e.stack import Stack
from tests.localcloud.running import wait_until
from wdrip import names
from wdrip.clients.oss import Bucket
from wdrip.models.package import PackageIndex
from wdrip.nodes.operations import DOWNLOAD_FAILED, PACKAGE_CORRUPTED

Output = pytest.CaptureFixture[str]

STOP = (1, "etcd: bind: address already in use")
"""Ends a create at its first operation after the package: whatever came before has passed."""


def failure(stage: Small, cluster: str, capsys: Output) -> str:
    """What a create that is followed to its end says of its failure; nothing of it may be left."""
    capsys.readouterr()
    assert create.main(["--config", stage.cluster_file(cluster), "--wait"]) == 1
    told = capsys.readouterr().err.partition(f"wdrip: create of {cluster} failed: ")[2]
    assert told
    stage.assert_nothing_of(cluster)
    return told


PASSING = {
    "throttled": {"effect": "throttle", "count": 1, "retry_after": 100},
    "internal error": {"effect": "error", "count": 1, "status": 500, "code": "InternalError"},
    "unavailable": {"effect": "error", "count": 1, "status": 503, "code": "ServiceUnavailable"},
    "gateway's page": {"effect": "error", "count": 1, "status": 502, "body": "<html>Bad Gateway</html>"},
    "reply lost": {"effect": "lost_reply", "count": 1},
}
"""Troubles that pass by themselves."""

CALLS = [
    ("ecs", "DescribeZones"),
    ("ros", "CreateStack"),
    ("ros", "GetStack"),
    ("ecs", "RunInstances"),
    ("ecs", "DescribeInstances"),
    ("ecs", "DescribeCloudAssistantStatus"),
    ("ecs", "RunCommand"),
    ("ecs", "DescribeInvocationResults"),
    ("ecs", "DeleteInstance"),
    ("ros", "DeleteStack"),
]
"""Calls of a create and of its undoing, each in trouble at the same time."""


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING.keys())
def test_what_passes_by_itself_is_waited_out_without_doing_anything_twice(
    trouble: dict[str, Any], stage: Small, name: str, capsys: Output
) -> None:
    stage.runtime.failing["start-first-etcd"] = STOP
    for service, action in CALLS:
        stage.cloud.admin.add_fault(service, action, **trouble)

    told = failure(stage, name, capsys)

    assert "address already in use" in told
    assert stage.cloud.admin.faults() == [], "not every trouble has been met"
    assert len(stage.machines(name)) == 1


def test_lost_replies_of_the_bucket_do_not_confuse_a_create_with_another(
    stage: Small, name: str, capsys: Output
) -> None:
    """The index entry is written only where there is none: the second try finds its own."""
    stage.runtime.failing["start-first-etcd"] = STOP
    for key in (names.cluster_key(name), names.secrets_key(name)):
        stage.cloud.admin.add_fault("oss", "PutObject", "lost_reply", match={"key": key})

    assert "address already in use" in failure(stage, name, capsys)
    assert stage.cloud.admin.faults() == []


def test_a_token_whose_arrival_is_unknown_does_not_stay_in_transit(
    stage: Small, name: str, capsys: Output
) -> None:
    stage.cloud.admin.add_fault("oss", "PutObject", "lost_reply", match={"key": names.TRANSIT_PREFIX})

    assert create.main(["--config", stage.cluster_file(name)]) == 1

    assert "the connection ended before the answer came" in capsys.readouterr().err
    stage.assert_nothing_of(name)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("OperationDenied.NoStock", "choose another zone or instance type"),
        ("Zone.NotOnSale", "choose another zone or instance type"),
        ("QuotaExceed.ElasticQuota", "ask for more quota or free some"),
        ("Forbidden.RAM", "grant the access key's user the permission for it"),
        ("InvalidAccountStatus.NotEnoughBalance", "Start the first master"),
    ],
)
def test_a_machine_that_is_not_given_is_told_with_code_and_remedy(
    code: str, remedy: str, stage: Small, name: str, capsys: Output
) -> None:
    stage.cloud.admin.add_fault("ecs", "RunInstances", "error", status=403, code=code, message="Not given.")

    told = failure(stage, name, capsys)

    assert told.startswith("Start the first master: cannot start machine")
    assert f"(ecs.c6.xlarge in cn-hangzhou-k): {code} Not given." in told
    assert remedy in told
    assert stage.machines(name) == []


def test_a_stack_that_fails_is_told_with_resource_and_reason(stage: Small, name: str, capsys: Output) -> None:
    stage.cloud.admin.add_fault(
        "ros.resource",
        "ALIYUN::VPC::NatGateway",
        "error",
        status=403,
        code="QuotaExceeded.Nat",
        message="No more gateways.",
    )

    told = failure(stage, name, capsys)

    assert "CREATE_FAILED" in told
    assert "(ALIYUN::VPC::NatGateway)" in told
    assert "No more gateways. Code: QuotaExceeded.Nat" in told
    assert stage.machines(name) == []


def test_a_stack_that_cannot_be_taken_away_is_told_and_the_delete_can_be_asked_for_again(
    stage: Small, name: str, capsys: Output
) -> None:
    stage.runtime.failing["start-first-etcd"] = STOP
    trouble = {"status": 403, "code": "Forbidden", "message": "Locked.", "match": {"Operation": "DELETE"}}
    stage.cloud.admin.add_fault("ros.resource", "ALIYUN::ECS::VPC", "error", count=None, **trouble)

    assert create.main(["--config", stage.cluster_file(name), "--wait"]) == 1

    assert stage.bucket.get(names.cluster_key(name)) is not None, "the entry is how it is found again"
    stage.cloud.admin.clear_faults()
    capsys.readouterr()
    assert delete.main(["--name", name, "--yes", "--wait"]) == 0
    stage.assert_nothing_of(name)


def test_a_corrupted_package_is_told_with_the_remedy(stage: Small, name: str, capsys: Output) -> None:
    stage.runtime.failing["install-package"] = (PACKAGE_CORRUPTED, "sha256 is ab, not cd")

    told = failure(stage, name, capsys)

    assert told.startswith("Install the software package: install-package on i-")
    assert "sha256 differs" in told
    assert "wdrip build --upload" in told


def test_a_download_that_breaks_off_is_tried_again_with_another_address(
    stage: Small, name: str, capsys: Output
) -> None:
    stage.runtime.failing["install-package"] = (DOWNLOAD_FAILED, "curl: (56) Connection reset")
    assert create.main(["--config", stage.cluster_file(name)]) == 0
    assert wait_until(lambda: len(stage.commands(name, "install-package")) >= 2)
    stage.runtime.failing = {"start-first-etcd": STOP}

    assert watch.main(["--name", name]) == 1

    assert "address already in use" in capsys.readouterr().err
    first, second = stage.commands(name, "install-package")[:2]
    assert first != second
    stage.assert_nothing_of(name)


def test_a_machine_that_never_answers_is_waited_for_in_words_and_taken_away_by_a_delete(
    stage: Small, name: str
) -> None:
    stage.runtime.deaf = True
    assert create.main(["--config", stage.cluster_file(name)]) == 0
    stage.await_wait(name, "the machine to run and its Cloud Assistant to answer")

    assert delete.main(["--name", name, "--yes", "--force", "--wait"]) == 0

    stage.assert_nothing_of(name)


@pytest.fixture
def corrupted_package(stack: Stack) -> Any:
    """One byte of the package in the bucket is another; afterwards the remedy puts it right."""
    bucket = Bucket(stack.provider)
    index = PackageIndex.model_validate_json(bucket.get(names.PACKAGE_INDEX_KEY) or b"")
    key = index.packages[0].key
    content = bytearray(bucket.get(key) or b"")
    content[len(content) // 2] ^= 1
    bucket.put(key, bytes(content))
    yield
    stack.wdrip("build", "--upload")


@pytest.mark.machines
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("corrupted_package")
def test_a_real_machine_refuses_a_package_with_a_flipped_byte(
    stack: Stack, guide_config: GuideConfig
) -> None:
    cluster = "corrupted"
    stack.wdrip("create", "--config", str(guide_config.write(cluster)))
    said = stack.wdrip("watch", "--name", cluster, fails=1).err
    assert "Install the software package: install-package on i-" in said
    assert "sha256 differs" in said
    assert "wdrip build --upload" in said
    assert_nothing_left(stack, cluster)
