"""A template with its parameters' values: which resources there are, what they wait for, what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.ros.errors import invalid_attribute, invalid_reference, validation_failed
from localcloud.ros.properties import check_properties
from localcloud.ros.template.dependencies import Graph, order
from localcloud.ros.template.functions import (
    Resources,
    Scope,
    UnknownResources,
    condition_holds,
    evaluate,
)
from localcloud.ros.template.parameters import PSEUDO
from localcloud.ros.template.references import Reference, conditions_used, references
from localcloud.ros.template.template import ResourceDefinition, Template
from localcloud.ros.template.values import UNKNOWN, holds_unknown
from localcloud.ros.types.registry import Registry


@dataclass(frozen=True)
class Place:
    """What pseudo parameters and Fn::GetAZs speak of. An empty stack id means that there is no stack yet."""

    region: str
    zones: Mapping[str, list[str]]
    account_id: str
    stack_id: str = ""
    stack_name: str = ""

    def pseudo_parameters(self) -> dict[str, Any]:
        """ALIYUN::… by name; what is not known yet is UNKNOWN."""
        return {
            "ALIYUN::AccountId": self.account_id,
            "ALIYUN::TenantId": self.account_id,
            "ALIYUN::Region": self.region,
            "ALIYUN::StackId": self.stack_id or UNKNOWN,
            "ALIYUN::StackName": self.stack_name or UNKNOWN,
        }


class Blueprint:
    """A template bound to values. A parameter that is absent from `parameters` counts as UNKNOWN."""

    def __init__(
        self, template: Template, parameters: Mapping[str, Any], place: Place, registry: Registry
    ) -> None:
        self.template = template
        self.parameters = parameters
        self.place = place
        self._registry = registry
        values = {name: parameters.get(name, UNKNOWN) for name in template.parameters}
        self._values = {**values, **place.pseudo_parameters()}
        self.active = self._active()
        self.graph = self._graph()

    def check(self) -> None:
        """Check everything that can be known before a resource exists.

        Raises ApiError: InvalidTemplateReference, InvalidTemplateAttribute, CircularDependency,
        StackValidationFailed, InvalidTemplatePropertyType, NotSupported.
        """
        self._check_conditions()
        for definition in self.template.resources.values():
            self._registry.find(definition.type)
            self._check_names(definition.properties, f"Resources.{definition.logical_id}.Properties")
            for name in definition.depends_on:
                if name not in self.template.resources:
                    raise invalid_reference(name, f"Resources.{definition.logical_id}.DependsOn")
        for output in self.template.outputs.values():
            self._check_names(output.value, f"Outputs.{output.key}.Value")
        order(self.graph)
        for logical_id in self.active:
            self.properties(logical_id, UnknownResources())
        self.outputs(UnknownResources())

    def properties(self, logical_id: str, resources: Resources) -> dict[str, Any]:
        """The resolved, checked properties of an active resource; UNKNOWN where resources do not exist."""
        definition = self.active[logical_id]
        where = f"Resources.{logical_id}.Properties"
        resource_type = self._registry.find(definition.type)
        values = evaluate(dict(definition.properties), self._scope(resources).at(where))
        checked = check_properties(resource_type.properties, values, where, definition.type)
        problem = resource_type.check(checked)
        if problem is not None:
            raise validation_failed(f"Property error: {where}: {problem}")
        return checked

    def outputs(self, resources: Resources) -> list[dict[str, Any]]:
        """The stack's outputs, those of false conditions left out; values that are UNKNOWN are None."""
        shown = []
        for output in self.template.outputs.values():
            scope = self._scope(resources).at(f"Outputs.{output.key}")
            if output.condition is not None and condition_holds(output.condition, scope) is False:
                continue
            value = evaluate(output.value, scope)
            entry: dict[str, Any] = {"OutputKey": output.key}
            entry["OutputValue"] = None if holds_unknown(value) else value
            entry["Description"] = output.description or "No description given"
            shown.append(entry)
        return shown

    def _scope(self, resources: Resources) -> Scope:
        return Scope(
            parameters=self._values,
            mappings=self.template.mappings,
            conditions=self.template.conditions,
            resources=resources,
            zones=self.place.zones,
        )

    def _active(self) -> dict[str, ResourceDefinition]:
        scope = self._scope(UnknownResources())
        return {
            name: definition
            for name, definition in self.template.resources.items()
            if definition.condition is None
            or condition_holds(definition.condition, scope.at(f"Resources.{name}.Condition")) is not False
        }

    def _graph(self) -> Graph:
        return {name: frozenset(self._waits_for(definition)) for name, definition in self.active.items()}

    def _waits_for(self, definition: ResourceDefinition) -> Iterator[str]:
        for name in definition.depends_on:
            if name in self.active:
                yield name
        for reference in references(dict(definition.properties), self._choose):
            if reference.name in self.active:
                yield reference.name
            elif reference.name in self.template.resources:
                raise invalid_reference(reference.name, f"Resources.{definition.logical_id}")

    def _choose(self, condition: Any) -> bool | None:
        verdict = evaluate({"Fn::If": [condition, True, False]}, self._scope(UnknownResources()))
        return None if verdict is UNKNOWN else bool(verdict)

    def _check_conditions(self) -> None:
        scope = self._scope(UnknownResources())
        for name, expression in self.template.conditions.items():
            for each in references(expression):
                if each.name not in self._values and each.name not in PSEUDO:
                    raise invalid_reference(each.name, f"Conditions.{name}")
        order(
            {
                name: frozenset(self._known_conditions(expression, f"Conditions.{name}"))
                for name, expression in self.template.conditions.items()
            }
        )
        for name in self.template.conditions:
            condition_holds(name, scope)

    def _known_conditions(self, expression: Any, where: str) -> Iterator[str]:
        for name in conditions_used(expression):
            if name not in self.template.conditions:
                raise invalid_reference(name, where)
            yield name

    def _check_names(self, expression: Any, where: str) -> None:
        expression = dict(expression) if isinstance(expression, Mapping) else expression
        list(self._known_conditions(expression, where))
        for each in references(expression):
            self._check_reference(each, where)

    def _check_reference(self, reference: Reference, where: str) -> None:
        definition = self.template.resources.get(reference.name)
        if reference.attribute is None:
            if definition is None and reference.name not in (*self._values, *PSEUDO):
                raise invalid_reference(reference.name, where)
            return
        if definition is None:
            raise invalid_reference(reference.name, where)
        known = self._registry.find(definition.type).attributes
        if reference.attribute and reference.attribute not in known:
            raise invalid_attribute(reference.name, reference.attribute)
