"""The cloud-side checks of a create, and how long they have patience."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.validation import PATIENCE, Validation
from tests.activities.conftest import Run
from tests.world.cloud import MemoryCloud
from tests.world.guide import guide_config
from wdrip import names
from wdrip.clients.errors import NotFoundError
from wdrip.errors import InvalidInput, PermanentError, TemporaryError, UnreachableError
from wdrip.models.cluster import CreateRequest

REQUEST = CreateRequest(config=guide_config("c1"), provider="alibaba.test")


def raising(error: Exception) -> Callable[..., Any]:
    """A method of a client that fails."""

    def method(*_: Any) -> Any:
        raise error

    return method


def waited(duration: timedelta) -> Run:
    """Runs an activity that was asked for that long ago."""
    environment = ActivityEnvironment()
    scheduled = datetime.now(UTC) - duration
    environment.info = dataclasses.replace(environment.info, scheduled_time=scheduled)
    return environment.run


def test_the_guides_configuration_is_accepted_with_what_will_run(cloud: MemoryCloud, run: Run) -> None:
    found = run(Validation(cloud.clients()).validate_cluster, REQUEST)
    assert found.package == "kubernetes-v1.20.2-linux-amd64"
    assert found.asked.kubernetes == "1.20.4-aliyun.1"
    assert found.actual.kubernetes == "v1.20.2"
    assert any("docker 19.03.5 was asked for" in note for note in found.notes)


def test_an_unknown_region_of_the_provider_names_the_field(cloud: MemoryCloud, run: Run) -> None:
    cloud.machines.zones = raising(NotFoundError("InvalidRegionId.NotFound"))  # type: ignore[method-assign]
    with pytest.raises(InvalidInput) as refused:
        run(Validation(cloud.clients()).validate_cluster, REQUEST)
    assert refused.value.field == "iaas.region"


def test_a_refused_request_leaves_no_object(cloud: MemoryCloud, run: Run) -> None:
    cloud.machines.images.clear()
    before = dict(cloud.oss.objects)
    with pytest.raises(InvalidInput):
        run(Validation(cloud.clients()).validate_cluster, REQUEST)
    assert cloud.oss.objects == before


def test_a_cloud_that_cannot_be_reached_is_tried_again_at_first(cloud: MemoryCloud) -> None:
    cloud.machines.zones = raising(UnreachableError("nobody there"))  # type: ignore[method-assign]
    with pytest.raises(UnreachableError):
        waited(PATIENCE / 2)(Validation(cloud.clients()).validate_cluster, REQUEST)


def test_a_cloud_that_cannot_be_reached_is_bad_input_after_some_seconds(cloud: MemoryCloud) -> None:
    cloud.machines.zones = raising(UnreachableError("nobody there"))  # type: ignore[method-assign]
    with pytest.raises(InvalidInput, match="nobody there; check the network") as refused:
        waited(PATIENCE)(Validation(cloud.clients()).validate_cluster, REQUEST)
    assert refused.value.field == "endpoints"


def test_a_busy_cloud_is_never_bad_input(cloud: MemoryCloud) -> None:
    cloud.machines.zones = raising(TemporaryError("Throttling"))  # type: ignore[method-assign]
    with pytest.raises(TemporaryError):
        waited(PATIENCE * 10)(Validation(cloud.clients()).validate_cluster, REQUEST)


def test_a_damaged_package_index_is_told_with_the_remedy(cloud: MemoryCloud, run: Run) -> None:
    cloud.oss.objects[names.PACKAGE_INDEX_KEY] = b"{"
    with pytest.raises(PermanentError, match=r"index.json is damaged; upload a package anew: wdrip build"):
        run(Validation(cloud.clients()).validate_cluster, REQUEST)
