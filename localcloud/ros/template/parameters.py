"""Declared parameters: their schema, and the values that a caller gives them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.core.errors import ApiError
from localcloud.ros.errors import (
    invalid_schema,
    missing_parameter,
    unknown_parameter,
    validation_failed,
)

TYPES = ("String", "Number", "Boolean", "CommaDelimitedList", "Json")
PSEUDO = (
    "ALIYUN::AccountId",
    "ALIYUN::NoValue",
    "ALIYUN::Region",
    "ALIYUN::StackId",
    "ALIYUN::StackName",
    "ALIYUN::TenantId",
)
MASK = "******"
"""What a NoEcho value reads as in every answer."""

_BOUNDS = ("MinLength", "MaxLength", "MinValue", "MaxValue")
# Template reference, Parameters: what a declaration may hold; the last line guides the console only.
_KEYS = frozenset(
    [
        "Type",
        "Default",
        "AllowedValues",
        "AllowedPattern",
        "NoEcho",
        "ConstraintDescription",
        *_BOUNDS,
        "Description",
        "Label",
        "Confirm",
        "TextArea",
        "Required",
        "Placeholder",
        "AssociationProperty",
        "AssociationPropertyMetadata",
    ]
)


@dataclass(frozen=True)
class Parameter:
    """One declared parameter; `constraints` is its declaration as written."""

    name: str
    type: str
    constraints: Mapping[str, Any]

    @property
    def no_echo(self) -> bool:
        """Whether its value is masked in answers."""
        return str(self.constraints.get("NoEcho", False)).lower() == "true"

    @property
    def has_default(self) -> bool:
        """Whether the caller may leave it out."""
        return "Default" in self.constraints

    def read(self, text: Any) -> Any:
        """The typed value of what the caller sent, or of a default. Raises StackValidationFailed."""
        value = _READERS[self.type](self, text)
        self._check(value)
        return value

    def refused(self, why: str) -> ApiError:
        """The answer to a value that breaks a rule; ConstraintDescription replaces the reason when given."""
        reason = str(self.constraints.get("ConstraintDescription") or why)
        return validation_failed(f"Parameter '{self.name}' is invalid: {reason}")

    def _check(self, value: Any) -> None:
        items = value if self.type == "CommaDelimitedList" else [value]
        allowed = self.constraints.get("AllowedValues")
        if allowed is not None and any(not _among(each, allowed) for each in items):
            raise self.refused(f"{value!r} is not an allowed value {allowed}")
        pattern = self.constraints.get("AllowedPattern")
        if pattern is not None and any(re.fullmatch(str(pattern), str(each)) is None for each in items):
            raise self.refused(f"it does not match pattern {pattern!r}")
        if self.type == "Number":
            self._check_bounds(value, "MinValue", "MaxValue", "value")
        elif self.type != "Boolean":
            self._check_bounds(len(value), "MinLength", "MaxLength", "length")

    def _check_bounds(self, measure: float, low: str, high: str, what: str) -> None:
        minimum, maximum = self.constraints.get(low), self.constraints.get(high)
        if minimum is not None and measure < float(minimum):
            raise self.refused(f"its {what} {measure} is below the minimum {minimum}")
        if maximum is not None and measure > float(maximum):
            raise self.refused(f"its {what} {measure} is above the maximum {maximum}")


def declare(name: str, declaration: Any) -> Parameter:
    """Check one entry of the Parameters section. Raises InvalidSchema."""
    if not isinstance(declaration, dict):
        raise invalid_schema(f"Parameter {name} must be a mapping.")
    if declaration.get("Type") not in TYPES:
        raise invalid_schema(f"Parameter {name}: Invalid type ({declaration.get('Type')})")
    unknown = sorted(str(key) for key in declaration if key not in _KEYS)
    if unknown:
        raise invalid_schema(f"Parameter {name}: Invalid key '{unknown[0]}' for parameter")
    for key in _BOUNDS:
        if key in declaration and _number(declaration[key]) is None:
            raise invalid_schema(f"Parameter {name}: {key} must be a number")
    if "AllowedValues" in declaration and not isinstance(declaration["AllowedValues"], list):
        raise invalid_schema(f"Parameter {name}: AllowedValues must be a list")
    _check_pattern(name, declaration.get("AllowedPattern"))
    parameter = Parameter(name, declaration["Type"], declaration)
    if parameter.has_default:
        try:
            parameter.read(declaration["Default"])
        except ApiError as error:
            raise invalid_schema(f"Parameter {name}: Default is invalid: {error.message}") from error
    return parameter


def resolve(declared: Mapping[str, Parameter], given: Mapping[str, str]) -> dict[str, Any]:
    """Typed values of all declared parameters.

    Raises UnknownUserParameter, UserParameterMissing or StackValidationFailed.
    """
    for name in given:
        if name not in declared:
            raise unknown_parameter(name)
    values = {}
    for name, parameter in declared.items():
        if name in given:
            values[name] = parameter.read(given[name])
        elif parameter.has_default:
            values[name] = parameter.read(parameter.constraints["Default"])
        else:
            raise missing_parameter(name)
    return values


def shown(parameter: Parameter, value: Any) -> str:
    """A value as the API shows it: text, masked when NoEcho."""
    if parameter.no_echo:
        return MASK
    if isinstance(value, bool):
        return "true" if value else "false"
    if parameter.type == "CommaDelimitedList":
        return ",".join(str(each) for each in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _check_pattern(name: str, pattern: Any) -> None:
    if pattern is None:
        return
    try:
        re.compile(str(pattern))
    except re.error as error:
        raise invalid_schema(f"Parameter {name}: AllowedPattern is no regular expression: {error}") from error


def _among(value: Any, allowed: list[Any]) -> bool:
    return value in allowed or str(value) in [str(each) for each in allowed]


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    try:
        return int(value)
    except (TypeError, ValueError):
        pass
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _read_string(parameter: Parameter, given: Any) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str | int | float):
        return str(given)
    raise parameter.refused("Value must be a string")


def _read_number(parameter: Parameter, given: Any) -> int | float:
    number = _number(given)
    if number is None:
        raise parameter.refused("Value is not a number")
    return number


def _read_boolean(parameter: Parameter, given: Any) -> bool:
    text = str(given).lower()
    if text not in ("true", "false"):
        raise parameter.refused(f'Unrecognized value "{given}", acceptable values are: true, false')
    return text == "true"


def _read_list(parameter: Parameter, given: Any) -> list[str]:
    if isinstance(given, list):
        return [str(each) for each in given]
    if not isinstance(given, str):
        raise parameter.refused("Value must be a comma-delimited list string")
    return [each.strip() for each in given.split(",")] if given else []


def _read_json(parameter: Parameter, given: Any) -> Any:
    value = given
    if isinstance(given, str):
        try:
            value = json.loads(given) if given else {}
        except ValueError as error:
            raise parameter.refused("Value must be valid JSON") from error
    if not isinstance(value, dict | list):
        raise parameter.refused("Value must be a JSON object or array")
    return value


_READERS = {
    "String": _read_string,
    "Number": _read_number,
    "Boolean": _read_boolean,
    "CommaDelimitedList": _read_list,
    "Json": _read_json,
}
