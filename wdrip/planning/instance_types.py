"""Which instance type gives a pool's machines the cpu and memory that they shall have, in zones that sell it.

Prices are not asked for: they change by the hour and by contract. Types of equal size are taken in the order
of their family instead. First come the families behind most clusters, which nearly every zone has (c, g and
r of the sixth, then the seventh and fifth generation), then others with processors of their own, oldest
first; then families that share their processors (cheap, but slow when a neighbour is busy). Never chosen
unless named: processors of another architecture than the software package's, and machines with GPUs, FPGAs,
local disks or bare metal, which cost many times more.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from wdrip.errors import InvalidInput
from wdrip.models.node_pool import PoolInfrastructure

_LISTED = 3
"""How many neighbours in size a message names."""

_COMMON = ("c6", "g6", "r6", "c7", "g7", "r7", "c5", "g5", "r5")
_DEDICATED = re.compile(r"(c|g|r|u|hf[cgr])\d+[aeiry]?(se)?")
"""Processors of their own: compute (1:2), general (1:4), memory (1:8), universal and high clock."""
_SHARED = re.compile(r"(s|t|n|xn|mn|sn|e|ic)\d*(-.*)?")
"""Burstable, entry-level and earlier shared families, e.g. t6, s6, n4, e (written `e-c1m2`)."""
_AMD64 = "amd64"
_ARCHITECTURES = {"X86": _AMD64, "": _AMD64, "ARM": "arm64"}
"""What ECS calls a processor (DescribeInstanceTypes, CpuArchitecture), as Go names it."""


class TypeOffer(Protocol):
    """An instance type as the cloud describes it."""

    @property
    def type_id(self) -> str:
        """E.g. `ecs.c6.xlarge`."""

    @property
    def cpu(self) -> int:
        """Virtual CPUs."""

    @property
    def memory(self) -> float:
        """GiB."""

    @property
    def architecture(self) -> str:
        """`X86` or `ARM`; empty when the cloud does not tell."""


class ZoneOffer(Protocol):
    """What a zone sells now."""

    @property
    def zone_id(self) -> str:
        """E.g. `cn-hangzhou-k`."""

    @property
    def instance_types(self) -> frozenset[str]:
        """Instance types in stock; empty when the cloud does not tell."""


@dataclass(frozen=True)
class TypeChoice:
    """One type that will do, and where it is sold."""

    type_id: str
    zones: tuple[str, ...]
    """In the order of the pool's zones."""


def choose_types(
    infra: PoolInfrastructure,
    zones: Sequence[str],
    zone_offers: Collection[ZoneOffer],
    type_offers: Collection[TypeOffer],
    default_type: str,
    architecture: str = _AMD64,
) -> tuple[TypeChoice, ...]:
    """The types that the pool's machines may have, best first; a later one serves when stock runs out.

    zones: those to spread over, already chosen. default_type: of the cluster's own configuration, for a pool
    that names neither type nor size. architecture: of the software package, as Go names it.

    A type in more of the zones comes before one in fewer, so that the pool can be spread; then, when only one
    of cpu and memory is given, the smaller; then the family decides. A type chosen by name is the only one.

    Raises InvalidInput, which becomes the pool's condition, when none will do: it names the nearest sizes.
    """
    known = {offer.type_id: offer for offer in type_offers}
    sold = {offer.zone_id: offer.instance_types for offer in zone_offers}
    _require_zones(zones, sold)
    if infra.instance_type or not (infra.cpu or infra.memory):
        named = infra.instance_type or default_type
        return (_named(named, infra, zones, sold, known.get(named), architecture),)
    sized = [offer for offer in type_offers if _fits(offer, infra)]
    fitting = [offer for offer in sized if _is_eligible(offer, architecture)]
    choices = [
        (offer, TypeChoice(offer.type_id, _where(offer.type_id, zones, sold)))
        for offer in fitting
        if _where(offer.type_id, zones, sold)
    ]
    if not choices:
        raise _no_match(
            infra, zones, sold, [each for each in type_offers if _is_eligible(each, architecture)]
        )
    choices.sort(key=lambda each: (-len(each[1].zones), each[0].cpu, each[0].memory, _rank(each[0].type_id)))
    return tuple(choice for _, choice in choices)


