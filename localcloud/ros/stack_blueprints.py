"""Blueprints of stacks: the stored template and parameters, bound to the stack's identity and place."""

from __future__ import annotations

from localcloud.core.config import Config
from localcloud.ros.blueprint import Blueprint, Place
from localcloud.ros.records import Stack, Version
from localcloud.ros.template.parameters import resolve
from localcloud.ros.template.template import parse_template
from localcloud.ros.types.registry import Registry


class StackBlueprints:
    """Makes blueprints; nothing is cached, a template parses in milliseconds."""

    def __init__(self, config: Config, registry: Registry) -> None:
        self._zones = {region.id: list(region.zones) for region in config.regions}
        self._registry = registry

    def of(self, stack: Stack, version: Version) -> Blueprint:
        """The blueprint of a version of the stack. Raises ApiError as templates and parameters do."""
        place = Place(stack.region, self._zones, stack.account_id, stack.id, stack.name)
        template = parse_template(version.template_body)
        return Blueprint(template, resolve(template.parameters, version.parameters), place, self._registry)

    def unbound(self, template_body: str, region: str, account_id: str) -> Blueprint:
        """The blueprint of a template alone; parameters stand at their defaults or are not known."""
        template = parse_template(template_body)
        defaults = {
            name: parameter.read(parameter.constraints["Default"])
            for name, parameter in template.parameters.items()
            if parameter.has_default
        }
        return Blueprint(template, defaults, Place(region, self._zones, account_id), self._registry)
