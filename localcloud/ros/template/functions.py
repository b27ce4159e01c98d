"""The intrinsic functions, evaluated against a scope that knows parameters, conditions and resources."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from localcloud.ros.errors import invalid_reference, invalid_template, property_type
from localcloud.ros.template.values import NO_VALUE, UNKNOWN, holds_unknown, without_no_value

SUBSTITUTION = re.compile(r"\$\{(!?)([A-Za-z0-9_:.]+)\}")
"""`${Name}`, `${Name.Attribute}`, or `${!Literal}` in the text of Fn::Sub."""


class Resources(Protocol):
    """Where Ref and Fn::GetAtt look up resources; both may answer UNKNOWN."""

    def reference(self, logical_id: str) -> Any:
        """What Ref of the resource gives."""
        ...

    def attribute(self, logical_id: str, name: str) -> Any:
        """What Fn::GetAtt of the resource gives."""
        ...


class UnknownResources:
    """No resource exists yet."""

    def reference(self, logical_id: str) -> Any:  # noqa: ARG002
        """UNKNOWN."""
        return UNKNOWN

    def attribute(self, logical_id: str, name: str) -> Any:  # noqa: ARG002
        """UNKNOWN."""
        return UNKNOWN


@dataclass(frozen=True)
class Scope:
    """What names mean.

    parameters: declared and pseudo parameters; a missing value is UNKNOWN.
    conditions: the Conditions section as written.
    zones: zone ids by region, for Fn::GetAZs.
    where: names the place in the template, for error messages.
    """

    parameters: Mapping[str, Any]
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    resources: Resources = field(default_factory=UnknownResources)
    zones: Mapping[str, list[str]] = field(default_factory=dict)
    where: str = "template"

    def at(self, where: str) -> Scope:
        """The same names, at another place of the template."""
        return Scope(self.parameters, self.mappings, self.conditions, self.resources, self.zones, where)


def function_of(expression: Any) -> str | None:
    """The function that a mapping calls, or None when it is plain data."""
    if isinstance(expression, dict) and len(expression) == 1:
        (name,) = expression
        if isinstance(name, str) and (name == "Ref" or name.startswith("Fn::")):
            return name
    return None


def evaluate(expression: Any, scope: Scope) -> Any:
    """The value of an expression, entries that are ALIYUN::NoValue left out; may hold UNKNOWN.

    Raises InvalidTemplatePropertyType for wrong arguments and InvalidTemplate for an unknown function.
    """
    return without_no_value(_evaluate(expression, scope))


def condition_holds(name: str, scope: Scope) -> Any:
    """True, False or UNKNOWN of a named condition. Raises InvalidTemplateReference."""
    if name not in scope.conditions:
        raise invalid_reference(name, scope.where)
    return _truth(scope.conditions[name], scope.at(f"Conditions.{name}"))


def _evaluate(expression: Any, scope: Scope) -> Any:
    name = function_of(expression)
    if name is not None:
        return _call(name, expression[name], scope)
    if isinstance(expression, dict):
        return {key: _evaluate(each, scope) for key, each in expression.items()}
    if isinstance(expression, list):
        return [_evaluate(each, scope) for each in expression]
    return expression


def _call(name: str, argument: Any, scope: Scope) -> Any:
    if name in _LAZY:
        return _LAZY[name](argument, scope)
    function = _EAGER.get(name)
    if function is None:
        raise invalid_template(f'Unknown function "{name}" (in {scope.where}).')
    value = without_no_value(_evaluate(argument, scope))
    if holds_unknown(value):
        return UNKNOWN
    try:
        return function(value)
    except _BadArgumentError as error:
        raise property_type(scope.where, f"{name}: {error}") from error


class _BadArgumentError(Exception):
    """An argument has the wrong shape."""


def _expect(holds: bool, why: str) -> None:
    if not holds:
        raise _BadArgumentError(why)


def _ref(name: Any, scope: Scope) -> Any:
    if not isinstance(name, str):
        raise property_type(scope.where, 'Arguments to "Ref" must be a string')
    if name == "ALIYUN::NoValue":
        return NO_VALUE
    if name in scope.parameters:
        return scope.parameters[name]
    return scope.resources.reference(name)


def _get_att(argument: Any, scope: Scope) -> Any:
    if not (isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str)):
        raise property_type(scope.where, 'Arguments to "Fn::GetAtt" must be [resource, attribute]')
    attribute = _evaluate(argument[1], scope)
    return UNKNOWN if attribute is UNKNOWN else scope.resources.attribute(argument[0], str(attribute))


def _if(argument: Any, scope: Scope) -> Any:
    if not (isinstance(argument, list) and len(argument) == 3):
        raise property_type(
            scope.where, 'Arguments to "Fn::If" must be [condition, value if true, value if false]'
        )
    verdict = _truth(argument[0], scope)
    return UNKNOWN if verdict is UNKNOWN else _evaluate(argument[1 if verdict else 2], scope)


def _truth(expression: Any, scope: Scope) -> Any:
    """A condition: its name, a truth value, or one of the logical functions."""
    if isinstance(expression, bool):
        return expression
    if isinstance(expression, str):
        return condition_holds(expression, scope)
    if isinstance(expression, dict) and set(expression) == {"Condition"}:
        return condition_holds(str(expression["Condition"]), scope)
    value = _evaluate(expression, scope)
    if value is UNKNOWN or isinstance(value, bool):
        return value
    raise property_type(scope.where, f"Invalid condition {expression!r}")


def _and(argument: Any, scope: Scope) -> Any:
    verdicts = _operands("Fn::And", argument, scope)
    return False if False in verdicts else UNKNOWN if UNKNOWN in verdicts else True


def _or(argument: Any, scope: Scope) -> Any:
    verdicts = _operands("Fn::Or", argument, scope)
    return True if True in verdicts else UNKNOWN if UNKNOWN in verdicts else False


def _operands(name: str, argument: Any, scope: Scope) -> list[Any]:
    if not (isinstance(argument, list) and len(argument) >= 2):
        raise property_type(scope.where, f'Arguments to "{name}" must be a list of at least two conditions')
    return [_truth(each, scope) for each in argument]


def _not(argument: Any, scope: Scope) -> Any:
    if isinstance(argument, list):
        if len(argument) != 1:
            raise property_type(scope.where, 'Arguments to "Fn::Not" must be one condition')
        argument = argument[0]
    verdict = _truth(argument, scope)
    return UNKNOWN if verdict is UNKNOWN else not verdict


def _sub(argument: Any, scope: Scope) -> Any:
    text, own = argument, {}
    if isinstance(argument, list):
        if not (len(argument) == 2 and isinstance(argument[1], dict)):
            raise property_type(scope.where, 'Arguments to "Fn::Sub" must be a text or [text, variables]')
        text, own = argument[0], _evaluate(argument[1], scope)
    if not isinstance(text, str):
        raise property_type(scope.where, 'Arguments to "Fn::Sub" must be a text or [text, variables]')

    values: dict[str, Any] = {}
    for literal, name in SUBSTITUTION.findall(text):
        if not literal:
            values[name] = own[name] if name in own else _substituted(name, scope)
    if holds_unknown(values):
        return UNKNOWN
    return SUBSTITUTION.sub(lambda match: f"${{{match[2]}}}" if match[1] else _text(values[match[2]]), text)


def _substituted(name: str, scope: Scope) -> Any:
    resource, dot, attribute = name.partition(".")
    return scope.resources.attribute(resource, attribute) if dot else _ref(name, scope)


def _get_azs(argument: Any, scope: Scope) -> Any:
    region = _evaluate(argument, scope) or scope.parameters.get("ALIYUN::Region")
    if region is UNKNOWN:
        return UNKNOWN
    if not isinstance(region, str) or region not in scope.zones:
        raise property_type(scope.where, f'Fn::GetAZs: no region "{region}"')
    return list(scope.zones[region])


def _find_in_map(argument: Any, scope: Scope) -> Any:
    keys = _evaluate(argument, scope)
    if not (isinstance(keys, list) and len(keys) == 3):
        raise property_type(
            scope.where, 'Arguments to "Fn::FindInMap" must be [map, top-level key, second-level key]'
        )
    if holds_unknown(keys):
        return UNKNOWN
    found: Any = scope.mappings
    for key in keys:
        if not isinstance(found, dict) or str(key) not in found:
            raise invalid_reference(str(key), f"{scope.where} Fn::FindInMap")
        found = found[str(key)]
    return found


def _text(value: Any) -> str:
    """How a value reads inside a text."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _join(argument: Any) -> str:
    _expect(isinstance(argument, list) and len(argument) == 2, "expects [delimiter, list]")
    delimiter, items = argument
    _expect(isinstance(delimiter, str), "the delimiter must be a string")
    _expect(isinstance(items, list), "the values must be a list")
    return str(delimiter.join(_text(each) for each in items))


