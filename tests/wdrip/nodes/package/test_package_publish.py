import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from wdrip.clients.oss import Bucket, ObjectInfo
from wdrip.errors import PermanentError
from wdrip.models.package import PackageIndex, PackageManifest, PackageVersions
from wdrip.names import PACKAGE_INDEX_KEY
from wdrip.nodes.package import BuiltPackage
from wdrip.nodes.package.publish import publish

VERSIONS = PackageVersions(kubernetes="1.20.2", etcd="3.4.23", containerd="1.6.20", runc="1.1.5", cni="1.1.1")


class MemoryBucket:
    """The part of a bucket that publishing uses; remembers the order of writes."""

    name = "index"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.sha256: dict[str, str] = {}
        self.writes: list[str] = []
        self.made = False
        self.cut_off_at: str | None = None

    def ensure(self) -> bool:
        self.made = True
        return True

    def put(self, key: str, content: bytes) -> None:
        if key == self.cut_off_at:
            raise PermanentError("cut off")
        self.writes.append(key)
        self.objects[key] = content

    def upload(self, key: str, path: Path) -> ObjectInfo:
        self.sha256[key] = hashlib.sha256(path.read_bytes()).hexdigest()
        self.put(key, path.read_bytes())
        head = self.head(key)
        assert head is not None
        return head

    def head(self, key: str) -> ObjectInfo | None:
        if key not in self.objects:
            return None
        return ObjectInfo(key, len(self.objects[key]), datetime.now(UTC), self.sha256.get(key, ""))

    def get(self, key: str) -> bytes | None:
        return self.objects.get(key)

    @contextmanager
    def cut_off(self, key: str) -> Iterator[None]:
        self.cut_off_at = key
        yield
        self.cut_off_at = None

    def index(self) -> PackageIndex:
        return PackageIndex.model_validate_json(self.objects[PACKAGE_INDEX_KEY])


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


@pytest.fixture
def built(tmp_path: Path) -> BuiltPackage:
    archive = tmp_path / "package.tar.gz"
    archive.write_bytes(b"package")
    manifest = PackageManifest(
        name="kubernetes-v1.20.2-linux-amd64", architecture="amd64", origin="source", versions=VERSIONS
    )
    return BuiltPackage(archive, manifest, 7, hashlib.sha256(b"package").hexdigest())


def send(built: BuiltPackage, bucket: MemoryBucket) -> None:
    publish(built, cast(Bucket, bucket), lambda _line: None)


def test_the_index_is_written_last_and_names_the_package(bucket: MemoryBucket, built: BuiltPackage) -> None:
    send(built, bucket)
    assert bucket.made
    assert bucket.writes[0] == built.entry.key
    assert bucket.writes[-1] == PACKAGE_INDEX_KEY
    assert bucket.index().named(built.manifest.name) == built.entry
    assert bucket.objects[built.entry.key] == b"package"


def test_a_package_that_is_there_is_not_uploaded_again(bucket: MemoryBucket, built: BuiltPackage) -> None:
    send(built, bucket)
    bucket.writes.clear()
    send(built, bucket)
    assert built.entry.key not in bucket.writes
    assert bucket.index().packages == [built.entry]


def test_a_package_of_another_content_in_its_place_is_replaced(
    bucket: MemoryBucket, built: BuiltPackage
) -> None:
    bucket.put(built.entry.key, b"PACKAGE")
    send(built, bucket)
    assert bucket.objects[built.entry.key] == b"package"


def test_other_packages_stay_in_the_index_and_an_older_build_leaves_it(
    bucket: MemoryBucket, built: BuiltPackage, tmp_path: Path
) -> None:
    other = replace(
        built, manifest=built.manifest.model_copy(update={"name": "kubernetes-v1.21.3-linux-amd64"})
    )
    send(other, bucket)
    send(built, bucket)
    newer_archive = tmp_path / "newer.tar.gz"
    newer_archive.write_bytes(b"newer")
    newer = replace(built, archive=newer_archive, size=5, sha256=hashlib.sha256(b"newer").hexdigest())
    send(newer, bucket)
    assert bucket.index().packages == [newer.entry, other.entry]


def test_an_archive_that_changed_after_the_build_is_refused(
    bucket: MemoryBucket, built: BuiltPackage
) -> None:
    built.archive.write_bytes(b"changed")
    with pytest.raises(PermanentError, match="has changed since it was built"):
        send(built, bucket)
    assert PACKAGE_INDEX_KEY not in bucket.objects


def test_an_upload_that_breaks_off_names_nothing_in_the_index(
    bucket: MemoryBucket, built: BuiltPackage
) -> None:
    with bucket.cut_off(built.entry.key), pytest.raises(PermanentError):
        send(built, bucket)
    assert PACKAGE_INDEX_KEY not in bucket.objects


def test_a_damaged_index_is_not_overwritten(bucket: MemoryBucket, built: BuiltPackage) -> None:
    bucket.put(PACKAGE_INDEX_KEY, b"<xml>")
    with pytest.raises(PermanentError, match="is no package index"):
        send(built, bucket)
    assert bucket.objects[PACKAGE_INDEX_KEY] == b"<xml>"
