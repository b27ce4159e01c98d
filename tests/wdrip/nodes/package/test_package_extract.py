import hashlib
import stat
from pathlib import Path

import pytest

from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.package import PackageFile, PackageManifest, PackageVersions
from wdrip.nodes.package import BuiltPackage
from wdrip.nodes.package.archive import Member, write_package_archive
from wdrip.nodes.package.extract import extract_program

VERSIONS = PackageVersions(kubernetes="1.20.2", etcd="3.4.23", containerd="1.6.20", runc="1.1.5", cni="1.1.1")


@pytest.fixture
def built(tmp_path: Path) -> BuiltPackage:
    members = {f"bin/{name}": Member(name.encode(), mode=0o755) for name in ("etcd", "kubectl")}
    members["images/pause.tar"] = Member(b"image")
    archive = tmp_path / "package.tar.gz"
    write_package_archive(archive, members)
    files = [PackageFile(path=path, size=1, sha256="0" * 64) for path in members]
    manifest = PackageManifest(
        name="p", architecture="amd64", origin="source", versions=VERSIONS, files=files
    )
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return BuiltPackage(archive, manifest, archive.stat().st_size, digest)


def test_a_program_is_written_executable_in_the_place_of_an_older_one(
    built: BuiltPackage, tmp_path: Path
) -> None:
    target = tmp_path / "kubectl"
    target.write_bytes(b"older")
    extract_program(built, "kubectl", target)
    assert target.read_bytes() == b"kubectl"
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kubectl", "package.tar.gz"]


@pytest.mark.parametrize("program", ["helm", "../images/pause.tar", ""])
def test_what_is_no_program_of_the_package_is_refused_with_what_there_is(
    built: BuiltPackage, tmp_path: Path, program: str
) -> None:
    with pytest.raises(InvalidInput, match="choose one of etcd, kubectl"):
        extract_program(built, program, tmp_path / "target")


def test_a_directory_that_is_not_there_is_told(built: BuiltPackage, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="cannot write"):
        extract_program(built, "kubectl", tmp_path / "absent" / "kubectl")