def _select(argument: Any) -> Any:
    _expect(isinstance(argument, list) and len(argument) in (2, 3), "expects [index, list or map, default]")
    index, items, *default = argument
    if isinstance(items, str):
        items = items.split(",")
    _expect(isinstance(items, dict | list), "the second argument must be a list or a map")
    if isinstance(items, dict):
        return items.get(str(index), default[0] if default else "")
    if isinstance(index, str) and ":" in index:
        return _slice(index, items)
    try:
        return items[int(index)]
    except (ValueError, TypeError):
        raise _BadArgumentError(f"index {index!r} is not a number") from None
    except IndexError:
        return default[0] if default else ""


def _slice(index: str, items: list[Any]) -> list[Any]:
    try:
        bounds = [int(each) if each.strip() else None for each in index.split(":")]
        return items[slice(*bounds)]
    except (ValueError, TypeError):
        raise _BadArgumentError(f"index {index!r} is not a range") from None


def _split(argument: Any) -> list[str]:
    _expect(isinstance(argument, list) and len(argument) == 2, "expects [delimiter, string]")
    delimiter, text = argument
    _expect(isinstance(delimiter, str) and delimiter != "", "the delimiter must be a non-empty string")
    _expect(isinstance(text, str), "the value must be a string")
    return list(text.split(delimiter))


