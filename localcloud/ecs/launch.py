"""RunInstances: what is asked for, checked in the order and with the codes of the real cloud."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from localcloud.core.config import Config, Image, InstanceType
from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest, missing
from localcloud.network.backend import Network
from localcloud.network.records import Document

MAX_USER_DATA = 32 * 1024
"""Bytes of user data before base64, by the RunInstances reference."""
# Names and bounds of the RunInstances reference.
_INSTANCE_NAME = re.compile(r"(?!https?://)[^\W\d_][\w.:\-,\[\]]{1,127}", re.UNICODE)
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9]|[.-](?![.-])){0,62}[A-Za-z0-9]")
_MAX_DISK_GIB = 2048
_MAX_TAGS = 20


@dataclass(frozen=True)
class Launch:
    """A checked RunInstances call; `least` to `amount` machines, user data base64, disk size in GiB."""

    amount: int
    least: int
    zone_id: str
    region_id: str
    image: Image
    instance_type: InstanceType
    vswitch: Document
    security_group_ids: list[str]
    instance_name: str
    host_name: str
    unique_suffix: bool
    disk_category: str
    disk_size: int
    user_data: str
    private_address: str
    http_tokens: str
    role_name: str
    deletion_protection: bool
    description: str
    tags: list[dict[str, str]]


def parse_launch(request: RpcRequest, context: Context, network: Network) -> Launch:
    """The checked call. Raises ApiError with the codes of the RunInstances reference."""
    config = context.config
    region_id = region_of(request, config)
    image = _image(request, config)
    instance_type = _instance_type(request.string("InstanceType", required=True), config)
    amount = request.integer("Amount", 1, minimum=1, maximum=100)
    vswitch = network.vpcs.vswitches.get(request.string("VSwitchId", required=True))
    zone_id = _zone(request, config, region_id, vswitch)
    if vswitch["Status"] != "Available":
        raise ApiError(
            400, "IncorrectVSwitchStatus", "The current status of the vSwitch does not allow this."
        )
    role_name = request.string("RamRoleName")
    if role_name and context.store.get("ram-role", role_name) is None:
        raise ApiError(
            404, "InvalidRamRole.NotFound", f"The specified RamRoleName {role_name!r} does not exist."
        )
    return Launch(
        amount=amount,
        least=request.integer("MinAmount", amount, minimum=1, maximum=amount),
        zone_id=zone_id,
        region_id=region_id,
        image=image,
        instance_type=instance_type,
        vswitch=vswitch,
        security_group_ids=_security_groups(request, network, vswitch["VpcId"]),
        instance_name=_instance_name(request.string("InstanceName")),
        host_name=_host_name(request.string("HostName")),
        unique_suffix=request.boolean("UniqueSuffix"),
        disk_category=_disk_category(request, config),
        disk_size=disk_size(request, "SystemDisk.Size", image),
        user_data=user_data(request.string("UserData")),
        private_address=request.string("PrivateIpAddress"),
        http_tokens=request.string("HttpTokens", "optional", choices=("optional", "required")),
        role_name=role_name,
        deletion_protection=request.boolean("DeletionProtection"),
        description=request.string("Description", max_length=256),
        tags=tags_of(request),
    )


def region_of(request: RpcRequest, config: Config) -> str:
    """The request's region. Raises MissingRegionId (400), InvalidRegionId.NotFound (404)."""
    region_id = request.string("RegionId", required=True)
    if config.region(region_id) is None:
        raise ApiError(404, "InvalidRegionId.NotFound", "The specified RegionId does not exist.")
    return region_id


def find_image(config: Config, image_id: str) -> Image:
    """The image of that id. Raises InvalidImageId.NotFound (404)."""
    for image in config.images:
        if image.id == image_id:
            return image
    raise ApiError(404, "InvalidImageId.NotFound", f"The specified ImageId {image_id!r} does not exist.")


