"""Instances as DescribeInstances answers them, and which of them a call asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.core.config import Config
from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest, invalid
from localcloud.ecs.launch import tags_of
from localcloud.network.records import Document

_MAX_IDS = 100
_STATUSES = ("Pending", "Starting", "Running", "Stopping", "Stopped")


def described(instance: Document, address: str, mac: str, config: Config) -> dict[str, Any]:
    """One element of `Instances.Instance`."""
    kind = next(each for each in config.instance_types if each.id == instance["InstanceType"])
    image = next((each for each in config.images if each.id == instance["ImageId"]), None)
    shown = (
        *("InstanceId", "InstanceName", "HostName", "Description", "RegionId", "ZoneId", "ImageId"),
        *("InstanceType", "Status", "CreationTime", "StartTime", "SerialNumber", "DeletionProtection"),
    )
    card = {
        "MacAddress": mac,
        "PrimaryIpAddress": address,
        "Type": "Primary",
        "PrivateIpSets": {"PrivateIpSet": [{"PrivateIpAddress": address, "Primary": True}]},
    }
    return {
        **{name: instance[name] for name in shown},
        "Cpu": kind.cores,
        "Memory": int(kind.memory_gib * 1024),
        "InstanceTypeFamily": kind.family,
        "OSName": image.os_name if image else "",
        "OSNameEn": image.os_name if image else "",
        "OSType": "linux",
        "IoOptimized": True,
        "InstanceChargeType": "PostPaid",
        "InstanceNetworkType": "vpc",
        "InternetChargeType": "PayByTraffic",
        "InternetMaxBandwidthIn": 0,
        "InternetMaxBandwidthOut": 0,
        "StoppedMode": instance.get("StoppedMode", "Not-applicable")
        if instance["Status"] == "Stopped"
        else "Not-applicable",
        "Recyclable": False,
        "DeviceAvailable": True,
        "CreditSpecification": "",
        "SecurityGroupIds": {"SecurityGroupId": instance["SecurityGroupIds"]},
        "VpcAttributes": {
            "VpcId": instance["VpcId"],
            "VSwitchId": instance["VSwitchId"],
            "NatIpAddress": "",
            "PrivateIpAddress": {"IpAddress": [address]},
        },
        "InnerIpAddress": {"IpAddress": []},
        "PublicIpAddress": {"IpAddress": []},
        "EipAddress": {"AllocationId": "", "IpAddress": "", "InternetChargeType": ""},
        "NetworkInterfaces": {"NetworkInterface": [card]},
        "MetadataOptions": {"HttpEndpoint": "enabled", "HttpTokens": instance["HttpTokens"]},
        "OperationLocks": {"LockReason": []},
        "Tags": {"Tag": instance["Tags"]},
    }


def selection(request: RpcRequest, address_of: Callable[[str], str]) -> Callable[[Document], bool]:
    """Whether an instance is one of those that DescribeInstances' parameters ask for.

    Raises InvalidParameter (400) for lists that are not JSON arrays or have more than 100 ids, and for
    unknown states.
    """
    ids = ids_of(request, "InstanceIds")
    addresses = ids_of(request, "PrivateIpAddresses")
    wanted_tags = {tag["TagKey"]: tag["TagValue"] for tag in tags_of(request)}
    has_value = {tag["Key"]: "Value" in tag for tag in request.records("Tag", ("Key", "Value"))}
    equal = {
        name: request.string(name)
        for name in ("VpcId", "VSwitchId", "ZoneId", "ImageId", "InstanceType", "RegionId")
        if request.string(name)
    }
    status = request.string("Status", choices=_STATUSES)
    name, group = request.string("InstanceName"), request.string("SecurityGroupId")

    def matches(instance: Document) -> bool:
        return (
            (ids is None or instance["InstanceId"] in ids)
            and (addresses is None or address_of(instance["InstanceId"]) in addresses)
            and all(instance[key] == value for key, value in equal.items())
            and (not status or instance["Status"] == status)
            and (not group or group in instance["SecurityGroupIds"])
            and (not name or _name_matches(name, instance["InstanceName"]))
            and _tagged(instance, wanted_tags, has_value)
        )

    return matches


def ids_of(request: RpcRequest, name: str) -> list[str] | None:
    """A JSON array of at most 100 texts, or None when the parameter is absent. Raises InvalidParameter."""
    value = request.json(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise invalid(name, "must be a JSON array of strings")
    if len(value) > _MAX_IDS:
        raise ApiError(400, "InvalidParameter", f'The specified parameter "{name}" has more than {_MAX_IDS}.')
    return value


def _tagged(instance: Document, wanted: Mapping[str, str], has_value: Mapping[str, bool]) -> bool:
    tags = {tag["TagKey"]: tag["TagValue"] for tag in instance["Tags"]}
    return all(key in tags and (not has_value[key] or tags[key] == value) for key, value in wanted.items())


def _name_matches(wanted: str, name: str) -> bool:
    # A `*` at either end matches anything there.
    core = wanted.strip("*")
    if wanted.startswith("*") and wanted.endswith("*"):
        return core in name
    if wanted.endswith("*"):
        return name.startswith(core)
    return name.endswith(core) if wanted.startswith("*") else name == wanted
