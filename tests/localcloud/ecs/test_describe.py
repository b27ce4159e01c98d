"""DescribeInstances and its relatives: filters, pages, tags, catalogue."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models

from tests.localcloud.ecs.cloud import IMAGE, REGION, TYPE, ZONE, Ecs, refused


def _tag(key: str, value: str | None = None) -> Any:
    return models.DescribeInstancesRequestTag(key=key, value=value)


def _ids(found: list[Any]) -> set[str]:
    return {each.instance_id for each in found}


def _pages(ecs: Ecs, **more: Any) -> list[list[str]]:
    pages, token = [], None
    while True:
        request = models.DescribeInstancesRequest(region_id=REGION, next_token=token, **more)
        body = ecs.client.describe_instances(request).body
        pages.append([each.instance_id for each in body.instances.instance])
        token = body.next_token
        if not token:
            return pages


def test_filters(ecs: Ecs) -> None:
    first = ecs.running(
        instance_name="alpha",
        private_ip_address="192.168.0.7",
        tag=[models.RunInstancesRequestTag(key="role", value="master")],
    )
    second = ecs.running(
        instance_name="beta", tag=[models.RunInstancesRequestTag(key="role", value="worker")]
    )
    ecs.stop(second)
    assert _ids(ecs.find(tag=[_tag("role", "master")])) == {first}
    assert _ids(ecs.find(tag=[_tag("role")])) == {first, second}
    assert _ids(ecs.find(tag=[_tag("role", "master"), _tag("other")])) == set()
    assert _ids(ecs.find(status="Stopped")) == {second}
    assert _ids(ecs.find(instance_name="al*")) == {first}
    assert _ids(ecs.find(instance_name="beta")) == {second}
    assert _ids(ecs.find(private_ip_addresses=json.dumps(["192.168.0.7"]))) == {first}
    assert _ids(ecs.find(vpc_id=ecs.place.vpc_id, zone_id=ZONE)) == {first, second}
    assert _ids(ecs.find(vpc_id="vpc-other")) == set()
    assert _ids(ecs.find(v_switch_id=ecs.place.vswitch_id)) == {first, second}
    assert _ids(ecs.find(security_group_id="sg-other")) == set()


def test_pages_hold_everything_once_whatever_goes_in_between(ecs: Ecs) -> None:
    ids = ecs.run(amount=25)
    for each in ids:
        ecs.await_status(each, "Running")
    pages = _pages(ecs, max_results=10)
    assert [len(page) for page in pages] == [10, 10, 5]
    assert sorted(chain.from_iterable(pages)) == sorted(ids)
    request = models.DescribeInstancesRequest(region_id=REGION, max_results=10)
    first = ecs.client.describe_instances(request).body
    ecs.delete(first.instances.instance[0].instance_id)
    request.next_token = first.next_token
    second = ecs.client.describe_instances(request).body
    assert [each.instance_id for each in second.instances.instance] == pages[1]


def test_pages_by_number(ecs: Ecs) -> None:
    ids = ecs.run(amount=5)
    request = models.DescribeInstancesRequest(region_id=REGION, page_number=2, page_size=3)
    body = ecs.client.describe_instances(request).body
    assert (body.total_count, body.page_number, body.page_size) == (5, 2, 3)
    # Newest first, so the second page holds the first two.
    assert [each.instance_id for each in body.instances.instance] == [ids[1], ids[0]]


def test_bad_lists_and_tokens_are_refused(idle_ecs: Ecs) -> None:
    with refused("InvalidParameter", 400):
        idle_ecs.find(instance_ids="i-1")
    with refused("InvalidParameter", 400):
        idle_ecs.find(instance_ids=json.dumps([f"i-{number}" for number in range(101)]))
    with refused("InvalidParameter", 400):
        idle_ecs.find(next_token="invented")
    with refused("InvalidParameter", 400):
        idle_ecs.find(status="Sleeping")


def test_tags_are_put_replaced_listed_and_taken(ecs: Ecs) -> None:
    instance_id = ecs.run()[0]

    def put(key: str, value: str) -> None:
        tag = models.TagResourcesRequestTag(key=key, value=value)
        ecs.client.tag_resources(
            models.TagResourcesRequest(
                region_id=REGION, resource_type="instance", resource_id=[instance_id], tag=[tag]
            )
        )

    def listed() -> dict[str, str]:
        request = models.ListTagResourcesRequest(
            region_id=REGION, resource_type="instance", resource_id=[instance_id]
        )
        rows = ecs.client.list_tag_resources(request).body.tag_resources.tag_resource
        return {row.tag_key: row.tag_value for row in rows}

    put("a", "1")
    put("b", "2")
    put("a", "3")
    assert listed() == {"a": "3", "b": "2"}
    ecs.client.untag_resources(
        models.UntagResourcesRequest(
            region_id=REGION, resource_type="instance", resource_id=[instance_id], tag_key=["a"]
        )
    )
    assert listed() == {"b": "2"}
    with refused("InvalidTagKey.Malformed", 400):
        put("acs:x", "1")


def test_tagging_what_does_not_exist_is_refused(idle_ecs: Ecs) -> None:
    request = models.TagResourcesRequest(
        region_id=REGION,
        resource_type="instance",
        resource_id=["i-bp1none"],
        tag=[models.TagResourcesRequestTag(key="a", value="1")],
    )
    with refused("InvalidResourceId.NotFound", 404):
        idle_ecs.client.tag_resources(request)


def test_the_catalogue_has_what_the_guide_asks_for(idle_ecs: Ecs) -> None:
    client = idle_ecs.client
    zones = client.describe_zones(models.DescribeZonesRequest(region_id=REGION)).body.zones.zone
    zone = next(each for each in zones if each.zone_id == "cn-hangzhou-k")
    assert TYPE in zone.available_instance_types.instance_types
    assert "cloud_essd" in zone.available_disk_categories.disk_categories
    request = models.DescribeImagesRequest(region_id=REGION, image_id=IMAGE)
    assert [each.image_id for each in client.describe_images(request).body.images.image] == [IMAGE]
    asked = models.DescribeInstanceTypesRequest(instance_types=[TYPE])
    kind = client.describe_instance_types(asked).body.instance_types.instance_type[0]
    assert (kind.cpu_core_count, kind.memory_size) == (4, 8.0)


def test_instance_types_by_size(idle_ecs: Ecs) -> None:
    request = models.DescribeInstanceTypesRequest(
        minimum_cpu_core_count=4, maximum_cpu_core_count=4, minimum_memory_size=16
    )
    found = idle_ecs.client.describe_instance_types(request).body.instance_types.instance_type
    assert {each.instance_type_id for each in found} == {"ecs.g6.xlarge", "ecs.g7.xlarge"}


def test_stock_is_told_by_zone(idle_ecs: Ecs) -> None:
    request = models.DescribeAvailableResourceRequest(
        region_id=REGION, destination_resource="InstanceType", instance_type=TYPE, zone_id=ZONE
    )
    zone = idle_ecs.client.describe_available_resource(request).body.available_zones.available_zone[0]
    supported = zone.available_resources.available_resource[0].supported_resources.supported_resource
    assert [(each.value, each.status_category) for each in supported] == [(TYPE, "WithStock")]


@pytest.mark.parametrize("action", ["describe_zones", "describe_images", "describe_instances"])
def test_an_unknown_region_is_refused(idle_ecs: Ecs, action: str) -> None:
    name = "".join(part.capitalize() for part in action.split("_")) + "Request"
    with refused("InvalidRegionId.NotFound", 404):
        getattr(idle_ecs.client, action)(getattr(models, name)(region_id="mars-1"))
