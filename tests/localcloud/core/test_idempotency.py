"""Client tokens through the SDK."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.localcloud.core.conftest import Echo, sdk
from tests.localcloud.running import STRANGER, RunningCloud, running_cloud


def _run(cloud: RunningCloud, name: str, token: str, **changes: Any) -> Any:
    request = models.RunInstancesRequest(region_id="cn-hangzhou", instance_name=name, client_token=token)
    return sdk(cloud, **changes).run_instances(request).body


def test_a_repeated_token_gives_the_same_answer_once(cloud: RunningCloud, echo: Echo) -> None:
    first, second = _run(cloud, "n", "t"), _run(cloud, "n", "t")

    assert first.instance_id_sets.instance_id_set == second.instance_id_sets.instance_id_set
    assert first.request_id != second.request_id
    assert echo.effects == ["n"]


def test_a_token_with_other_parameters_is_refused(cloud: RunningCloud, echo: Echo) -> None:
    _run(cloud, "n", "t")

    with pytest.raises(ClientException) as caught:
        _run(cloud, "other", "t")

    assert (caught.value.status_code, caught.value.code) == (400, "IdempotentParameterMismatch")
    assert echo.effects == ["n"]


def test_tokens_of_accounts_do_not_meet(cloud: RunningCloud, echo: Echo) -> None:
    keys = {"access_key_id": STRANGER.access_key_id, "access_key_secret": STRANGER.access_key_secret}
    _run(cloud, "n", "t")

    _run(cloud, "n", "t", **keys)

    assert echo.effects == ["n", "n"]


def test_a_token_whose_call_still_runs_is_refused(cloud: RunningCloud, echo: Echo) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(_run, cloud, "slow", "t")
        assert echo.entered.wait(5)
        with pytest.raises(ClientException) as caught:
            _run(cloud, "slow", "t")
        echo.release.set()
        first = running.result(10)

    assert caught.value.code == "LastTokenProcessing"
    assert _run(cloud, "slow", "t").instance_id_sets.instance_id_set == first.instance_id_sets.instance_id_set
    assert echo.effects == ["slow"]


def test_a_failed_call_does_not_use_its_token_up(cloud: RunningCloud, echo: Echo) -> None:
    request = models.RunInstancesRequest(region_id="nowhere", client_token="t")
    with pytest.raises(ClientException, match="RegionId"):
        sdk(cloud).run_instances(request)

    _run(cloud, "n", "t")

    assert echo.effects == ["n"]


def test_a_token_of_more_than_64_characters_is_refused(cloud: RunningCloud) -> None:
    with pytest.raises(ClientException, match="64 ASCII characters"):
        _run(cloud, "n", "t" * 65)


def test_tokens_outlive_the_process(tmp_path: Path) -> None:
    effects: list[list[str]] = []

    def build(context: Any) -> list[Echo]:
        made = Echo(context)
        effects.append(made.effects)
        return [made]

    for _ in range(2):
        with running_cloud(tmp_path / "cloud", build) as cloud:
            body = _run(cloud, "n", "t")
            assert body.instance_id_sets.instance_id_set == ["i-1"]

    assert effects == [["n"], []]
