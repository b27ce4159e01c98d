"""Planned faults as the SDKs see them, through the admin endpoint."""

import time
from typing import Any

import oss2
import pytest
import requests
from alibabacloud_ecs20140526 import models
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException, ThrottlingException
from darabonba.exceptions import UnretryableException

from localcloud.client import LocalCloudError
from tests.localcloud.core.conftest import Echo, sdk
from tests.localcloud.running import RunningCloud


def _run(cloud: RunningCloud, name: str = "n", **changes: Any) -> str:
    request = models.RunInstancesRequest(region_id="cn-hangzhou", instance_name=name, **changes)
    return str(sdk(cloud).run_instances(request).body.instance_id_sets.instance_id_set[0])


def test_throttling_lasts_for_its_count_and_changes_nothing(cloud: RunningCloud, echo: Echo) -> None:
    cloud.admin.add_fault("ecs", "RunInstances", "throttle", count=2)

    for _ in range(2):
        with pytest.raises(ClientException) as caught:
            _run(cloud)
        assert (caught.value.status_code, caught.value.code) == (400, "Throttling.User")
    assert echo.effects == []
    assert _run(cloud) == "i-1"
    assert cloud.admin.faults() == []


def test_a_throttle_can_name_the_time_to_wait(cloud: RunningCloud) -> None:
    cloud.admin.add_fault("ecs", "RunInstances", "throttle", retry_after=200)

    with pytest.raises(ThrottlingException) as caught:
        _run(cloud)

    assert caught.value.retry_after == 200


def test_an_error_of_any_code_until_it_is_cleared(cloud: RunningCloud) -> None:
    cloud.admin.add_fault(
        "ecs", "*", "error", count=None, status=503, code="ServiceUnavailable", message="no"
    )

    for _ in range(3):
        with pytest.raises(ServerException, match="no"):
            _run(cloud)
    cloud.admin.clear_faults()
    assert _run(cloud) == "i-1"


def test_an_answer_that_is_not_the_clouds(cloud: RunningCloud, echo: Echo) -> None:
    cloud.admin.add_fault("ecs", "RunInstances", "error", status=502, body="<html>Bad Gateway</html>")

    with pytest.raises(UnretryableException):
        _run(cloud)

    assert echo.effects == []


def test_a_lost_reply_has_its_effect_and_the_token_finds_it_again(cloud: RunningCloud, echo: Echo) -> None:
    cloud.admin.add_fault("ecs", "RunInstances", "lost_reply")

    with pytest.raises(UnretryableException):
        _run(cloud, client_token="t")

    assert echo.effects == ["n"]
    assert _run(cloud, client_token="t") == "i-1"
    assert echo.effects == ["n"]
    assert [call["status"] for call in cloud.admin.calls("ecs", "RunInstances")] == [0, 200]


def test_latency_delays_the_answer(cloud: RunningCloud) -> None:
    cloud.admin.add_fault("ecs", "RunInstances", "latency", seconds=0.3)
    start = time.monotonic()

    _run(cloud)

    assert time.monotonic() - start >= 0.3


def test_a_hanging_call_never_answers_and_has_no_effect(cloud: RunningCloud, echo: Echo) -> None:
    cloud.admin.add_fault("ecs", "RunInstances", "hang")

    with pytest.raises(UnretryableException):
        sdk(cloud, read_timeout=300).run_instances(models.RunInstancesRequest(region_id="cn-hangzhou"))

    assert _run(cloud, "after") == "i-1"
    assert echo.effects == ["after"]


def test_a_fault_can_be_bound_to_parameters(cloud: RunningCloud) -> None:
    cloud.admin.add_fault("ecs", "RunInstances", "throttle", match={"InstanceName": "^master"})

    assert _run(cloud, "worker-1") == "i-1"
    with pytest.raises(ClientException, match="flow control"):
        _run(cloud, "master-1")


def test_faults_on_object_storage(cloud: RunningCloud) -> None:
    auth = oss2.AuthV4(cloud.access.access_key_id, cloud.access.access_key_secret)
    bucket = oss2.Bucket(auth, cloud.access.oss, "bucket", region="cn-hangzhou")
    bucket.create_bucket()
    cloud.admin.add_fault("oss", "PutObject", "lost_reply", match={"key": "^lost$"})
    cloud.admin.add_fault("oss", "GetObject", "error", status=500, code="InternalError")
    cloud.admin.add_fault("oss", "DeleteObject", "throttle")

    with pytest.raises(oss2.exceptions.RequestError):
        bucket.put_object("lost", b"x")
    with pytest.raises(oss2.exceptions.ServerError, match="InternalError"):
        bucket.get_object("lost")
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.delete_object("lost")
    assert (caught.value.status, caught.value.code) == (503, "QpsLimitExceeded")
    assert bucket.get_object("lost").read() == b"x"


def test_a_fault_that_makes_no_sense_is_refused(cloud: RunningCloud) -> None:
    with pytest.raises(LocalCloudError, match="effect"):
        cloud.admin.add_fault("ecs", "RunInstances", "explode")


def test_the_admin_endpoint_wants_its_token(cloud: RunningCloud) -> None:
    url = cloud.access.endpoints["admin"]

    assert requests.get(f"{url}/calls", timeout=10).status_code == 401
    wrong = {"Authorization": "Bearer wrong"}
    assert requests.post(f"{url}/shutdown", headers=wrong, timeout=10).status_code == 401
    assert (cloud.context.state_dir / "admin-token").stat().st_mode & 0o777 == 0o600
