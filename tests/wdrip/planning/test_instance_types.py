"""An instance type is chosen for cpu and memory, predictably, and a refusal names the neighbours."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wdrip.errors import InvalidInput
from wdrip.models.node_pool import PoolInfrastructure
from wdrip.planning.instance_types import TypeChoice, choose_types


@dataclass(frozen=True)
class Type:
    type_id: str
    cpu: int
    memory: float
    architecture: str = "X86"


@dataclass(frozen=True)
class Zone:
    zone_id: str
    instance_types: frozenset[str] = field(default_factory=frozenset)


TYPES = [
    Type("ecs.c6.large", 2, 4),
    Type("ecs.c6.xlarge", 4, 8),
    Type("ecs.c5.xlarge", 4, 8),
    Type("ecs.c7.xlarge", 4, 8),
    Type("ecs.c6r.xlarge", 4, 8, "ARM"),
    Type("ecs.c8y.xlarge", 4, 8, "ARM"),
    Type("ecs.c8i.xlarge", 4, 8),
    Type("ecs.t6-c1m2.xlarge", 4, 8),
    Type("ecs.gn6i-c4g1.xlarge", 4, 8),
    Type("ecs.i3.xlarge", 4, 8),
    Type("ecs.ebmc6.xlarge", 4, 8),
    Type("ecs.g6.xlarge", 4, 16),
    Type("ecs.t5-lc2m1.nano", 1, 0.5),
]
K, H = "cn-hangzhou-k", "cn-hangzhou-h"
EVERYWHERE = [Zone(K), Zone(H)]


def wanted(cpu: int | None = None, memory: int | None = None, named: str | None = None) -> PoolInfrastructure:
    return PoolInfrastructure(desired_capacity=1, cpu=cpu, memory=memory, instance_type=named)


def chosen(infra: PoolInfrastructure, zones: list[Zone], types: list[Type] = TYPES) -> list[str]:
    choices = choose_types(infra, [each.zone_id for each in zones], zones, types, "ecs.c6.large")
    return [each.type_id for each in choices]


def test_the_guides_pool_gets_the_type_that_most_clusters_have() -> None:
    assert chosen(wanted(4, 8), EVERYWHERE) == [
        "ecs.c6.xlarge",
        "ecs.c7.xlarge",
        "ecs.c5.xlarge",
        "ecs.c8i.xlarge",
        "ecs.t6-c1m2.xlarge",
    ]


def test_neither_other_processors_nor_special_machines_are_chosen_for_their_size() -> None:
    names = chosen(wanted(4, 8), EVERYWHERE)
    assert not {"ecs.c6r.xlarge", "ecs.c8y.xlarge", "ecs.gn6i-c4g1.xlarge", "ecs.i3.xlarge"} & set(names)
    arm = choose_types(wanted(4, 8), [K], EVERYWHERE, TYPES, "ecs.c6.large", architecture="arm64")
    assert [each.type_id for each in arm] == ["ecs.c6r.xlarge", "ecs.c8y.xlarge"]


def test_a_type_in_every_zone_comes_before_a_better_one_in_fewer() -> None:
    zones = [Zone(K, frozenset({"ecs.c6.xlarge", "ecs.c5.xlarge"})), Zone(H, frozenset({"ecs.c5.xlarge"}))]
    assert choose_types(wanted(4, 8), [K, H], zones, TYPES, "") == (
        TypeChoice("ecs.c5.xlarge", (K, H)),
        TypeChoice("ecs.c6.xlarge", (K,)),
    )


def test_a_type_by_name_is_the_only_choice_special_or_not() -> None:
    assert chosen(wanted(named="ecs.gn6i-c4g1.xlarge"), EVERYWHERE) == ["ecs.gn6i-c4g1.xlarge"]
    assert chosen(wanted(4, 16, "ecs.g6.xlarge"), EVERYWHERE) == ["ecs.g6.xlarge"]


def test_a_pool_that_says_nothing_gets_the_clusters_own_type() -> None:
    assert chosen(wanted(), EVERYWHERE) == ["ecs.c6.large"]


def test_memory_alone_takes_the_fewest_processors() -> None:
    assert chosen(wanted(memory=8), EVERYWHERE)[0] == "ecs.c6.xlarge"
    assert chosen(wanted(cpu=4), EVERYWHERE)[0] == "ecs.c6.xlarge"
    assert chosen(wanted(cpu=4), EVERYWHERE)[-1] == "ecs.g6.xlarge"


@pytest.mark.parametrize(
    ("infra", "zones", "words"),
    [
        (
            wanted(4, 9),
            EVERYWHERE,
            [
                "4 vCPU and 9 GiB is sold",
                "4 vCPU and 8 GiB (ecs.c6.xlarge); 4 vCPU and 16 GiB (ecs.g6.xlarge)",
            ],
        ),
        (wanted(64, 3), EVERYWHERE, ["64 vCPU and 3 GiB", "the nearest are"]),
        (wanted(4, 8), [Zone(K, frozenset({"ecs.g6.xlarge"}))], ["4 vCPU and 16 GiB (ecs.g6.xlarge)"]),
        (wanted(4, 8), [Zone(K, frozenset({"ecs.none"}))], ["choose other zones"]),
        (wanted(named="ecs.c9.huge"), EVERYWHERE, ["there is no instance type ecs.c9.huge"]),
        (wanted(2, 4, "ecs.g6.xlarge"), EVERYWHERE, ["ecs.g6.xlarge has 4 vCPU and 16 GiB"]),
        (wanted(named="ecs.c6r.xlarge"), EVERYWHERE, ["ARM", "amd64"]),
        (
            wanted(named="ecs.c6.xlarge"),
            [Zone(K, frozenset({"ecs.g6.xlarge"}))],
            ["not sold in cn-hangzhou-k"],
        ),
    ],
)
def test_a_refusal_says_what_there_is(infra: PoolInfrastructure, zones: list[Zone], words: list[str]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        chosen(infra, zones)
    for each in words:
        assert each in str(refusal.value)


def test_a_zone_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInput, match="no zone cn-hangzhou-x"):
        choose_types(wanted(4, 8), ["cn-hangzhou-x"], EVERYWHERE, TYPES, "")


@settings(max_examples=60, deadline=None)
@given(
    types=st.permutations(TYPES),
    cpu=st.sampled_from([None, 1, 2, 4]),
    memory=st.sampled_from([None, 4, 8, 16]),
)
def test_the_clouds_order_means_nothing_and_every_choice_fits(
    types: list[Type], cpu: int | None, memory: int | None
) -> None:
    infra = wanted(cpu, memory)
    sizes = {each.type_id: each for each in TYPES}

    def answer(offers: list[Type]) -> list[str] | str:
        try:
            return chosen(infra, EVERYWHERE, offers)
        except InvalidInput as refusal:
            return str(refusal)

    assert answer(types) == answer(TYPES)
    if isinstance(names := answer(types), list) and (cpu or memory):
        assert all(cpu in (None, sizes[name].cpu) for name in names)
        assert all(memory in (None, sizes[name].memory) for name in names)
