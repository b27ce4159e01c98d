"""From template text, JSON or YAML, to plain data."""

from __future__ import annotations

import json
from typing import Any

import yaml

from localcloud.ros.errors import invalid_template

# ROS API reference, CreateStack: TemplateBody is 1 to 524,288 bytes.
_MAX_BYTES = 524288


class _Loader(yaml.SafeLoader):
    """YAML without dates, so that `2015-09-01` stays a text, and with the short function tags."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    argument: Any
    if isinstance(node, yaml.ScalarNode):
        argument = loader.construct_scalar(node)
        if suffix == "GetAtt":
            argument = str(argument).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        argument = loader.construct_sequence(node, deep=True)
    else:
        argument = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": argument}


_Loader.add_multi_constructor("!", _function)


def parse_document(text: str) -> dict[str, Any]:
    """The template as a mapping. Raises InvalidTemplate when it is too long, unreadable or no mapping."""
    if not 1 <= len(text.encode()) <= _MAX_BYTES:
        raise invalid_template(f"The template must be 1 to {_MAX_BYTES} bytes long.")
    try:
        is_json = text.lstrip().startswith("{")
        document = json.loads(text) if is_json else yaml.load(text, _Loader)  # noqa: S506
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise invalid_template(f"Error parsing template: {error}") from error
    if not isinstance(document, dict):
        raise invalid_template("The template is not a JSON object or YAML mapping.")
    return document
