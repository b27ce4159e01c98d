"""The RPC gateway through the real SDK and over raw HTTP."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from alibabacloud_ecs20140526 import models
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException

from tests.localcloud.core.conftest import Echo, sdk
from tests.localcloud.core.raw import acs3_headers, error_of, post, signed_query
from tests.localcloud.running import STRANGER, RunningCloud


def _describe(**changes: Any) -> models.DescribeInstancesRequest:
    return models.DescribeInstancesRequest(region_id="cn-hangzhou", **changes)


def test_the_sdk_is_served(cloud: RunningCloud) -> None:
    tags = [models.DescribeInstancesRequestTag(key=f"k{n}", value="v w+/~ü") for n in range(11)]

    body = sdk(cloud).describe_instances(_describe(instance_name="a b+c*", max_results=50, tag=tags)).body

    assert (body.next_token, body.total_count) == ("a b+c*", 50)
    assert body.request_id


def test_the_asynchronous_sdk_is_served(cloud: RunningCloud) -> None:
    body = asyncio.run(sdk(cloud).describe_instances_async(_describe(instance_name="a:b c"))).body

    assert body.next_token == "a:b c"


def test_each_account_is_known_by_its_key(cloud: RunningCloud) -> None:
    answer = post(cloud, {"X": "1"}, acs3_headers(cloud, {"X": "1"}))
    other = sdk(
        cloud, access_key_id=STRANGER.access_key_id, access_key_secret=STRANGER.access_key_secret
    ).describe_instances(_describe())

    assert answer.json()["RegionId"] == cloud.access.account_id
    assert other.status_code == 200


def test_thirty_two_kilobytes_of_user_data_fit_into_the_query(cloud: RunningCloud, echo: Echo) -> None:
    request = models.RunInstancesRequest(region_id="cn-hangzhou", instance_name="n", user_data="+" * 43_692)

    sdk(cloud).run_instances(request)

    assert echo.effects == ["n"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"access_key_id": "LTAInobody"}, 404, "InvalidAccessKeyId.NotFound"),
        ({"access_key_secret": "wrong"}, 400, "SignatureDoesNotMatch"),
        ({"security_token": "token"}, 400, "InvalidSecurityToken.MismatchWithAccessKey"),
    ],
)
def test_wrong_keys_through_the_sdk(
    cloud: RunningCloud, changes: dict[str, str], status: int, code: str
) -> None:
    with pytest.raises(ClientException) as caught:
        sdk(cloud, **changes).describe_instances(_describe())

    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert caught.value.request_id


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"x_acs_date": "2020-01-01T00:00:00Z"}, "InvalidTimeStamp.Expired"),
        ({"x_acs_date": "yesterday"}, "InvalidTimeStamp.Format"),
        ({"x_acs_version": "2013-01-10"}, "InvalidVersion"),
        ({"x_acs_signature_nonce": ""}, "IncompleteSignature"),
        ({"x_acs_content_sha256": hashlib.sha256(b"other").hexdigest()}, "SignatureDoesNotMatch"),
    ],
)
def test_signed_headers_that_do_not_hold(cloud: RunningCloud, changes: dict[str, str], code: str) -> None:
    assert error_of(post(cloud, {}, acs3_headers(cloud, {}, **changes))) == (400, code)


def test_a_clock_is_refused_beyond_fifteen_minutes_only(cloud: RunningCloud) -> None:
    def at(minutes: int) -> requests.Response:
        date = (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return post(cloud, {}, acs3_headers(cloud, {}, x_acs_date=date))

    assert [at(minutes).status_code for minutes in (-14, 14)] == [200, 200]
    for minutes in (-16, 16):
        assert error_of(at(minutes)) == (400, "InvalidTimeStamp.Expired")
        assert at(minutes).json()["Message"] == "Specified time stamp or date value is expired."


def test_a_changed_query_header_or_body_breaks_the_signature(cloud: RunningCloud) -> None:
    params = {"InstanceName": "a"}
    headers = acs3_headers(cloud, params)
    form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}

    for answer in (
        post(cloud, {"InstanceName": "b"}, headers),
        post(cloud, params, {**headers, "x-acs-action": "RunInstances"}),
        post(cloud, params, form, b"InstanceName=b"),
    ):
        assert error_of(answer) == (400, "SignatureDoesNotMatch")
    assert "server string to sign is:ACS3-HMAC-SHA256\n" in post(cloud, {}, headers).json()["Message"]


def test_a_nonce_is_good_once(cloud: RunningCloud) -> None:
    headers = acs3_headers(cloud, {})

    assert post(cloud, {}, headers).status_code == 200
    assert error_of(post(cloud, {}, headers)) == (400, "SignatureNonceUsed")


@pytest.mark.parametrize("algorithm", ["ACS3-HMAC-SM3", "ACS3-RSA-SHA256", "Bearer"])
def test_other_algorithms_are_refused(cloud: RunningCloud, algorithm: str) -> None:
    headers = acs3_headers(cloud, {})
    headers["Authorization"] = headers["Authorization"].replace("ACS3-HMAC-SHA256", algorithm)

    assert error_of(post(cloud, {}, headers)) == (400, "InvalidSignatureMethod")


def test_headers_that_steer_the_call_must_be_signed(cloud: RunningCloud) -> None:
    headers = acs3_headers(cloud, {}, x_acs_action="")
    headers["x-acs-action"] = "RunInstances"

    assert error_of(post(cloud, {}, headers)) == (400, "IncompleteSignature")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_older_signature_is_verified(cloud: RunningCloud, method: str) -> None:
    url = cloud.access.endpoints["ecs"] + "/"
    good = signed_query(cloud, method, InstanceName="a b*~/ü")

    answer = (
        requests.get(url, params=good, timeout=10)
        if method == "GET"
        else requests.post(url, data=good, timeout=10)
    )

    assert answer.json()["NextToken"] == "a b*~/ü"
    spoiled = {**good, "InstanceName": "b", "SignatureNonce": "n"}
    assert error_of(requests.get(url, params=spoiled, timeout=10)) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"Timestamp": "2020-01-01T00:00:00Z"}, 400, "InvalidTimeStamp.Expired"),
        ({"SignatureMethod": "HMAC-SHA256"}, 400, "InvalidSignatureMethod"),
        ({"SignatureVersion": "2.0"}, 400, "IncompleteSignature"),
        ({"SignatureNonce": ""}, 400, "MissingSignatureNonce"),
        ({"AccessKeyId": "LTAInobody"}, 404, "InvalidAccessKeyId.NotFound"),
        ({"AccessKeyId": ""}, 400, "MissingAccessKeyId"),
        ({"Version": ""}, 400, "MissingVersion"),
        ({"Version": "1999-01-01"}, 400, "InvalidVersion"),
        ({"Action": ""}, 400, "MissingAction"),
        ({"Action": "MakeCoffee"}, 404, "InvalidAction.NotFound"),
        ({"Format": "XML"}, 400, "InvalidFormat"),
    ],
)
def test_parameters_of_the_older_signature_that_do_not_hold(
    cloud: RunningCloud, changes: dict[str, str], status: int, code: str
) -> None:
    params = signed_query(cloud, **changes)

    assert error_of(requests.get(cloud.access.endpoints["ecs"], params=params, timeout=10)) == (status, code)


def test_an_unsigned_call_is_refused(cloud: RunningCloud) -> None:
    assert error_of(post(cloud, {"Action": "DescribeInstances"}, {})) == (400, "MissingAccessKeyId")


def test_a_bug_in_a_service_is_an_internal_error_without_its_text(cloud: RunningCloud) -> None:
    with pytest.raises(ServerException) as caught:
        sdk(cloud).stop_instance(models.StopInstanceRequest(instance_id="i-secret"))

    assert (caught.value.status_code, caught.value.code) == (500, "InternalError")
    assert "i-secret" not in str(caught.value)


def test_a_services_refusal_has_its_code(cloud: RunningCloud) -> None:
    with pytest.raises(ClientException) as caught:
        sdk(cloud).run_instances(models.RunInstancesRequest(region_id="nowhere"))

    assert (caught.value.status_code, caught.value.code) == (404, "InvalidRegionId.NotFound")


def test_calls_are_recorded_without_user_data(cloud: RunningCloud) -> None:
    sdk(cloud).run_instances(
        models.RunInstancesRequest(
            region_id="cn-hangzhou", instance_name="n", client_token="t-1", user_data="c2VjcmV0"
        )
    )

    recorded = cloud.admin.calls("ecs", "RunInstances")

    assert recorded == [
        {
            "service": "ecs",
            "action": "RunInstances",
            "params": {"ClientToken": "t-1", "InstanceName": "n", "RegionId": "cn-hangzhou"},
            "status": 200,
            "code": "",
        }
    ]
    assert "c2VjcmV0" not in json.dumps(cloud.admin.calls())
