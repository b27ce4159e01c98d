"""The definitions of MasterSet and NodePool keep the API server's rules and take the guide's manifests."""

import re
from typing import Any

import pytest
import yaml

from tests.world.guide import NODE_POOL
from wdrip.models.resources import (
    default_node_pool,
    master_set,
    master_set_definition,
    node_pool_definition,
)

DEFINITIONS = [master_set_definition(), node_pool_definition()]

GUIDE_MASTER_SET = """
apiVersion: alibabacloud.com/v1
kind: MasterSet
metadata:
  name: masterset
  namespace: kube-system
spec:
  replicas: 3
"""


def version_of(definition: dict[str, Any]) -> dict[str, Any]:
    (version,) = definition["spec"]["versions"]
    return dict(version)


def schema_of(definition: dict[str, Any]) -> dict[str, Any]:
    return dict(version_of(definition)["schema"]["openAPIV3Schema"])


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """The part of OpenAPI v3 that the definitions use; keys that they do not know are refused here."""
    if value is None:
        return bool(schema.get("nullable", False))
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    if not isinstance(value, kinds[schema["type"]]) or (
        isinstance(value, bool) and schema["type"] != "boolean"
    ):
        return False
    if isinstance(value, dict):
        return accepts_keys(schema, value)
    if isinstance(value, list):
        keys = schema.get("x-kubernetes-list-map-keys")
        named = [tuple(each.get(key) for key in keys) for each in value] if keys else []
        return (
            len(value) <= schema.get("maxItems", len(value))
            and len(named) == len(set(named))
            and all(accepts(schema["items"], each) for each in value)
        )
    if isinstance(value, str):
        return (
            re.fullmatch(schema.get("pattern", ".*"), value, re.DOTALL) is not None
            and len(value) <= schema.get("maxLength", len(value))
            and value in schema.get("enum", [value])
        )
    return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))


def accepts_keys(schema: dict[str, Any], value: dict[str, Any]) -> bool:
    if "additionalProperties" in schema:
        return len(value) <= schema["maxProperties"] and all(
            accepts(schema["additionalProperties"], each) for each in value.values()
        )
    properties = schema.get("properties", {})
    if set(properties) <= {"name"}:
        # Metadata, of which a schema may know the name only.
        return all(accepts(properties[key], value[key]) for key in properties)
    return set(schema.get("required", ())) <= set(value) <= set(properties) and all(
        accepts(properties[key], each) for key, each in value.items()
    )


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: str(each["metadata"]["name"]))
def test_a_definition_is_named_and_scoped_as_the_api_server_demands(definition: dict[str, Any]) -> None:
    spec = definition["spec"]
    assert definition["apiVersion"] == "apiextensions.k8s.io/v1"
    assert definition["kind"] == "CustomResourceDefinition"
    assert definition["metadata"]["name"] == f"{spec['names']['plural']}.{spec['group']}"
    assert spec["scope"] == "Cluster"
    assert spec["names"]["singular"] == spec["names"]["kind"].lower()


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: str(each["metadata"]["name"]))
def test_a_schema_is_structural(definition: dict[str, Any]) -> None:
    """Every level has a type, and nothing is kept that no schema describes."""

    def walk(schema: dict[str, Any], path: str) -> None:
        assert "type" in schema, path
        assert "x-kubernetes-preserve-unknown-fields" not in schema, path
        assert "$ref" not in schema, path
        for key, each in schema.get("properties", {}).items():
            walk(each, f"{path}.{key}")
        if "additionalProperties" in schema:
            assert "properties" not in schema, path
            walk(schema["additionalProperties"], f"{path}.*")
        if schema["type"] == "array":
            walk(schema["items"], f"{path}[]")

    walk(schema_of(definition), "")


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: str(each["metadata"]["name"]))
def test_scale_and_columns_point_at_fields_of_the_schema(definition: dict[str, Any]) -> None:
    version, schema = version_of(definition), schema_of(definition)
    scale = version["subresources"]["scale"]
    assert version["subresources"]["status"] == {}
    paths = [scale["specReplicasPath"], scale["statusReplicasPath"]]
    paths += [column["jsonPath"] for column in version["additionalPrinterColumns"]]
    for path in paths:
        if path.startswith(".metadata."):
            continue
        place = schema
        for part in path.strip(".").split("."):
            place = place["properties"][part]


def test_the_short_names_are_ms_and_np() -> None:
    assert [each["spec"]["names"]["shortNames"] for each in DEFINITIONS] == [["ms"], ["np"]]


@pytest.mark.parametrize(
    ("manifest", "definition"),
    [
        (yaml.safe_load(NODE_POOL), node_pool_definition()),
        (yaml.safe_load(GUIDE_MASTER_SET), master_set_definition()),
        (default_node_pool(), node_pool_definition()),
        (master_set(), master_set_definition()),
    ],
)
def test_the_guides_and_the_default_objects_fit(manifest: dict[str, Any], definition: dict[str, Any]) -> None:
    assert manifest["kind"] == definition["spec"]["names"]["kind"]
    group, _, version = manifest["apiVersion"].partition("/")
    assert (group, version) == (definition["spec"]["group"], version_of(definition)["name"])
    assert accepts(schema_of(definition), manifest)


@pytest.mark.parametrize("replicas", [0, -1, "3"])
def test_a_control_plane_of_none_is_refused(replicas: object) -> None:
    manifest = {**master_set(), "spec": {"replicas": replicas}}
    assert not accepts(schema_of(master_set_definition()), manifest)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: str(each["metadata"]["name"]))
def test_wherever_a_text_may_be_empty_null_is_taken_too(definition: dict[str, Any]) -> None:
    """An API server built with a newer Go takes the one for the other and would refuse both."""

    def walk(schema: dict[str, Any]) -> None:
        if schema["type"] == "string" and "format" not in schema and accepts(schema, ""):
            # The names of a condition and of an object are never empty.
            assert accepts(schema, None) or schema == {"type": "string"}
        for each in (
            *schema.get("properties", {}).values(),
            schema.get("items"),
            schema.get("additionalProperties"),
        ):
            if each:
                walk(each)

    properties = schema_of(definition)["properties"]
    walk(properties["spec"])
    walk(properties["status"])


@pytest.mark.parametrize("name", ["masters", "masterset-2", "my-masterset"])
def test_a_second_master_set_is_refused(name: str) -> None:
    manifest = {**master_set(), "metadata": {"name": name}}
    assert not accepts(schema_of(master_set_definition()), manifest)


@pytest.mark.parametrize("machines", [-1, 1001, "1", 1.5])
def test_a_pool_of_an_impossible_size_is_refused(machines: object) -> None:
    manifest = {**default_node_pool(), "spec": {"infra": {"desiredCapacity": machines}}}
    assert not accepts(schema_of(node_pool_definition()), manifest)


def test_a_pools_columns_tell_wanted_current_ready_and_why_first() -> None:
    columns = version_of(node_pool_definition())["additionalPrinterColumns"]
    shown = [each["name"] for each in columns if not each.get("priority")]
    assert shown == ["Desired", "Current", "Ready", "Phase", "Type", "Message", "Age"]


def test_a_new_cluster_has_one_master_and_an_empty_pool() -> None:
    assert master_set()["metadata"]["name"] == "masterset"
    assert master_set()["spec"] == {"replicas": 1}
    assert default_node_pool()["metadata"]["name"] == "default-nodepool"
    assert default_node_pool()["spec"]["infra"]["desiredCapacity"] == 0
