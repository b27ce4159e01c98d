"""What the stack actions share in reading their parameters."""

from __future__ import annotations

from typing import TypeVar

from localcloud.core.config import Config
from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest, invalid
from localcloud.ros.errors import not_supported

# CreateStack: ClientToken is at most 64 characters of these.
_IDEMPOTENCY_FORM = r"[A-Za-z0-9_-]{1,64}"
# CreateStack: TimeoutInMinutes.
_MINUTES = (10, 1440)
_MAX_PARAMETERS = 200
_MAX_TAGS = 20
_DEFAULT_PAGE, _MAX_PAGE = 10, 50
_NOT_EMULATED = (
    "TemplateURL",
    "TemplateId",
    "TemplateVersion",
    "TemplateScratchId",
    "StackPolicyBody",
    "StackPolicyURL",
    "StackPolicyDuringUpdateBody",
    "StackPolicyDuringUpdateURL",
)

_Item = TypeVar("_Item")


def region_of(request: RpcRequest, config: Config) -> str:
    """The RegionId. Raises MissingRegionId (400), InvalidRegionId.NotFound (404)."""
    region = request.string("RegionId", required=True)
    if config.region(region) is None:
        raise ApiError(404, "InvalidRegionId.NotFound", f"The specified region {region} is not found.")
    return region


def check_common(request: RpcRequest) -> None:
    """Refuse what this cloud does not emulate, and a malformed ClientToken."""
    for name in _NOT_EMULATED:
        if request.string(name):
            raise not_supported(f"{name} is not emulated by the local cloud.")
    request.string("ClientToken", pattern=_IDEMPOTENCY_FORM)


def template_body(request: RpcRequest) -> str:
    """The TemplateBody. Raises MissingTemplateBody (400)."""
    return request.string("TemplateBody", required=True)


def parameters_of(request: RpcRequest) -> dict[str, str]:
    """Parameters.N as a mapping. Raises MissingParameter…, InvalidParameter (400)."""
    sent = request.records("Parameters", ("ParameterKey", "ParameterValue"))
    if len(sent) > _MAX_PARAMETERS:
        raise invalid("Parameters", f"takes at most {_MAX_PARAMETERS} values")
    if any(not each.get("ParameterKey") for each in sent):
        raise invalid("Parameters", "must have a ParameterKey each")
    if len({each["ParameterKey"] for each in sent}) < len(sent):
        raise invalid("Parameters", "must not name a parameter twice")
    return {each["ParameterKey"]: each.get("ParameterValue", "") for each in sent}


def tags_of(request: RpcRequest) -> list[dict[str, str]]:
    """Tags.N. Raises InvalidParameter (400)."""
    sent = request.records("Tags", ("Key", "Value"))
    if len(sent) > _MAX_TAGS:
        raise invalid("Tags", f"takes at most {_MAX_TAGS} values")
    for tag in sent:
        key = tag.get("Key", "")
        if not key or key.startswith(("acs:", "aliyun", "http://", "https://")):
            raise invalid("Tags", f"has an invalid key {key!r}")
    return [{"Key": each["Key"], "Value": each.get("Value", "")} for each in sent]


def minutes_of(request: RpcRequest, default: int) -> int:
    """TimeoutInMinutes."""
    return request.integer("TimeoutInMinutes", default, minimum=_MINUTES[0], maximum=_MINUTES[1])


def page_of(request: RpcRequest, items: list[_Item]) -> tuple[list[_Item], dict[str, int]]:
    """The items of the asked page, and the paging fields of the answer."""
    number = request.integer("PageNumber", 1, minimum=1)
    size = request.integer("PageSize", _DEFAULT_PAGE, minimum=1, maximum=_MAX_PAGE)
    start = (number - 1) * size
    paging = {"PageNumber": number, "PageSize": size, "TotalCount": len(items)}
    return items[start : start + size], paging
