import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from tests.wdrip.nodes.package.downloads import Downloads
from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.package import PackageManifest
from wdrip.nodes.package import BuiltPackage, build_package
from wdrip.nodes.package.official import OfficialSite


class Workshop:
    """Builds 1.21.3 from the stand-in downloads into a cache."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.downloads = Downloads()
        self.said: list[str] = []

    def build(self, version: str = "1.21.3") -> BuiltPackage:
        site = OfficialSite(self.cache, self.said.append, self.downloads.open)
        return build_package(self.cache, version, self.said.append, site)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def contents(archive: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    with tarfile.open(archive, "r:gz") as source:
        for member in source:
            content = source.extractfile(member)
            if content is not None:
                found[member.name] = (member.mode, content.read())
    return found


def test_a_package_holds_what_a_machine_installs(workshop: Workshop) -> None:
    built = workshop.build("v1.21.3")
    files = contents(built.archive)
    programs = ["containerd", "containerd-shim-runc-v2", "ctr", "etcd", "etcdctl", "kubeadm", "kubectl"]
    programs += ["kubelet", "runc"]
    assert sorted(files) == [
        *(f"bin/{name}" for name in programs),
        *(f"cni/{name}" for name in ("bridge", "host-local", "loopback", "portmap")),
        "images/coredns.tar",
        "images/kube-apiserver.tar",
        "images/kube-controller-manager.tar",
        "images/kube-proxy.tar",
        "images/kube-scheduler.tar",
        "images/pause.tar",
        "manifest.json",
    ]
    assert all(mode == 0o755 for name, (mode, _) in files.items() if name.startswith(("bin/", "cni/")))


def test_the_manifest_describes_the_archive_exactly(workshop: Workshop) -> None:
    built = workshop.build()
    files = contents(built.archive)
    manifest = PackageManifest.model_validate_json(files.pop("manifest.json")[1])
    assert manifest == built.manifest
    assert {file.path: (file.size, file.sha256) for file in manifest.files} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, (_, content) in files.items()
    }
    assert (manifest.name, manifest.origin) == ("kubernetes-v1.21.3-linux-amd64", "official")
    assert manifest.versions.kubernetes == "1.21.3"
    assert manifest.minimum_glibc == "2.31"


def test_images_carry_the_names_that_kubeadm_of_that_version_wants(workshop: Workshop) -> None:
    built = workshop.build()
    assert built.manifest.images == [
        "wdrip.local/coredns:v1.8.0",
        "wdrip.local/kube-apiserver:v1.21.3",
        "wdrip.local/kube-controller-manager:v1.21.3",
        "wdrip.local/kube-proxy:v1.21.3",
        "wdrip.local/kube-scheduler:v1.21.3",
        "wdrip.local/pause:3.4.1",
    ]
    inside = workshop.cache / "kube-proxy.tar"
    inside.write_bytes(contents(built.archive)["images/kube-proxy.tar"][1])
    with tarfile.open(inside) as archive:
        content = archive.extractfile("manifest.json")
        assert content is not None
        assert json.load(content)[0]["RepoTags"] == ["wdrip.local/kube-proxy:v1.21.3"]


def test_the_second_run_uses_no_network_and_gives_the_same(workshop: Workshop) -> None:
    first = workshop.build()
    workshop.downloads.asked.clear()
    assert workshop.build() == first
    assert workshop.downloads.asked == []


def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = Workshop(tmp_path / "1").build(), Workshop(tmp_path / "2").build()
    assert first.sha256 == second.sha256
    assert first.archive.read_bytes() == second.archive.read_bytes()


def test_a_damaged_package_in_the_cache_is_made_anew(workshop: Workshop) -> None:
    built = workshop.build()
    built.archive.write_bytes(b"damaged")
    again = workshop.build()
    assert again.sha256 == built.sha256 == hashlib.sha256(again.archive.read_bytes()).hexdigest()
    assert any("damaged" in line for line in workshop.said)


def test_the_index_entry_names_an_object_that_another_build_never_overwrites(workshop: Workshop) -> None:
    built = workshop.build()
    entry = built.entry
    assert entry.key == f"wdrip/packages/kubernetes-v1.21.3-linux-amd64-{built.sha256[:12]}.tar.gz"
    assert (entry.size, entry.sha256) == (built.archive.stat().st_size, built.sha256)


def test_without_the_downloads_another_version_is_refused_with_what_there_is(workshop: Workshop) -> None:
    workshop.downloads.down = ConnectionRefusedError("refused")
    with pytest.raises(PermanentError, match=r"1\.21\.3 needs the official downloads.*only 1\.20\.2 can be"):
        workshop.build()


@pytest.mark.parametrize("version", ["", "latest", "1.20", "1.20.4-aliyun.1", "1.20.2/../x"])
def test_what_is_no_version_is_refused(workshop: Workshop, version: str) -> None:
    with pytest.raises(InvalidInput, match="is no Kubernetes version"):
        workshop.build(version)
    assert workshop.downloads.asked == []


def test_a_kubeadm_that_names_unknown_images_is_refused(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wdrip.nodes.package.build.image_names", lambda *_: ["wdrip.local/other:v1"])
    with pytest.raises(PermanentError, match="no image for kube-apiserver"):
        workshop.build()