def user_data(text: str) -> str:
    """User data in base64, at most 32 KB before. Raises InvalidUserData.* (400)."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ApiError(400, "InvalidUserData.Base64FormatInvalid", "The UserData is not base64.") from error
    if len(decoded) > MAX_USER_DATA:
        raise ApiError(400, "InvalidUserData.SizeExceeded", "The size of the UserData exceeds 32 KB.")
    return text


def disk_size(request: RpcRequest, name: str, image: Image) -> int:
    """The system disk's size in GiB, the image's own by default. Raises InvalidSystemDiskSize.* (400)."""
    least = max(20, image.size_gib)
    size = request.integer(name, max(40, least))
    if size < image.size_gib:
        raise ApiError(400, "InvalidSystemDiskSize.LessThanImageSize", f"{name} is less than the image size.")
    if not least <= size <= _MAX_DISK_GIB:
        raise ApiError(
            400, "InvalidSystemDiskSize.ValueNotSupported", f"{name} must be {least} to {_MAX_DISK_GIB} GiB."
        )
    return size


def tags_of(request: RpcRequest) -> list[dict[str, str]]:
    """Tag.N.Key and Tag.N.Value as [{TagKey, TagValue}].

    Raises InvalidTagKey.Malformed, InvalidTagValue.Malformed, NumberExceed.Tags (400).
    """
    given = request.records("Tag", ("Key", "Value"))
    if len(given) > _MAX_TAGS:
        raise ApiError(400, "NumberExceed.Tags", f"A resource has at most {_MAX_TAGS} tags.")
    for tag in given:
        key = tag.get("Key", "")
        if not 1 <= len(key) <= 128 or key.startswith(("aliyun", "acs:", "http://", "https://")):
            raise ApiError(400, "InvalidTagKey.Malformed", f"The tag key {key!r} is not valid.")
        if len(tag.get("Value", "")) > 128:
            raise ApiError(400, "InvalidTagValue.Malformed", "The tag value is not valid.")
    return [{"TagKey": tag["Key"], "TagValue": tag.get("Value", "")} for tag in given]


def _image(request: RpcRequest, config: Config) -> Image:
    image_id, family = request.string("ImageId"), request.string("ImageFamily")
    if image_id:
        return find_image(config, image_id)
    if not family:
        raise missing("ImageId")
    newest = sorted((each for each in config.images if each.family == family), key=lambda each: each.id)
    if not newest:
        raise ApiError(404, "InvalidImageFamily.NotFound", f"No image is of the family {family!r}.")
    return newest[-1]


def _instance_type(type_id: str, config: Config) -> InstanceType:
    for each in config.instance_types:
        if each.id == type_id:
            return each
    raise ApiError(
        403,
        "InvalidInstanceType.ValueNotSupported",
        "The specified InstanceType does not exist or beyond the permitted range.",
    )


def _zone(request: RpcRequest, config: Config, region_id: str, vswitch: Document) -> str:
    zone_id = request.string("ZoneId", str(vswitch["ZoneId"]))
    region = config.region(region_id)
    if region is None or zone_id not in region.zones:
        raise ApiError(404, "InvalidZoneId.NotFound", "The specified ZoneId does not exist.")
    if zone_id != vswitch["ZoneId"]:
        raise ApiError(400, "InvalidParameter.Conflict", "The vSwitch does not lie in the specified zone.")
    return zone_id


def _security_groups(request: RpcRequest, network: Network, vpc_id: str) -> list[str]:
    single = request.string("SecurityGroupId")
    wanted = [single] if single else request.strings("SecurityGroupIds", maximum=5)
    if not wanted:
        raise missing("SecurityGroupId")
    for group_id in wanted:
        if network.security_groups.groups.get(group_id)["VpcId"] != vpc_id:
            raise ApiError(
                400,
                "InvalidParameter.Conflict",
                f"Security group {group_id} and vSwitch are in different VPCs.",
            )
    return wanted


def _instance_name(name: str) -> str:
    if name and _INSTANCE_NAME.fullmatch(name) is None:
        raise ApiError(400, "InvalidInstanceName.Malformed", "The specified InstanceName is not valid.")
    return name


def _host_name(name: str) -> str:
    # The pattern `prefix[begin,bits]suffix` is checked on what it gives.
    plain = re.sub(r"\[\d*,\d*\]", "0", name.replace("${instance_id}", "i"))
    if name and (_HOST_NAME.fullmatch(plain) is None or plain.replace(".", "").isdecimal()):
        raise ApiError(400, "InvalidHostName.Malformed", "The specified HostName is not valid.")
    return name


def _disk_category(request: RpcRequest, config: Config) -> str:
    category = request.string("SystemDisk.Category", config.disk_categories[0])
    if category not in config.disk_categories:
        raise ApiError(
            403,
            "InvalidSystemDiskCategory.ValueNotSupported",
            f"SystemDisk.Category {category!r} is not sold.",
        )
    return category


def numbered(name: str, index: int, *, suffix: bool) -> str:
    """The name of the `index`-th machine of a call (from 0).

    `prefix[begin,bits]suffix` counts from `begin` in at least `bits` digits; otherwise UniqueSuffix puts
    001, 002, … at the end.
    """
    match = re.fullmatch(r"(.*)\[(\d*),(\d*)\](.*)", name)
    if match:
        before, begin, bits, after = match.groups()
        return f"{before}{int(begin or 0) + index:0{int(bits or 0)}d}{after}"
    return f"{name}{index + 1:03d}" if suffix else name


def as_document(launch: Launch, index: int, instance_id: str, now: str) -> dict[str, Any]:
    """The record of the `index`-th machine of a launch, in state Pending."""
    suffix = launch.unique_suffix and launch.amount > 1
    name = numbered(launch.instance_name, index, suffix=suffix) or instance_id
    # By default the real cloud names hosts `iZ` + the end of the id + `Z`.
    host = numbered(launch.host_name, index, suffix=suffix) or f"iZ{instance_id[2:]}Z"
    return {
        "InstanceId": instance_id,
        "InstanceName": name,
        "HostName": host.replace("${instance_id}", instance_id),
        "Description": launch.description,
        "RegionId": launch.region_id,
        "ZoneId": launch.zone_id,
        "ImageId": launch.image.id,
        "InstanceType": launch.instance_type.id,
        "VpcId": launch.vswitch["VpcId"],
        "VSwitchId": launch.vswitch["VSwitchId"],
        "SecurityGroupIds": launch.security_group_ids,
        "Status": "Pending",
        "CreationTime": now,
        "StartTime": "",
        "Tags": launch.tags,
        "UserData": launch.user_data,
        "HttpTokens": launch.http_tokens,
        "RamRoleName": launch.role_name,
        "DeletionProtection": launch.deletion_protection,
        "SystemDisk": {"Category": launch.disk_category, "Size": launch.disk_size},
        "LastError": "",
        "BootNumber": 0,
    }
