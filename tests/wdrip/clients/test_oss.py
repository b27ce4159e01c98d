"""The bucket, against a running OSS with verified signatures."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pydantic import SecretStr

from tests.localcloud.running import STRANGER, RunningCloud, running_cloud
from tests.wdrip.clients.conftest import MakeProvider
from wdrip.clients.errors import NotFoundError
from wdrip.clients.oss import PART_BYTES, Bucket
from wdrip.errors import InvalidInput, PermanentError, TemporaryError
from wdrip.models.provider_config import Provider


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def provider(request: pytest.FixtureRequest, cloud: RunningCloud, provider_of: MakeProvider) -> Provider:
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:20]
    return provider_of(cloud.access, f"bucket-{name}")


@pytest.fixture
def bucket(cloud: RunningCloud, provider: Provider) -> Iterator[Bucket]:
    made = Bucket(provider)
    made.ensure()
    yield made
    cloud.admin.clear_faults()


def as_stranger(provider: Provider) -> Provider:
    values = {**vars(provider)}
    values.update(
        access_key_id=STRANGER.access_key_id, access_key_secret=SecretStr(STRANGER.access_key_secret)
    )
    return Provider(**values)


def test_a_missing_bucket_is_made_once(provider: Provider) -> None:
    assert Bucket(provider).ensure() is True
    assert Bucket(provider).ensure() is False


def test_a_new_bucket_is_private(cloud: RunningCloud, bucket: Bucket) -> None:
    bucket.put("a", b"content")
    answer = requests.get(f"{cloud.access.oss}/{bucket.name}/a", timeout=10)
    assert answer.status_code == 403


def test_someone_elses_bucket_is_refused(provider: Provider, bucket: Bucket) -> None:
    with pytest.raises(InvalidInput) as refused:
        Bucket(as_stranger(provider)).ensure()
    assert refused.value.field == "bucketName"
    assert bucket.name in refused.value.problem


def test_what_was_put_is_got_back(bucket: Bucket) -> None:
    bucket.put("wdrip/clusters/a b.json", b"\x00content\xff")
    bucket.put("wdrip/clusters/a b.json", b"newer")
    assert bucket.get("wdrip/clusters/a b.json") == b"newer"


def test_what_is_not_there_is_none_and_deleting_it_is_fine(bucket: Bucket, provider: Provider) -> None:
    assert bucket.get("missing") is None
    assert bucket.head("missing") is None
    bucket.delete("missing")
    elsewhere = Bucket(Provider(**{**vars(provider), "bucket": "no-such-bucket-here"}))
    assert elsewhere.get("missing") is None
    assert list(elsewhere.list("")) == []


def test_create_happens_once(bucket: Bucket) -> None:
    assert bucket.create("key", b"first") is True
    assert bucket.create("key", b"second") is False
    assert bucket.get("key") == b"first"


def test_deleting_makes_room(bucket: Bucket) -> None:
    bucket.put("key", b"x")
    bucket.delete("key")
    assert bucket.get("key") is None
    assert bucket.create("key", b"y")


def test_a_listing_has_everything_below_the_prefix_in_order(bucket: Bucket) -> None:
    for key in ("a/2", "a/1", "b/1", "a/3/x"):
        bucket.put(key, key.encode())
    assert [each.key for each in bucket.list("a/")] == ["a/1", "a/2", "a/3/x"]
    assert [each.size for each in bucket.list("b/")] == [3]


def test_a_listing_of_many_pages_is_whole(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"many/{number:02}" for number in range(7)]
    for key in keys:
        bucket.put(key, b"")
    original = bucket._oss.list_objects_v2
    pages: list[str] = []

    def small(**arguments: object) -> object:
        pages.append(str(arguments["continuation_token"]))
        return original(**{**arguments, "max_keys": 3})

    monkeypatch.setattr(bucket._oss, "list_objects_v2", small)
    assert [each.key for each in bucket.list("many/")] == keys
    assert len(pages) == 3


@pytest.mark.parametrize("size", [0, 1000, PART_BYTES, 2 * PART_BYTES + 17])
def test_a_file_of_any_size_arrives_whole(bucket: Bucket, tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    path = tmp_path / "package.tar.gz"
    path.write_bytes(content)
    written = bucket.upload("wdrip/packages/package.tar.gz", path)
    assert (written.size, written.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert bucket.get("wdrip/packages/package.tar.gz") == content


def test_an_upload_that_fails_leaves_no_parts(bucket: Bucket, tmp_path: Path, cloud: RunningCloud) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (PART_BYTES + 1))
    details = {"code": "ServiceUnavailable", "status": 503, "count": 1}
    cloud.admin.add_fault("oss", "CompleteMultipartUpload", "error", **details)
    with pytest.raises(TemporaryError):
        bucket.upload("key", path)
    assert bucket.head("key") is None
    assert bucket._oss.list_multipart_uploads().upload_list == []


def test_an_upload_whose_completion_lost_its_answer_is_temporary(
    bucket: Bucket, tmp_path: Path, cloud: RunningCloud
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (PART_BYTES + 1))
    cloud.admin.add_fault("oss", "CompleteMultipartUpload", "lost_reply", count=1)
    with pytest.raises(TemporaryError):
        bucket.upload("key", path)
    head = bucket.head("key")
    assert head is not None
    assert head.size == PART_BYTES + 1


def test_a_presigned_url_reads_that_object_only(bucket: Bucket) -> None:
    bucket.put("wdrip/transit/a.cms", b"for the machine")
    url = bucket.presigned_get("wdrip/transit/a.cms", 60, internal=False)
    assert requests.get(url, timeout=10).content == b"for the machine"
    assert requests.get(url.replace("a.cms", "b.cms"), timeout=10).status_code == 403
    assert requests.put(url, data=b"x", timeout=10).status_code == 403


def test_parts_that_a_machine_sent_make_an_object_once(bucket: Bucket, provider: Provider) -> None:
    upload = bucket.begin_parts("wdrip/backup/snapshot.db")
    url = bucket.presigned_part("wdrip/backup/snapshot.db", upload, 1, 60)
    # The test is no machine in a VPC.
    url = url.replace(provider.oss_internal_endpoint, provider.oss_endpoint)
    answer = requests.put(url, data=b"snapshot", timeout=10)
    assert answer.status_code == 200
    assert requests.put(url.replace("partNumber=1", "partNumber=2"), timeout=10).status_code == 403
    with pytest.raises(PermanentError, match="InvalidPart"):
        bucket.complete_parts("wdrip/backup/snapshot.db", upload, {1: hashlib.md5(b"other").hexdigest()})
    etags = {1: hashlib.md5(b"snapshot").hexdigest()}
    bucket.complete_parts("wdrip/backup/snapshot.db", upload, etags)
    assert bucket.get("wdrip/backup/snapshot.db") == b"snapshot"
    with pytest.raises(NotFoundError, match="NoSuchUpload"):
        bucket.complete_parts("wdrip/backup/snapshot.db", upload, etags)


def test_a_presigned_url_is_for_machines_unless_said_otherwise(bucket: Bucket, provider: Provider) -> None:
    assert bucket.presigned_get("key", 60).startswith(provider.oss_internal_endpoint + "/")
    assert bucket.presigned_get("key", 60, internal=False).startswith(provider.oss_endpoint + "/")


def test_a_presigned_url_has_nothing_that_a_shell_would_read(bucket: Bucket) -> None:
    url = bucket.presigned_get("wdrip/packages/kubernetes-v1.20.2.tar.gz", 60)
    assert not set(url) & set(" \"'\\$`\n")
    assert "/wdrip/packages/kubernetes-v1.20.2.tar.gz?" in url


def test_wrong_keys_are_told_by_field(provider: Provider) -> None:
    values = vars(provider)
    unknown = Bucket(Provider(**{**values, "access_key_id": "LTAInobody"}))
    wrong = Bucket(Provider(**{**values, "access_key_secret": SecretStr("wrong")}))
    for broken, field in ((unknown, "accessKeyId"), (wrong, "accessKeySecret")):
        with pytest.raises(InvalidInput) as refused:
            broken.get("key")
        assert refused.value.field == field


def test_a_service_that_is_down_is_temporary(provider: Provider) -> None:
    endpoints = provider.endpoints.model_copy(update={"oss": "http://127.0.0.1:9"})
    with pytest.raises(TemporaryError, match=r"cannot read oss://"):
        Bucket(Provider(**{**vars(provider), "endpoints": endpoints})).get("key")
