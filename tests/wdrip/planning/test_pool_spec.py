"""What a schema cannot refuse in a pool's spec is told in words, field by field."""

from typing import Any

import pytest

from wdrip.models.node_pool import NodePoolSpec
from wdrip.planning.pool_spec import REFUSED_ARGUMENTS, spec_problems

ZONES = ("cn-hangzhou-k", "cn-hangzhou-h")


def problems(**spec: Any) -> list[str]:
    infra = {"desiredCapacity": 1, **spec.pop("infra", {})}
    return [str(each) for each in spec_problems(NodePoolSpec.read({"infra": infra, **spec}), ZONES)]


def test_a_good_spec_has_no_problem() -> None:
    assert not problems(
        infra={"zones": ["cn-hangzhou-h"], "tags": {"team": "a"}},
        labels={"team": "a", "example.com/tier": "x", "node.kubernetes.io/kind": "y"},
        taints=[{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoExecute"}],
        kubeletArguments={"max-pods": "64", "v": "4", "eviction-hard": "memory.available<5%"},
        autoscaling={"min": 2, "max": 2},
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"autoscaling": {"min": 3, "max": 2}}, "spec.autoscaling: min 3 is above max 2"),
        (
            {"infra": {"zones": ["cn-hangzhou-x"]}},
            "spec.infra.zones: the cluster has no vSwitch in cn-hangzhou-x",
        ),
        ({"infra": {"tags": {"wdrip/role": "x"}}}, "wdrip/role is one of wdrip's own"),
        ({"infra": {"tags": {"aliyun-x": "x"}}}, "Alibaba Cloud keeps"),
        ({"infra": {"tags": {"ACS:x": "x"}}}, "Alibaba Cloud keeps"),
        ({"infra": {"tags": {"a": "see https://x"}}}, "holds a URL"),
        ({"infra": {"tags": {"": "x"}}}, "0 characters"),
        ({"infra": {"tags": {"k" * 129: "x"}}}, "129 characters"),
        ({"labels": {"node-role.kubernetes.io/worker": ""}}, "may not give its Node the label"),
        ({"labels": {"kubernetes.io/os": "x"}}, "may not give its Node the label"),
        ({"labels": {"a.k8s.io/os": "x"}}, "may not give its Node the label"),
        ({"labels": {"node-restriction.kubernetes.io/x": "x"}}, "may not give its Node the label"),
        ({"labels": {"wdrip/nodepool": "x"}}, "one of wdrip's own"),
        ({"labels": {"a b": "x"}}, "'a b' is not a label"),
        ({"labels": {"/x": "x"}}, "'/x' is not a label"),
        ({"kubeletArguments": {"--max-pods": "1"}}, "without the leading hyphens"),
        ({"kubeletArguments": {"max pods": "1"}}, "is not a flag"),
        ({"kubeletArguments": {"node-labels": "a=b"}}, "node-labels is set by wdrip, from spec.labels"),
    ],
)
def test_each_problem_is_named_once(spec: dict[str, Any], words: str) -> None:
    (problem,) = problems(**spec)
    assert words in problem
    assert ";" in problem, "the remedy"


def test_no_flag_that_wdrip_sets_can_be_given() -> None:
    assert len(problems(kubeletArguments=dict.fromkeys(REFUSED_ARGUMENTS, "x"))) == len(REFUSED_ARGUMENTS)


def test_a_taint_twice_is_told_although_a_schema_refuses_it() -> None:
    twice = [{"key": "a", "effect": "NoSchedule"}, {"key": "a", "value": "b", "effect": "NoSchedule"}]
    assert len(problems(taints=twice)) == 1


def test_all_problems_are_told_together() -> None:
    assert len(problems(labels={"wdrip/x": "", "kubernetes.io/x": ""}, autoscaling={"min": 2, "max": 1})) == 3
