"""What the cloud does not offer is refused, naming what it does."""

from dataclasses import dataclass

import pytest

from tests.world.guide import guide_config
from wdrip.errors import InvalidInput
from wdrip.planning.offers import require_image, require_instance_type, require_region, require_zones

CONFIG = guide_config("c1")
TYPES = frozenset({"ecs.c6.xlarge", "ecs.c6.large", "ecs.g6.large"})
DISKS = frozenset({"cloud_essd", "cloud_efficiency"})


@dataclass(frozen=True)
class Zone:
    zone_id: str
    instance_types: frozenset[str] = TYPES
    disk_types: frozenset[str] = DISKS


@dataclass(frozen=True)
class Image:
    status: str = "Available"
    size: int = 20


def test_what_is_offered_passes() -> None:
    require_region(CONFIG, "cn-hangzhou")
    require_zones(CONFIG, [Zone("cn-hangzhou-h"), Zone("cn-hangzhou-k")])
    require_image(CONFIG, Image())
    require_instance_type(CONFIG, object())


def test_a_zone_that_tells_nothing_of_its_stock_passes() -> None:
    require_zones(CONFIG, [Zone("cn-hangzhou-k", frozenset(), frozenset())])


def test_another_region_is_refused() -> None:
    with pytest.raises(
        InvalidInput, match=r"^iaas\.region: cn-hangzhou is not .* which is cn-beijing; write cn-b"
    ):
        require_region(CONFIG, "cn-beijing")


@pytest.mark.parametrize(
    ("zones", "line"),
    [
        (
            [Zone("cn-hangzhou-h")],
            "iaas.zoneid: region cn-hangzhou has no zone cn-hangzhou-k; choose one of cn-hang",
        ),
        (
            [Zone("cn-hangzhou-k", frozenset({"ecs.c6.large"}))],
            "iaas.instance: zone cn-hangzhou-k does not sell instance type ecs.c6.xlarge; choose one of ecs.",
        ),
        (
            [Zone("cn-hangzhou-k", TYPES, frozenset({"cloud_ssd"}))],
            "iaas.disk.type: zone cn-hangzhou-k does not sell disk type cloud_essd; choose one of cloud_ssd",
        ),
    ],
)
def test_what_the_zone_does_not_have_is_refused(zones: list[Zone], line: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        require_zones(CONFIG, zones)
    assert str(refused.value).startswith(line)


def test_later_zones_are_checked_too() -> None:
    iaas = CONFIG.iaas.model_copy(update={"zones": ["cn-hangzhou-x"]})
    config = CONFIG.model_copy(update={"iaas": iaas})
    with pytest.raises(InvalidInput, match=r"^iaas\.zones: region cn-hangzhou has no zone cn-hangzhou-x"):
        require_zones(config, [Zone("cn-hangzhou-k")])


def test_a_long_list_of_alternatives_is_cut() -> None:
    sold = frozenset(f"ecs.c6.{number}xlarge" for number in range(2, 40))
    with pytest.raises(InvalidInput) as refused:
        require_zones(CONFIG, [Zone("cn-hangzhou-k", sold)])
    assert refused.value.remedy.count("ecs.") == 8
    assert refused.value.remedy.endswith(", …")


@pytest.mark.parametrize(
    ("image", "line"),
    [
        (
            None,
            "iaas.image: region cn-hangzhou has no image centos_7_9_x64_20G_alibase_20210623.vhd; choose one",
        ),
        (Image(status="Creating"), "iaas.image: image centos_7_9_x64_20G_alibase_20210623.vhd is Creating"),
        (
            Image(size=60),
            "iaas.disk.size: 40G is too small for image centos_7_9_x64_20G_alibase_20210623.vhd; ",
        ),
    ],
)
def test_an_image_that_will_not_do_is_refused(image: Image | None, line: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        require_image(CONFIG, image)
    assert str(refused.value).startswith(line)


def test_an_unknown_instance_type_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^iaas\.instance: there is no instance type ecs\.c6\.xlarge"):
        require_instance_type(CONFIG, None)
