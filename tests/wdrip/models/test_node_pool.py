"""A pool's spec takes what the definition's schema takes, and its status fits the schema."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wdrip.models.test_resources import accepts, schema_of
from tests.world.guide import NODE_POOL
from wdrip.errors import InvalidInput
from wdrip.models.node_pool import Condition, NodePoolSpec, NodePoolStatus, PoolPhase
from wdrip.models.resources import node_pool_definition

SCHEMA = schema_of(node_pool_definition())
SPEC = SCHEMA["properties"]["spec"]

FULL = """
id: team-a
infra:
  desiredCapacity: 3
  instanceType: ecs.g6.xlarge
  zones: [cn-hangzhou-k, cn-hangzhou-h]
  disk: {size: 100G, type: cloud_essd}
  tags: {team: a}
labels: {team: a, example.com/tier: batch, empty: ""}
taints:
- {key: example.com/batch, value: "yes", effect: NoSchedule}
- {key: example.com/batch, effect: NoExecute}
kubeletArguments: {max-pods: "64", eviction-hard: "memory.available<500Mi"}
autoscaling: {min: 1, max: 10}
drain: {timeoutSeconds: 60, onTimeout: Delete}
"""


def test_the_guides_pool_is_read_verbatim() -> None:
    spec = NodePoolSpec.read(yaml.safe_load(NODE_POOL)["spec"])
    assert (spec.id, spec.infra.desired_capacity) == ("very-long-id-xxxxx", 1)
    assert (spec.infra.cpu, spec.infra.memory) == (4, 8)
    assert spec.infra.image_id == "centos_7_9_x64_20G_alibase_20210623.vhd"
    assert (spec.drain.timeout_seconds, spec.drain.on_timeout) == (900, "Stop")


def test_every_field_is_read_and_written_in_its_own_words() -> None:
    document = yaml.safe_load(FULL)
    assert accepts(SPEC, document)
    spec = NodePoolSpec.read(document)
    assert NodePoolSpec.read(spec.model_dump(mode="json", exclude_none=True)) == spec
    assert spec.kubelet_arguments["max-pods"] == "64"
    assert spec.infra.disk is not None
    assert spec.infra.disk.gigabytes == 100


def whole(*edges: int) -> st.SearchStrategy[Any]:
    around = [edge + step for edge in edges for step in (-1, 0, 1)]
    return st.sampled_from([*around, "1", None, True, 1.5])


def text(*values: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([*values, "", " ", "a b", "A", "é", "a" * 64, "a" * 129, "x\n", 1])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


TAINT = some(key=text("k", "a.b/c", "a/b/c"), value=text("v"), effect=st.sampled_from(["NoSchedule", "No"]))
SPECS = some(
    id=text("one"),
    infra=some(
        desiredCapacity=whole(0, 1000),
        cpu=whole(1, 1024),
        memory=whole(1, 24576),
        instanceType=text("ecs.c6.xlarge", "c6.xlarge", "ecs."),
        imageId=text("image-1"),
        zones=st.lists(text("cn-hangzhou-k"), max_size=9),
        disk=some(
            size=st.sampled_from(["19G", "20", "40G", "99GB", "999", "2048GiB", "2049", "040G", "40T", 40]),
            type=st.sampled_from(["cloud_essd", "floppy"]),
        ),
        tags=st.dictionaries(st.text("abcdefgh", min_size=1), text("v"), max_size=17),
    ),
    labels=st.dictionaries(st.sampled_from("abc"), text("v", "-v", "v-w"), max_size=3),
    taints=st.lists(TAINT, max_size=1),
    kubeletArguments=st.dictionaries(
        st.sampled_from("abc"), text("memory.available<5%", "$(id)", '"'), max_size=3
    ),
    autoscaling=some(min=whole(0, 1000), max=whole(0, 1000)),
    drain=some(timeoutSeconds=whole(1, 86400), onTimeout=st.sampled_from(["Stop", "Delete", "Ask"])),
    unknown=st.just(1),
)


def is_read(document: dict[str, Any]) -> bool:
    try:
        NodePoolSpec.read(document)
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize(
    "path", [("infra",), ("infra", "disk"), ("autoscaling",), ("drain",), ("labels",), ()]
)
@settings(max_examples=60, deadline=None)
@given(drawn=SPECS)
def test_the_types_take_what_the_schema_takes(path: tuple[str, ...], drawn: dict[str, Any]) -> None:
    """One part at a time is drawn, so that the rest does not hide it. Nulls are looked at below."""
    document = yaml.safe_load(FULL)
    place, source = document, drawn
    for part in path[:-1]:
        place, source = place[part], source.get(part, {})
    if path:
        if path[-1] in source:
            place[path[-1]] = source[path[-1]]
    else:
        document.update({key: value for key, value in drawn.items() if key not in ("infra", "autoscaling")})
    document = without_nulls(document)
    assert is_read(document) == accepts(SPEC, document)


def test_null_is_read_as_the_empty_text_that_it_stands_for() -> None:
    document = yaml.safe_load(FULL)
    document |= {"id": None, "labels": {"a": None}, "kubeletArguments": {"v": None}}
    document["infra"] |= {"imageId": None, "tags": {"a": None}}
    document["taints"] = [{"key": "a", "value": None, "effect": "NoSchedule"}]
    assert accepts(SPEC, document)
    spec = NodePoolSpec.read(document)
    assert (spec.id, spec.labels, spec.kubelet_arguments) == ("", {"a": ""}, {"v": ""})
    assert (spec.infra.image_id, spec.infra.tags, spec.taints[0].value) == ("", {"a": ""}, "")


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return value


def test_a_status_fits_the_schema() -> None:
    status = NodePoolStatus(
        observed_generation=3,
        replicas=2,
        ready_replicas=1,
        phase=PoolPhase.SHRINKING,
        message="waits",
        instance_type="ecs.c6.xlarge",
        blocking_budget="default/web",
        autoscaling_reason="nothing to do",
        conditions=[
            Condition(
                type="Ready",
                status="False",
                reason="Shrinking",
                last_transition_time=datetime(2026, 1, 2, tzinfo=UTC),
                observed_generation=3,
            )
        ],
    )
    written = json.loads(status.model_dump_json(exclude_none=True))
    assert accepts(SCHEMA["properties"]["status"], written)
    assert set(written) == set(SCHEMA["properties"]["status"]["properties"])