def _replace(argument: Any) -> str:
    _expect(isinstance(argument, list) and len(argument) == 2, "expects [replacements, string]")
    replacements, text = argument
    _expect(isinstance(replacements, dict), "the replacements must be a map")
    _expect(isinstance(text, str), "the value must be a string")
    # One pass, longest key first, so that a replacement's text is never replaced again.
    keys = sorted((key for key in replacements if key), key=len, reverse=True)
    if not keys:
        return str(text)
    expression = "|".join(re.escape(key) for key in keys)
    return re.sub(expression, lambda match: _text(replacements[match[0]]), text)


def _list_merge(argument: Any) -> list[Any]:
    _expect(isinstance(argument, list), "expects a list of lists")
    merged: list[Any] = []
    for each in argument:
        _expect(isinstance(each, list), "expects a list of lists")
        merged.extend(each)
    return merged


def _encode(argument: Any) -> str:
    _expect(isinstance(argument, str), "expects a string")
    return base64.b64encode(argument.encode()).decode()


def _decode(argument: Any) -> str:
    _expect(isinstance(argument, str), "expects a string")
    try:
        return base64.b64decode(argument, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _BadArgumentError(f"not base64 text: {error}") from None


def _str(argument: Any) -> str:
    return _text(argument)


def _length(argument: Any) -> int:
    _expect(isinstance(argument, str | list | dict), "expects a string, list or map")
    return len(argument)


def _equals(argument: Any) -> bool:
    _expect(isinstance(argument, list) and len(argument) == 2, "expects two values")
    return bool(argument[0] == argument[1])


def _contains(argument: Any) -> bool:
    _expect(
        isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], list),
        "expects [list, value]",
    )
    return argument[1] in argument[0]


def _any(argument: Any) -> bool:
    _expect(
        isinstance(argument, list) and all(isinstance(each, bool) for each in argument), "expects booleans"
    )
    return any(argument)


def _add(argument: Any) -> Any:
    _expect(isinstance(argument, list) and len(argument) >= 2, "expects a list of at least two values")
    first = argument[0]
    if all(isinstance(each, dict) for each in argument):
        return {key: value for each in argument for key, value in each.items()}
    same = all(isinstance(each, list) == isinstance(first, list) for each in argument)
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in argument)
    _expect(numbers or (same and isinstance(first, list)), "expects all numbers, all lists or all maps")
    total = first
    for each in argument[1:]:
        total = total + each
    return total


def _get_json_value(argument: Any) -> Any:
    _expect(isinstance(argument, list) and len(argument) == 2, "expects [key, json]")
    key, document = argument
    try:
        found = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        raise _BadArgumentError("the value is not valid JSON") from None
    _expect(isinstance(found, dict) and key in found, f"no key {key!r}")
    return found[key]


_LAZY: dict[str, Callable[[Any, Scope], Any]] = {
    "Ref": _ref,
    "Fn::And": _and,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::Not": _not,
    "Fn::Or": _or,
    "Fn::Sub": _sub,
}
_EAGER: dict[str, Callable[[Any], Any]] = {
    "Fn::Add": _add,
    "Fn::Any": _any,
    "Fn::Base64Decode": _decode,
    "Fn::Base64Encode": _encode,
    "Fn::Contains": _contains,
    "Fn::Equals": _equals,
    "Fn::GetJsonValue": _get_json_value,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::ListMerge": _list_merge,
    "Fn::Replace": _replace,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Str": _str,
}
FUNCTIONS = frozenset(_LAZY) | frozenset(_EAGER)
"""Every function that the language knows here."""
