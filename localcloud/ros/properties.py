"""The declared schema of a resource type's properties, and the check of values against it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from localcloud.core.errors import ApiError
from localcloud.ros.errors import not_supported, validation_failed
from localcloud.ros.template.values import UNKNOWN

Kind = Literal["string", "integer", "boolean", "list", "map", "any"]


@dataclass(frozen=True)
class Property:
    """One property as the resource type's reference describes it.

    updatable: may change in place; otherwise a change needs a replacement.
    emulated: False for a real property whose effect this cloud does not have; using it is refused.
    allowed, pattern, minimum, maximum: bounds of a single value; lengths for texts and lists.
    items: schema of a list's items; `fields`: schema of a map, whose other keys are refused.
    """

    kind: Kind = "string"
    required: bool = False
    updatable: bool = False
    emulated: bool = True
    allowed: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    items: Property | None = None
    fields: Mapping[str, Property] | None = None


Schema = Mapping[str, Property]


def check_properties(schema: Schema, values: Mapping[str, Any], where: str, owner: str) -> dict[str, Any]:
    """The values in their declared types; UNKNOWN passes everywhere.

    Raises StackValidationFailed for an unknown, absent or unfit property, NotSupported for one that this
    cloud does not emulate. `owner` names the resource type in messages.
    """
    for name in values:
        if name not in schema:
            raise _property_error(where, f"Unknown Property {name}")
        if not schema[name].emulated and values[name] is not None:
            raise not_supported(f"{where}: property {name} of {owner} is not emulated by the local cloud.")
    checked = {}
    for name, declared in schema.items():
        if values.get(name) is None:
            if declared.required:
                raise _property_error(where, f"Property {name} not assigned")
        else:
            checked[name] = _check(declared, values[name], f"{where}.{name}", owner)
    return checked


def _property_error(where: str, why: str) -> ApiError:
    return validation_failed(f"Property error: {where}: {why}")


def _check(declared: Property, value: Any, where: str, owner: str) -> Any:
    if value is UNKNOWN:
        return value
    if declared.kind == "list":
        return _check_list(declared, value, where, owner)
    if declared.kind == "map":
        return _check_map(declared, value, where, owner)
    if declared.kind == "any":
        return value
    typed = _SCALARS[declared.kind](value, where)
    _check_scalar(declared, typed, where)
    return typed


def _check_list(declared: Property, value: Any, where: str, owner: str) -> list[Any]:
    if not isinstance(value, list):
        raise _property_error(where, f"{value!r} is not a list")
    _check_range(declared, len(value), where, "length")
    if declared.items is None:
        return value
    return [_check(declared.items, each, f"{where}[{index}]", owner) for index, each in enumerate(value)]


def _check_map(declared: Property, value: Any, where: str, owner: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _property_error(where, f"{value!r} is not a map")
    return value if declared.fields is None else check_properties(declared.fields, value, where, owner)


def _check_scalar(declared: Property, value: Any, where: str) -> None:
    if declared.allowed and value not in declared.allowed:
        raise _property_error(where, f'"{value}" is not an allowed value {list(declared.allowed)}')
    if declared.pattern and re.fullmatch(declared.pattern, value) is None:
        raise _property_error(where, f'"{value}" does not match pattern "{declared.pattern}"')
    if declared.kind == "integer":
        _check_range(declared, value, where, "value")
    elif declared.kind == "string":
        _check_range(declared, len(value), where, "length")


def _check_range(declared: Property, measure: int, where: str, what: str) -> None:
    low, high = declared.minimum, declared.maximum
    if (low is not None and measure < low) or (high is not None and measure > high):
        raise _property_error(where, f"{what} ({measure}) is out of range (min: {low}, max: {high})")


def _string(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise _property_error(where, "Value must be a string")


def _integer(value: Any, where: str) -> int:
    text = str(value)
    if isinstance(value, bool) or re.fullmatch(r"-?[0-9]{1,18}", text) is None:
        raise _property_error(where, f"Value {value!r} is not an integer")
    return int(text)


def _boolean(value: Any, where: str) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise _property_error(where, f'"{value}" is not a valid boolean')
    return text == "true"


_SCALARS = {"string": _string, "integer": _integer, "boolean": _boolean}
