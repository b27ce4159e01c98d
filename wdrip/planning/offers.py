"""Whether the cloud offers what a configuration asks for: zone, instance type, disk type, image."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Protocol

from wdrip.errors import InvalidInput
from wdrip.models.cluster_config import ClusterConfig

_LISTED = 8
"""How many alternatives a message names."""


class ZoneOffer(Protocol):
    """What a zone of the region sells."""

    @property
    def zone_id(self) -> str:
        """E.g. `cn-hangzhou-k`."""

    @property
    def instance_types(self) -> frozenset[str]:
        """Instance types; empty when the cloud does not tell."""

    @property
    def disk_types(self) -> frozenset[str]:
        """Disk categories; empty when the cloud does not tell."""


class ImageOffer(Protocol):
    """A machine image."""

    @property
    def status(self) -> str:
        """`Available` when machines can be made from it."""

    @property
    def size(self) -> int:
        """GiB."""


def require_region(config: ClusterConfig, provider_region: str) -> None:
    """Raise InvalidInput unless the cluster is asked for in the provider's own region."""
    if config.iaas.region != provider_region:
        raise InvalidInput(
            "iaas.region",
            f"{config.iaas.region} is not the region of the provider, which is {provider_region}",
            f"write {provider_region}, or choose a context whose provider has the other region",
        )


def require_zones(config: ClusterConfig, zones: Sequence[ZoneOffer]) -> None:
    """Raise InvalidInput unless every zone exists and sells the instance type and the disk type."""
    offers = {zone.zone_id: zone for zone in zones}
    iaas = config.iaas
    for zone in iaas.all_zones:
        field = "iaas.zoneid" if zone == iaas.zoneid else "iaas.zones"
        if zone not in offers:
            remedy = f"choose one of {_some(zone, offers)}"
            raise InvalidInput(field, f"region {iaas.region} has no zone {zone}", remedy)
        _require_sold("iaas.instance", "instance type", iaas.instance, zone, offers[zone].instance_types)
        _require_sold("iaas.disk.type", "disk type", iaas.disk.type, zone, offers[zone].disk_types)


def require_image(config: ClusterConfig, image: ImageOffer | None) -> None:
    """Raise InvalidInput unless the image (None: unknown to the region) can make a machine of this disk."""
    iaas = config.iaas
    if image is None:
        remedy = "choose one that `aliyun ecs DescribeImages` lists"
        raise InvalidInput("iaas.image", f"region {iaas.region} has no image {iaas.image}", remedy)
    if image.status and image.status != "Available":
        raise InvalidInput("iaas.image", f"image {iaas.image} is {image.status}", "choose an available image")
    if iaas.disk.gigabytes < image.size:
        problem = f"{iaas.disk.size} is too small for image {iaas.image}"
        raise InvalidInput("iaas.disk.size", problem, f"choose {image.size}G or more")


def require_instance_type(config: ClusterConfig, found: object | None) -> None:
    """Raise InvalidInput when ECS knows of no such instance type (`found` is None)."""
    if found is None:
        raise InvalidInput(
            "iaas.instance",
            f"there is no instance type {config.iaas.instance}",
            "choose one that `aliyun ecs DescribeInstanceTypes` lists",
        )


def _require_sold(field: str, what: str, wanted: str, zone: str, sold: frozenset[str]) -> None:
    if sold and wanted not in sold:
        raise InvalidInput(
            field, f"zone {zone} does not sell {what} {wanted}", f"choose one of {_some(wanted, sold)}"
        )


def _some(wanted: str, there: Iterable[str]) -> str:
    """The alternatives most like `wanted`, or the first ones."""
    known = sorted(there)
    near = get_close_matches(wanted, known, n=_LISTED, cutoff=0.5) or known[:_LISTED]
    return ", ".join(near) + (", …" if len(near) < len(known) else "")
