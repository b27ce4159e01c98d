"""Actions that say what the cloud offers: regions, zones, images, instance types, what is in stock."""

from __future__ import annotations

from collections import Counter
from typing import Any

from localcloud.core.config import Image, InstanceType
from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest
from localcloud.core.rpc_service import action
from localcloud.ecs.instances import Instances
from localcloud.ecs.launch import region_of
from localcloud.ecs.paging import page_of


class CatalogueActions:
    """What the configuration holds, in the shapes of the API."""

    context: Context
    instances: Instances

    @action("DescribeRegions")
    async def describe_regions(self, _: RpcRequest) -> dict[str, Any]:
        """The regions."""
        regions = [
            {
                "RegionId": each.id,
                "LocalName": each.id,
                "RegionEndpoint": f"ecs.{each.id}.aliyuncs.com",
                "Status": "available",
            }
            for each in self.context.config.regions
        ]
        return {"Regions": {"Region": regions}}

    @action("DescribeZones")
    async def describe_zones(self, request: RpcRequest) -> dict[str, Any]:
        """The zones of a region and what each of them sells."""
        config = self.context.config
        region = config.region(region_of(request, config))
        types = {"InstanceTypes": [each.id for each in config.instance_types]}
        categories = {"DiskCategories": list(config.disk_categories)}
        zones = [
            {
                "ZoneId": zone,
                "LocalName": zone,
                "ZoneType": "AvailabilityZone",
                "AvailableInstanceTypes": types,
                "AvailableDiskCategories": categories,
                "AvailableResourceCreation": {"ResourceTypes": ["Instance", "Disk", "VSwitch"]},
            }
            for zone in (region.zones if region else ())
        ]
        return {"Zones": {"Zone": zones}}

    @action("DescribeImages")
    async def describe_images(self, request: RpcRequest) -> dict[str, Any]:
        """Images by id (several with commas), name or family."""
        region_of(request, self.context.config)
        ids = [each for each in request.string("ImageId").split(",") if each]
        family, name = request.string("ImageFamily"), request.string("ImageName")
        found = [
            _image(each)
            for each in self.context.config.images
            if (not ids or each.id in ids) and family in ("", each.family) and name in ("", each.id)
        ]
        page = page_of(found, request, "ImageId")
        return {"Images": {"Image": page.records}, "RegionId": request.string("RegionId"), **page.fields}

    @action("DescribeInstanceTypes")
    async def describe_instance_types(self, request: RpcRequest) -> dict[str, Any]:
        """Instance types by name, family, least and most cores and memory (GiB)."""
        wanted, family = request.strings("InstanceTypes", maximum=10), request.string("InstanceTypeFamily")
        architecture = request.string("CpuArchitecture", choices=("X86", "ARM"))
        cores = (request.integer("MinimumCpuCoreCount"), request.integer("MaximumCpuCoreCount", 10**6))
        memory = (_gib(request, "MinimumMemorySize", 0), _gib(request, "MaximumMemorySize", 10**6))
        found = [
            _instance_type(each)
            for each in self.context.config.instance_types
            if (not wanted or each.id in wanted)
            and family in ("", each.family)
            and architecture in ("", each.architecture)
            and cores[0] <= each.cores <= cores[1]
            and memory[0] <= each.memory_gib <= memory[1]
        ]
        page = page_of(found, request, "InstanceTypeId", least=1, most=1600)
        every = "MaxResults" not in request.params and "NextToken" not in request.params
        # Without MaxResults the API gives up to 1600 types at once.
        records = found if every else page.records
        return {
            "InstanceTypes": {"InstanceType": records},
            "NextToken": "" if every else page.fields["NextToken"],
        }

    @action("DescribeAvailableResource")
    async def describe_available_resource(self, request: RpcRequest) -> dict[str, Any]:
        """What each zone has of one kind of resource, and whether it is in stock."""
        config = self.context.config
        region = config.region(region_of(request, config))
        destination = request.string(
            "DestinationResource", required=True, choices=("Zone", "InstanceType", "SystemDisk")
        )
        type_id, zone_id = request.string("InstanceType"), request.string("ZoneId")
        if destination == "SystemDisk" and not type_id:
            raise ApiError(
                400, "MissingParameter", "InstanceType is mandatory for DestinationResource SystemDisk."
            )
        zones = [each for each in (region.zones if region else ()) if zone_id in ("", each)]
        described = [self._zone(zone, destination, type_id) for zone in zones]
        return {"AvailableZones": {"AvailableZone": described}}

    def _zone(self, zone: str, destination: str, type_id: str) -> dict[str, Any]:
        stock = self._in_stock(zone)
        values = list(stock) if destination == "InstanceType" else list(self.context.config.disk_categories)
        if destination == "InstanceType" and type_id:
            values = [each for each in values if each == type_id]
        if destination == "Zone":
            values = [zone]
        supported = [_availability(each, stock.get(each, True)) for each in values]
        resources = [{"Type": destination, "SupportedResources": {"SupportedResource": supported}}]
        usable = any(stock.values()) if not type_id else stock.get(type_id, False)
        return {
            **_availability(zone, usable),
            "ZoneId": zone,
            "AvailableResources": {"AvailableResource": resources},
        }

    def _in_stock(self, zone: str) -> dict[str, bool]:
        config = self.context.config
        used = Counter(
            each["InstanceType"] for each in self.instances.records.all() if each["ZoneId"] == zone
        )
        limits = config.limits.stock
        return {
            each.id: each.id not in limits or used[each.id] < limits[each.id]
            for each in config.instance_types
        }


def _availability(value: str, available: bool) -> dict[str, Any]:
    return {
        "Value": value,
        "Status": "Available" if available else "SoldOut",
        "StatusCategory": "WithStock" if available else "WithoutStock",
    }


def _gib(request: RpcRequest, name: str, default: float) -> float:
    text = request.string(name, pattern=r"[0-9]+(\.[0-9]+)?")
    return float(text) if text else default


def _image(image: Image) -> dict[str, Any]:
    return {
        "ImageId": image.id,
        "ImageName": image.id,
        "ImageFamily": image.family,
        "ImageOwnerAlias": "system",
        "OSName": image.os_name,
        "OSNameEn": image.os_name,
        "OSType": "linux",
        "Architecture": image.architecture,
        "Size": image.size_gib,
        "Status": "Available",
        "Usage": "none",
        "IsSupportCloudinit": True,
        "IsSupportIoOptimized": True,
        "CreationTime": "2021-06-23T00:00:00Z",
        "DiskDeviceMappings": {"DiskDeviceMapping": []},
        "Tags": {"Tag": []},
    }


def _instance_type(kind: InstanceType) -> dict[str, Any]:
    return {
        "InstanceTypeId": kind.id,
        "InstanceTypeFamily": kind.family,
        "InstanceCategory": "Compute-optimized" if kind.family.startswith("ecs.c") else "General-purpose",
        "CpuArchitecture": kind.architecture,
        "CpuCoreCount": kind.cores,
        "MemorySize": kind.memory_gib,
        "GPUAmount": 0,
        "LocalStorageCategory": "",
    }
