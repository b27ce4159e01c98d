"""Which software package serves the versions that a configuration asks for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wdrip.errors import InvalidInput
from wdrip.models.cluster import Versions
from wdrip.models.cluster_config import ClusterConfig
from wdrip.models.package import PackageEntry

Policy = Literal["exact", "nearest"]

_RUNTIME = "containerd"
"""The container runtime of every package."""

_REMEDY = "ask for one of these, or make another with `wdrip build --upload`"


@dataclass(frozen=True)
class Choice:
    """The package that a cluster's machines will run, and how far it is what was asked for."""

    package: PackageEntry
    asked: Versions
    actual: Versions
    notes: list[str]
    """A sentence for each version that is not the asked one; empty when all are."""


def choose_package(
    config: ClusterConfig, packages: Sequence[PackageEntry], policy: Policy, architecture: str = "amd64"
) -> Choice:
    """The package for `config`. architecture: as Go names it.

    `exact`: Kubernetes, etcd and the runtime must all be the asked ones. `nearest`: Kubernetes of the same
    minor version, the patch level as near as there is (upwards when two are as near); etcd and containerd are
    whatever that package has.

    Raises InvalidInput, listing what there is, when no package will do.
    """
    fitting = [package for package in packages if package.architecture == architecture]
    candidates = _nearest(config, fitting) if policy == "nearest" else _exact(config, fitting)
    # Among equals the one nearer in etcd, then the official build, then by name: never by the index's order.
    best = min(
        candidates,
        key=lambda each: (
            not _same(config.etcd.version, each.versions.etcd),
            each.origin != "official",
            each.name,
        ),
    )
    asked, actual = asked_versions(config), _versions_of(best)
    return Choice(best, asked, actual, _notes(asked, actual, best))


def asked_versions(config: ClusterConfig) -> Versions:
    """The versions as the configuration writes them."""
    return Versions(
        kubernetes=config.kubernetes.version,
        etcd=config.etcd.version,
        runtime=f"{config.runtime.name} {config.runtime.version}",
    )


def _versions_of(package: PackageEntry) -> Versions:
    versions = package.versions
    return Versions(
        kubernetes=f"v{versions.kubernetes}",
        etcd=f"v{versions.etcd}",
        runtime=f"{_RUNTIME} {versions.containerd}",
    )


def _exact(config: ClusterConfig, packages: Sequence[PackageEntry]) -> list[PackageEntry]:
    wanted = config.kubernetes.version
    found = [each for each in packages if _same(wanted, each.versions.kubernetes)]
    if not found:
        raise _refused("kubernetes.version", f"no package has Kubernetes {wanted}", packages)
    wanted = config.etcd.version
    found = [each for each in found if _same(wanted, each.versions.etcd)]
    if not found:
        raise _refused("etcd.version", f"no package of this Kubernetes has etcd {wanted}", packages)
    if config.runtime.name != _RUNTIME:
        raise _refused("runtime.name", f"no package has {config.runtime.name}", packages)
    wanted = config.runtime.version
    found = [each for each in found if _same(wanted, each.versions.containerd)]
    if not found:
        raise _refused("runtime.version", f"no package of this Kubernetes has {_RUNTIME} {wanted}", packages)
    return found


def _nearest(config: ClusterConfig, packages: Sequence[PackageEntry]) -> list[PackageEntry]:
    asked = _numbers(config.kubernetes.version)
    same_minor = [each for each in packages if _numbers(each.versions.kubernetes)[:2] == asked[:2]]
    if not same_minor:
        minor = ".".join(map(str, asked[:2]))
        raise _refused("kubernetes.version", f"no package has Kubernetes {minor}", packages)

    def distance(package: PackageEntry) -> tuple[bool, int, int]:
        patch = _numbers(package.versions.kubernetes)[2]
        exact = _same(config.kubernetes.version, package.versions.kubernetes)
        return not exact, abs(patch - asked[2]), -patch

    least = min(distance(each) for each in same_minor)
    return [each for each in same_minor if distance(each) == least]


def _notes(asked: Versions, actual: Versions, package: PackageEntry) -> list[str]:
    pairs = (
        ("Kubernetes", asked.kubernetes, actual.kubernetes),
        ("etcd", asked.etcd, actual.etcd),
        ("container runtime", asked.runtime, actual.runtime),
    )
    return [
        f"{what}: {wanted} was asked for, {got} runs (package {package.name})"
        for what, wanted, got in pairs
        if not _same(wanted, got)
    ]


def _refused(field: str, problem: str, packages: Sequence[PackageEntry]) -> InvalidInput:
    if not packages:
        return InvalidInput(field, f"{problem}: the bucket has none", "make one with `wdrip build --upload`")
    there = "; ".join(
        f"{each.versions.kubernetes} (etcd {each.versions.etcd}, {_RUNTIME} {each.versions.containerd})"
        for each in sorted(packages, key=lambda each: (_numbers(each.versions.kubernetes), each.name))
    )
    return InvalidInput(field, f"{problem}; there are {there}", _REMEDY)


def _same(one: str, other: str) -> bool:
    return one.removeprefix("v") == other.removeprefix("v")


def _numbers(version: str) -> tuple[int, int, int]:
    """Major, minor and patch of a version, e.g. (1, 20, 4) of 1.20.4-aliyun.1."""
    major, minor, patch = re.findall(r"\d+", version)[:3]
    return int(major), int(minor), int(patch)
