"""A template's sections, checked for what can be seen without knowing the resource types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.ros.errors import (
    invalid_schema,
    invalid_section,
    invalid_template,
    invalid_version,
    not_supported,
    validation_failed,
)
from localcloud.ros.template.document import parse_document
from localcloud.ros.template.functions import FUNCTIONS
from localcloud.ros.template.parameters import PSEUDO, Parameter, declare
from localcloud.ros.template.references import functions_used

VERSION = "2015-09-01"
_SECTIONS = frozenset(
    [
        "ROSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Mappings",
        "Conditions",
        "Resources",
        "Outputs",
    ]
)
# Sections of the real language that this cloud does not emulate: refused, never ignored.
_NOT_EMULATED = frozenset(["Transform", "Locals", "Rules", "Workspace"])
_RESOURCE_KEYS = frozenset(
    ["Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "Description", "Metadata"]
)
_RESOURCE_KEYS_NOT_EMULATED = frozenset(["Count", "UpdatePolicy", "CreationPolicy"])
_OUTPUT_KEYS = frozenset(["Description", "Value", "Condition", "Label"])
_DELETION_POLICIES = ("Delete", "Retain")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
# Service limits: 200 parameters, 200 resources, 200 outputs a template.
_MAX_ENTRIES = 200


@dataclass(frozen=True)
class ResourceDefinition:
    """One entry of Resources; `properties` are expressions."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...]
    condition: str | None
    deletion_policy: str
    description: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Output:
    """One entry of Outputs; `value` is an expression."""

    key: str
    value: Any
    description: str | None
    condition: str | None
    label: str | None


@dataclass(frozen=True)
class Template:
    """A whole template."""

    body: Mapping[str, Any]
    description: str
    parameters: Mapping[str, Parameter]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    resources: Mapping[str, ResourceDefinition]
    outputs: Mapping[str, Output]


def parse_template(text: str) -> Template:
    """Read a template. Raises ApiError with the codes of the API reference."""
    body = parse_document(text)
    version = body.get("ROSTemplateFormatVersion")
    if version != VERSION:
        raise invalid_version(version)
    for key in body:
        if key in _NOT_EMULATED:
            raise not_supported(f"The template section {key} is not emulated by the local cloud.")
        if key not in _SECTIONS:
            raise invalid_section(str(key))
    template = Template(
        body=body,
        description=_text(body, "Description"),
        parameters={name: declare(name, each) for name, each in _section(body, "Parameters").items()},
        mappings=_mappings(_section(body, "Mappings")),
        conditions=_section(body, "Conditions"),
        resources={name: _resource(name, each) for name, each in _section(body, "Resources").items()},
        outputs={name: _output(name, each) for name, each in _section(body, "Outputs").items()},
    )
    _check_names(template)
    _check_functions(template)
    return template


def _check_names(template: Template) -> None:
    if not template.resources:
        raise validation_failed("The template must define at least one resource.")
    for name in template.parameters:
        if name in PSEUDO or name.startswith("ALIYUN::"):
            raise invalid_schema(f"Parameter {name}: the name is reserved")
        if name in template.resources:
            raise invalid_template(f"{name} names both a parameter and a resource.")
    for name in (*template.parameters, *template.resources, *template.outputs):
        if _NAME.fullmatch(name) is None:
            raise invalid_template(f'The name "{name}" is invalid.')


def _check_functions(template: Template) -> None:
    for section in ("Conditions", "Resources", "Outputs"):
        for name in functions_used(template.body.get(section, {})):
            if name not in FUNCTIONS:
                raise invalid_template(f'Unknown function "{name}" (in {section}).')


def _section(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = body.get(name, {})
    if section is None:
        section = {}
    if not isinstance(section, dict) or not all(isinstance(key, str) for key in section):
        raise invalid_section(name)
    if len(section) > _MAX_ENTRIES:
        raise validation_failed(f"{name} holds {len(section)} entries, more than {_MAX_ENTRIES}.")
    return section


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name) or ""
    # A description may also be given in several languages, by language tag.
    if isinstance(value, dict):
        value = value.get("en") or next(iter(value.values()), "")
    if not isinstance(value, str):
        raise invalid_section(name)
    return value


def _mappings(section: Mapping[str, Any]) -> Mapping[str, Any]:
    for name, mapping in section.items():
        if not isinstance(mapping, dict) or not all(isinstance(each, dict) for each in mapping.values()):
            raise invalid_section(f"Mappings.{name}")
    return section


def _resource(name: str, entry: Any) -> ResourceDefinition:
    if not isinstance(entry, dict):
        raise validation_failed(f"Resources must contain Resource. Found a [{type(entry).__name__}] instead")
    for key in entry:
        if key in _RESOURCE_KEYS_NOT_EMULATED:
            raise not_supported(f"Resources.{name}.{key} is not emulated by the local cloud.")
        if key not in _RESOURCE_KEYS:
            raise invalid_section(f'"{key}" is not a valid keyword inside a resource definition ({name})')
    if not isinstance(entry.get("Type"), str):
        raise validation_failed(f"Each Resource must contain a Type key. ({name})")
    return ResourceDefinition(
        logical_id=name,
        type=entry["Type"],
        properties=_mapping(entry, "Properties", name),
        depends_on=_names(entry.get("DependsOn"), name),
        condition=_condition(entry, f"Resources.{name}"),
        deletion_policy=_deletion_policy(entry, name),
        description=_text(entry, "Description"),
        metadata=_mapping(entry, "Metadata", name),
    )


def _deletion_policy(entry: Mapping[str, Any], name: str) -> str:
    policy = entry.get("DeletionPolicy", "Delete")
    if policy not in _DELETION_POLICIES:
        raise validation_failed(f'Invalid deletion policy "{policy}" (in Resources.{name}).')
    return str(policy)


def _mapping(entry: Mapping[str, Any], key: str, name: str) -> Mapping[str, Any]:
    value = entry.get(key) or {}
    if not isinstance(value, dict):
        raise validation_failed(f"Resources.{name}.{key} must be a mapping.")
    return value


def _names(value: Any, name: str) -> tuple[str, ...]:
    names = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in names):
        raise validation_failed(f"Resources.{name}.DependsOn must be a name or a list of names.")
    return tuple(names)


def _condition(entry: Mapping[str, Any], where: str) -> str | None:
    condition = entry.get("Condition")
    if condition is not None and not isinstance(condition, str):
        raise validation_failed(f"{where}.Condition must be the name of a condition.")
    return condition


def _output(name: str, entry: Any) -> Output:
    if not isinstance(entry, dict):
        raise validation_failed(f"Outputs.{name} must be a mapping.")
    for key in entry:
        if key not in _OUTPUT_KEYS:
            raise invalid_section(f'"{key}" is not a valid keyword inside an output definition ({name})')
    if "Value" not in entry:
        raise validation_failed(f"Each Output must contain a Value key. ({name})")
    label = entry.get("Label")
    return Output(
        key=name,
        value=entry["Value"],
        description=_text(entry, "Description") or None,
        condition=_condition(entry, f"Outputs.{name}"),
        label=None if label is None else str(label),
    )
