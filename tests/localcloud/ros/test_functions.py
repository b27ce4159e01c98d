"""The intrinsic functions by example, and laws that hold for all arguments."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.core.errors import ApiError
from localcloud.ros.template.functions import Scope, evaluate
from localcloud.ros.template.values import UNKNOWN

_SCOPE = Scope(
    parameters={"P": "p", "L": ["a", "b", "c"], "N": 3, "Later": UNKNOWN, "ALIYUN::Region": "cn-x"},
    mappings={"M": {"k": {"v": [1, 2]}}},
    conditions={
        "Yes": {"Fn::Equals": [{"Ref": "P"}, "p"]},
        "No": {"Fn::Not": ["Yes"]},
        "Both": {"Fn::And": ["Yes", {"Fn::Not": "No"}]},
        "Perhaps": {"Fn::Equals": [{"Ref": "Later"}, 1]},
    },
    zones={"cn-x": ["cn-x-a", "cn-x-b"]},
)
# A busy machine must not fail a law by its slowness.
_unhurried = settings(deadline=None)
_NO_VALUE = {"Ref": "ALIYUN::NoValue"}
_TEXT = st.text(max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, min_size=2, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Ref": "L"}, ["a", "b", "c"]),
        ({"Fn::Join": ["-", ["x", {"Ref": "P"}, {"Ref": "N"}]]}, "x-p-3"),
        ({"Fn::Select": [1, {"Ref": "L"}]}, "b"),
        ({"Fn::Select": ["-1", {"Ref": "L"}]}, "c"),
        ({"Fn::Select": ["0:2", {"Ref": "L"}]}, ["a", "b"]),
        ({"Fn::Select": [7, {"Ref": "L"}, "none"]}, "none"),
        ({"Fn::Select": ["k", {"k": 1, "l": 2}]}, 1),
        ({"Fn::Select": [1, "x,y"]}, "y"),
        ({"Fn::Split": [",", "a,b"]}, ["a", "b"]),
        ({"Fn::Replace": [{"a": "b", "b": "c", "ab": "X"}, "aab b"]}, "bX c"),
        ({"Fn::ListMerge": [{"Ref": "L"}, ["d"], []]}, ["a", "b", "c", "d"]),
        ({"Fn::FindInMap": ["M", "k", "v"]}, [1, 2]),
        ({"Fn::Base64Encode": "hä"}, "aMOk"),
        ({"Fn::Base64Decode": "aMOk"}, "hä"),
        ({"Fn::Str": 12}, "12"),
        ({"Fn::Str": {"a": True}}, '{"a": true}'),
        ({"Fn::Length": {"Ref": "L"}}, 3),
        ({"Fn::GetAZs": {"Ref": "ALIYUN::Region"}}, ["cn-x-a", "cn-x-b"]),
        ({"Fn::GetAZs": ""}, ["cn-x-a", "cn-x-b"]),
        ({"Fn::Sub": "${P}/${!P}/${ALIYUN::Region}"}, "p/${P}/cn-x"),
        ({"Fn::Sub": ["${Own}-${P}", {"Own": {"Ref": "N"}}]}, "3-p"),
        ({"Fn::If": ["Both", "yes", "no"]}, "yes"),
        ({"Fn::If": [{"Fn::Or": ["No", "No"]}, "yes", "no"]}, "no"),
        ({"Fn::If": ["Perhaps", "yes", "no"]}, UNKNOWN),
        ({"Fn::And": ["No", "Perhaps"]}, False),
        ({"Fn::Or": ["Yes", "Perhaps"]}, True),
        ({"Fn::Join": ["-", [{"Ref": "Later"}]]}, UNKNOWN),
        ({"Fn::Sub": "${Later}"}, UNKNOWN),
        ({"Fn::Contains": [{"Ref": "L"}, "b"]}, True),
        ({"Fn::Any": [False, True]}, True),
        ({"Fn::Add": [1, 2.5]}, 3.5),
        ({"Fn::Add": [{"a": 1}, {"a": 2, "b": 3}]}, {"a": 2, "b": 3}),
        ({"Fn::Add": [["a"], ["b"]]}, ["a", "b"]),
        ({"Fn::GetJsonValue": ["a", '{"a": [1]}']}, [1]),
        ({"a": _NO_VALUE, "b": [1, _NO_VALUE]}, {"b": [1]}),
        ({"Fn::Join": [",", ["a", {"Fn::If": ["No", "b", _NO_VALUE]}]]}, "a"),
        ({"Ref": "P", "Other": 1}, {"Ref": "P", "Other": 1}),
    ],
)
def test_values(expression: Any, value: Any) -> None:
    assert evaluate(expression, _SCOPE) == value


@pytest.mark.parametrize(
    "expression",
    [
        {"Fn::Join": ["-"]},
        {"Fn::Join": ["-", "abc"]},
        {"Fn::Select": ["x", {"Ref": "L"}]},
        {"Fn::Select": [0, 5]},
        {"Fn::Split": ["", "a"]},
        {"Fn::Replace": ["a", "b"]},
        {"Fn::ListMerge": ["ab"]},
        {"Fn::Base64Decode": "!"},
        {"Fn::Base64Encode": ["a"]},
        {"Fn::Length": 3},
        {"Fn::GetAZs": "cn-nowhere"},
        {"Fn::If": ["Yes", "a"]},
        {"Fn::And": ["Yes"]},
        {"Fn::Not": ["Yes", "No"]},
        {"Fn::If": ["${P}", 1, 2]},
        {"Fn::Equals": [1]},
        {"Fn::Add": [1, "2"]},
        {"Fn::GetJsonValue": ["b", '{"a": 1}']},
        {"Fn::Sub": 1},
        {"Fn::GetAtt": "A"},
        {"Ref": ["P"]},
    ],
)
def test_wrong_arguments_are_refused(expression: Any) -> None:
    with pytest.raises(ApiError) as caught:
        evaluate(expression, _SCOPE)
    assert caught.value.code in ("InvalidTemplatePropertyType", "InvalidTemplateReference")


@_unhurried
@given(_JSON)
def test_plain_data_stays_as_it_is(value: Any) -> None:
    assert evaluate(value, _SCOPE) == value


@_unhurried
@given(st.lists(st.text("abc", max_size=3), min_size=1))
def test_split_undoes_join(items: list[str]) -> None:
    assert evaluate({"Fn::Split": ["|", {"Fn::Join": ["|", items]}]}, _SCOPE) == items


@_unhurried
@given(st.lists(_JSON, max_size=5), st.integers(0, 10))
def test_select_takes_an_item_or_nothing(items: list[Any], index: int) -> None:
    expected = items[index] if index < len(items) else ""
    assert evaluate({"Fn::Select": [index, items]}, _SCOPE) == expected


@_unhurried
@given(st.lists(st.lists(_TEXT, max_size=3), max_size=4))
def test_merging_adds_the_lengths(lists: list[list[str]]) -> None:
    merged = {"Fn::Length": {"Fn::ListMerge": lists}}
    assert evaluate(merged, _SCOPE) == sum(len(each) for each in lists)


@_unhurried
@given(_TEXT)
def test_base64_is_that_of_everybody(text: str) -> None:
    encoded = evaluate({"Fn::Base64Encode": text}, _SCOPE)
    assert base64.b64decode(encoded).decode() == text
    assert evaluate({"Fn::Base64Decode": encoded}, _SCOPE) == text


@_unhurried
@given(_JSON)
def test_str_of_what_is_no_text_is_json(value: Any) -> None:
    shown = evaluate({"Fn::Str": value}, _SCOPE)
    if value is not None and not isinstance(value, str):
        assert json.loads(shown) == value


@_unhurried
@given(st.dictionaries(st.text("ab", min_size=1, max_size=2), _TEXT), st.text("abc", max_size=10))
def test_replacements_are_not_replaced_again(replacements: dict[str, str], text: str) -> None:
    marked = {key: f"<{index}>" for index, key in enumerate(replacements)}
    result = evaluate({"Fn::Replace": [marked, text]}, _SCOPE)
    kept = result
    for key, mark in marked.items():
        kept = kept.replace(mark, key)
    assert kept == text
