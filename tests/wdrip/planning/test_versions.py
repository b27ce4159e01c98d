"""Which package serves which asked versions, and what a person is told when another or none does."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world.guide import CONFIG
from wdrip.errors import InvalidInput
from wdrip.models.cluster_config import ClusterConfig
from wdrip.models.package import PackageEntry, PackageVersions
from wdrip.planning.versions import choose_package


def package(kubernetes: str, etcd: str = "3.4.23", containerd: str = "1.6.20", **more: str) -> PackageEntry:
    return PackageEntry.model_validate(
        {
            "name": f"kubernetes-v{kubernetes}-{etcd}-{more.get('origin', 'source')}",
            "key": "wdrip/packages/x.tar.gz",
            "size": 1,
            "sha256": "0" * 64,
            "architecture": "amd64",
            "origin": "source",
            "versions": PackageVersions(
                kubernetes=kubernetes, etcd=etcd, containerd=containerd, runc="1.1.5", cni="1.1.1"
            ),
            **more,
        }
    )


def config(
    kubernetes: str, etcd: str = "v3.4.3", runtime: str = "docker", version: str = "19.03.5"
) -> ClusterConfig:
    text = CONFIG.format(name="c1", region="cn-hangzhou")
    text = text.replace("1.20.4-aliyun.1", kubernetes).replace("v3.4.3", etcd)
    return ClusterConfig.from_yaml(
        text.replace("name: docker", f"name: {runtime}").replace("19.03.5", version)
    )


def test_the_guides_versions_are_served_by_the_nearest_package_and_the_person_is_told() -> None:
    choice = choose_package(config("1.20.4-aliyun.1"), [package("1.20.2"), package("1.21.4")], "nearest")
    assert choice.package.versions.kubernetes == "1.20.2"
    assert choice.asked.model_dump() == {
        "kubernetes": "1.20.4-aliyun.1",
        "etcd": "v3.4.3",
        "runtime": "docker 19.03.5",
    }
    assert choice.actual.model_dump() == {
        "kubernetes": "v1.20.2",
        "etcd": "v3.4.23",
        "runtime": "containerd 1.6.20",
    }
    name = choice.package.name
    assert choice.notes == [
        f"Kubernetes: 1.20.4-aliyun.1 was asked for, v1.20.2 runs (package {name})",
        f"etcd: v3.4.3 was asked for, v3.4.23 runs (package {name})",
        f"container runtime: docker 19.03.5 was asked for, containerd 1.6.20 runs (package {name})",
    ]


@pytest.mark.parametrize("policy", ["exact", "nearest"])
def test_what_was_asked_for_is_taken_when_it_is_there(policy: str) -> None:
    asked = config("v1.20.2", "3.4.23", "containerd", "1.6.20")
    packages = [package("1.20.1"), package("1.20.2"), package("1.20.3")]
    choice = choose_package(asked, packages, policy)  # type: ignore[arg-type]
    assert choice.package is packages[1]
    assert choice.notes == []


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (["1.20.2", "1.20.9"], "1.20.2"),
        (["1.20.2", "1.20.6"], "1.20.6"),
        (["1.20.0", "1.20.5"], "1.20.5"),
        (["1.20.4", "1.20.5"], "1.20.4"),
        (["1.20.4", "1.20.4-aliyun.1"], "1.20.4-aliyun.1"),
        (["1.19.4", "1.20.15", "1.21.4"], "1.20.15"),
    ],
)
def test_nearest_is_the_patch_level_as_near_as_there_is_and_upwards_when_equal(
    there: list[str], chosen: str
) -> None:
    for order in permutations(there):
        choice = choose_package(config("1.20.4-aliyun.1"), [package(each) for each in order], "nearest")
        assert choice.package.versions.kubernetes == chosen


def test_among_equals_the_asked_etcd_wins_then_the_official_build() -> None:
    official = package("1.20.4", origin="official")
    right_etcd = package("1.20.4", etcd="3.4.3")
    packages = [package("1.20.4"), official, right_etcd]
    assert choose_package(config("1.20.4"), packages, "nearest").package is right_etcd
    assert choose_package(config("1.20.4"), packages[:2], "nearest").package is official


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (
            config("1.20.4-aliyun.1"),
            "kubernetes.version: no package has Kubernetes 1.20.4-aliyun.1; there are 1.19.9 (etcd 3.4.23, "
            "containerd 1.6.20); 1.20.2 (etcd 3.4.23, containerd 1.6.20); ask for one of these, or make "
            "another with `wdrip build --upload`",
        ),
        (config("1.20.2"), "etcd.version: no package of this Kubernetes has etcd v3.4.3; there are 1.19.9"),
        (config("1.20.2", "3.4.23"), "runtime.name: no package has docker; there are 1.19.9"),
        (
            config("1.20.2", "3.4.23", "containerd", "1.7.0"),
            "runtime.version: no package of this Kubernetes has containerd 1.7.0; there are 1.19.9",
        ),
    ],
)
def test_exact_takes_nothing_else_and_lists_what_there_is(asked: ClusterConfig, line: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        choose_package(asked, [package("1.20.2"), package("1.19.9")], "exact")
    assert str(refused.value).startswith(line)


def test_another_minor_version_is_never_nearest() -> None:
    with pytest.raises(InvalidInput, match=r"no package has Kubernetes 1\.22; there are 1\.21\.14 \("):
        choose_package(config("1.22.0"), [package("1.21.14")], "nearest")


def test_packages_of_another_architecture_do_not_count() -> None:
    with pytest.raises(InvalidInput) as refused:
        choose_package(config("1.20.2"), [package("1.20.2", architecture="arm64")], "nearest")
    assert str(refused.value) == (
        "kubernetes.version: no package has Kubernetes 1.20: the bucket has none; make one with "
        "`wdrip build --upload`"
    )


@given(patches=st.lists(st.integers(0, 30), min_size=1, unique=True), asked=st.integers(0, 30))
def test_no_other_package_is_nearer(patches: list[int], asked: int) -> None:
    choice = choose_package(config(f"1.20.{asked}"), [package(f"1.20.{each}") for each in patches], "nearest")
    chosen = int(choice.package.versions.kubernetes.rpartition(".")[2])
    assert abs(chosen - asked) == min(abs(each - asked) for each in patches)
