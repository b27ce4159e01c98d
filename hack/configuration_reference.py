"""Writes docs/configuration.md from the JSON Schemas of the configuration models (`make docs`)."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wdrip.models.cluster_config import ClusterConfig
from wdrip.models.provider_config import ConfigFile

Schema = dict[str, Any]

_HEAD = """\
# Configuration
Written by `make docs` from the models; `wdrip schema config` and `wdrip schema cluster` print the same
as JSON Schema.

## Environment variables
| variable | meaning |
| --- | --- |
| `WDRIP_CONFIG` | path of the configuration file, instead of `~/.wdrip/config` |
| `WDRIP_CONTEXT` | name of the context, instead of `current-context` |
| `ALIBABA_CLOUD_ACCESS_KEY_ID`, `ALIBABA_CLOUD_ACCESS_KEY_SECRET` | access key, instead of the provider's |
| `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE` | Temporal server, instead of the file's |
| `WDRIP_CACHE` | where machine images and packages are kept, instead of `~/.cache/wdrip` |
| `WDRIP_DEBUG` | `1` shows tracebacks |
| `WDRIP_METRICS_ADDRESS` | `host:port` on which the worker serves metrics for Prometheus; none by default |
"""
_CONFIG = """
## `~/.wdrip/config`: access to the clouds
Keep it to yourself (`chmod 600`); wdrip warns when others can read it.
"""
_CLUSTER = """
## `config.yaml`: a cluster
"""


def reference() -> str:
    """The whole document."""
    parts = [_HEAD]
    for heading, model in ((_CONFIG, ConfigFile), (_CLUSTER, ClusterConfig)):
        schema = model.model_json_schema(by_alias=True)
        parts += [heading, "\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n"]
        parts += [f"| {' | '.join(row)} |\n" for row in _rows(schema, schema.get("$defs", {}), "")]
    return "".join(parts)


def _rows(schema: Schema, definitions: dict[str, Schema], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    required = set(schema.get("required", ()))
    for key, described in schema.get("properties", {}).items():
        field, is_list = _resolved(described, definitions)
        path = f"{prefix}{key}{'[]' if is_list else ''}"
        default = "required" if key in required else _default(described)
        meaning = described.get("description") or field.get("description") or ""
        yield f"`{path}`", _type(field, is_list), default, _cell(meaning)
        if "properties" in field:
            yield from _rows(field, definitions, f"{path}.")


def _resolved(described: Schema, definitions: dict[str, Schema]) -> tuple[Schema, bool]:
    """The field's own schema behind references, "or null" and lists; whether it is a list's item."""
    is_list = False
    while True:
        if "$ref" in described:
            described = definitions[described["$ref"].rpartition("/")[2]]
        elif "anyOf" in described:
            described = next(each for each in described["anyOf"] if each.get("type") != "null")
        elif described.get("type") == "array" and "items" in described:
            described, is_list = described["items"], True
        else:
            return described, is_list


def _type(field: Schema, is_list: bool) -> str:
    if "enum" in field:
        name = ", ".join(f"`{each}`" for each in field["enum"])
    elif "const" in field:
        name = f"`{field['const']}`"
    else:
        name = str(field.get("type", "any"))
    return f"list of {name}" if is_list else name


def _default(described: Schema) -> str:
    value = described.get("default")
    return "" if value in (None, "", [], {}) or isinstance(value, dict) else f"`{value}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def main() -> None:
    """Write the document to the path given on the command line."""
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