def _fits(offer: TypeOffer, infra: PoolInfrastructure) -> bool:
    """Whether a type has exactly what was asked for."""
    return infra.cpu in (None, offer.cpu) and (infra.memory is None or offer.memory == infra.memory)


def _is_eligible(offer: TypeOffer, architecture: str) -> bool:
    family = _family(offer.type_id)
    right = _ARCHITECTURES.get(offer.architecture) == architecture
    return right and bool(_DEDICATED.fullmatch(family) or _SHARED.fullmatch(family))


def _rank(type_id: str) -> tuple[int, int, int, str]:
    """The smaller, the sooner chosen; ends with the name, so that no answer depends on the cloud's order."""
    family = _family(type_id)
    if family in _COMMON:
        return 0, _COMMON.index(family), 0, type_id
    generation = int(next(iter(re.findall(r"\d+", family)), "0"))
    return (1 if _DEDICATED.fullmatch(family) else 2), 0, generation, type_id


def _family(type_id: str) -> str:
    """`c6` of `ecs.c6.xlarge`, `e-c1m2` of `ecs.e-c1m2.large`."""
    return type_id.removeprefix("ecs.").split(".")[0]


def _where(type_id: str, zones: Sequence[str], sold: dict[str, frozenset[str]]) -> tuple[str, ...]:
    return tuple(zone for zone in zones if not sold[zone] or type_id in sold[zone])


def _require_zones(zones: Sequence[str], sold: dict[str, frozenset[str]]) -> None:
    for zone in zones:
        if zone not in sold:
            there = ", ".join(sorted(sold))
            raise InvalidInput("spec.infra.zones", f"the region has no zone {zone}", f"choose of {there}")


def _named(
    type_id: str,
    infra: PoolInfrastructure,
    zones: Sequence[str],
    sold: dict[str, frozenset[str]],
    offer: TypeOffer | None,
    architecture: str,
) -> TypeChoice:
    field = "spec.infra.instanceType"
    if offer is None:
        raise InvalidInput(field, f"there is no instance type {type_id}", "choose one that ECS lists")
    if not _fits(offer, infra):
        raise InvalidInput(
            field,
            f"{type_id} has {_size(offer.cpu, offer.memory)}, not the cpu and memory that stand beside it",
            "leave cpu and memory out, or leave instanceType out",
        )
    if _ARCHITECTURES.get(offer.architecture) != architecture:
        raise InvalidInput(
            field,
            f"{type_id} has an {offer.architecture} processor; the cluster's software is for {architecture}",
            "choose a type of that architecture",
        )
    where = _where(type_id, zones, sold)
    if not where:
        raise InvalidInput(
            field,
            f"{type_id} is not sold in {', '.join(zones)}",
            "choose another type or other zones, or leave instanceType out and give cpu and memory",
        )
    return TypeChoice(type_id, where)


def _no_match(
    infra: PoolInfrastructure,
    zones: Sequence[str],
    sold: dict[str, frozenset[str]],
    eligible: Sequence[TypeOffer],
) -> InvalidInput:
    there = {
        (offer.cpu, offer.memory): offer.type_id
        for offer in sorted(eligible, key=lambda each: _rank(each.type_id), reverse=True)
        if _where(offer.type_id, zones, sold)
    }
    nearest = sorted(there, key=lambda size: (_distance(infra, *size), size))[:_LISTED]
    named = "; ".join(f"{_size(*size)} ({there[size]})" for size in nearest)
    return InvalidInput(
        "spec.infra",
        f"no instance type with {_asked(infra)} is sold in {', '.join(zones)}",
        f"the nearest are {named}" if named else "choose other zones, or name an instanceType",
    )


def _distance(infra: PoolInfrastructure, cpu: int, memory: float) -> float:
    """How unlike the asked size: the factors by which cpu and memory differ, added."""
    factors = [(cpu, infra.cpu), (memory, infra.memory)]
    return sum(max(there / asked, asked / there) for there, asked in factors if asked and there)


def _asked(infra: PoolInfrastructure) -> str:
    parts = (f"{infra.cpu} vCPU" if infra.cpu else "", f"{infra.memory} GiB" if infra.memory else "")
    return " and ".join(part for part in parts if part)


def _size(cpu: int, memory: float) -> str:
    return f"{cpu} vCPU and {memory:g} GiB"
