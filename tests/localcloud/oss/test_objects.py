"""Objects through the OSS SDK, with both signature versions."""

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import oss2
import pytest
import requests

from tests.localcloud.oss.conftest import blob_count
from tests.localcloud.running import RunningCloud, wait_until


def test_an_object_comes_back_as_written(bucket: Any) -> None:
    written = bucket.put_object(
        "state/a b+c%ü.json", b"{}", headers={"Content-Type": "application/json", "x-oss-meta-owner": "me"}
    )

    read = bucket.get_object("state/a b+c%ü.json")

    assert read.read() == b"{}"
    assert read.content_type == "application/json"
    assert read.headers["x-oss-meta-owner"] == "me"
    assert written.etag == read.etag == hashlib.md5(b"{}").hexdigest().upper()
    assert written.crc == read.server_crc


def test_a_stream_without_length_is_stored_whole(bucket: Any) -> None:
    parts = [os.urandom(100_000) for _ in range(20)]

    def stream() -> Iterator[bytes]:
        yield from parts

    bucket.put_object("stream", stream())

    assert bucket.get_object("stream").read() == b"".join(parts)


def test_an_empty_object(bucket: Any) -> None:
    bucket.put_object("empty", b"")

    assert bucket.get_object("empty").read() == b""
    assert bucket.head_object("empty").content_length == 0


def test_a_missing_object_is_told_by_get_and_head(bucket: Any) -> None:
    for read in (bucket.get_object, bucket.head_object):
        with pytest.raises(oss2.exceptions.NoSuchKey) as caught:
            read("nowhere")
        assert caught.value.status == 404
        assert caught.value.request_id
    assert not bucket.object_exists("nowhere")


def test_overwriting_replaces_and_removes_the_old_bytes(bucket: Any, cloud: RunningCloud) -> None:
    bucket.put_object("k", b"one")
    files = blob_count(cloud)

    bucket.put_object("k", b"two")

    assert bucket.get_object("k").read() == b"two"
    assert blob_count(cloud) == files


def test_forbidding_overwrite_refuses_the_second_write(bucket: Any) -> None:
    forbid = {"x-oss-forbid-overwrite": "true"}
    bucket.put_object("once", b"one", headers=forbid)

    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.put_object("once", b"two", headers=forbid)

    assert (caught.value.status, caught.value.code) == (409, "FileAlreadyExists")
    assert caught.value.ec == "0026-00000002"
    assert bucket.get_object("once").read() == b"one"


def test_deleting_twice_is_a_success(bucket: Any) -> None:
    bucket.put_object("k", b"")

    assert bucket.delete_object("k").status == 204
    assert bucket.delete_object("k").status == 204
    assert not bucket.object_exists("k")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [((0, 3), b"0123"), ((5, None), b"56789"), ((None, 2), b"89"), ((4, 4), b"4")],
)
def test_a_range_within_the_object(bucket: Any, asked: tuple[int, int], expected: bytes) -> None:
    bucket.put_object("digits", b"0123456789")

    read = bucket.get_object("digits", byte_range=asked)

    assert read.status == 206
    assert read.read() == expected


def test_a_range_beyond_the_object_gives_all_of_it_unless_standard_behaviour_is_asked(bucket: Any) -> None:
    bucket.put_object("digits", b"0123456789")
    standard = {"x-oss-range-behavior": "standard"}

    assert bucket.get_object("digits", byte_range=(5, 50)).status == 200
    assert bucket.get_object("digits", byte_range=(5, 50), headers=standard).read() == b"56789"
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.get_object("digits", byte_range=(10, 50), headers=standard)
    assert (caught.value.status, caught.value.code) == (416, "InvalidRange")


def test_conditional_reads(bucket: Any) -> None:
    etag = bucket.put_object("k", b"x").etag

    assert bucket.get_object("k", headers={"If-Match": f'"{etag}"'}).read() == b"x"
    with pytest.raises(oss2.exceptions.PreconditionFailed):
        bucket.get_object("k", headers={"If-Match": '"0"'})
    with pytest.raises(oss2.exceptions.NotModified):
        bucket.get_object("k", headers={"If-None-Match": f'"{etag}"'})
    modified = bucket.head_object("k").headers["Last-Modified"]
    with pytest.raises(oss2.exceptions.NotModified):
        bucket.get_object("k", headers={"If-Modified-Since": modified})
    assert bucket.get_object("k", headers={"If-Unmodified-Since": modified}).read() == b"x"


def test_content_md5_is_checked(bucket: Any) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.put_object("k", b"body", headers={"Content-MD5": oss2.utils.content_md5(b"other")})

    assert (caught.value.status, caught.value.code) == (400, "InvalidDigest")
    assert not bucket.object_exists("k")


def test_object_meta(bucket: Any) -> None:
    written = bucket.put_object("k", b"12345")

    meta = bucket.get_object_meta("k")

    assert (meta.content_length, meta.etag) == (5, written.etag)


def test_copy_keeps_the_description_or_replaces_it(bucket: Any) -> None:
    bucket.put_object("a/ä", b"data", headers={"Content-Type": "text/x", "x-oss-meta-n": "1"})

    bucket.copy_object(bucket.bucket_name, "a/ä", "kept")
    bucket.copy_object(
        bucket.bucket_name,
        "a/ä",
        "replaced",
        headers={"x-oss-metadata-directive": "REPLACE", "Content-Type": "text/y"},
    )

    assert bucket.get_object("kept").read() == b"data"
    assert bucket.head_object("kept").headers["x-oss-meta-n"] == "1"
    replaced = bucket.head_object("replaced")
    assert replaced.content_type == "text/y"
    assert "x-oss-meta-n" not in replaced.headers
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.copy_object(bucket.bucket_name, "nowhere", "k")


def test_copy_honours_forbid_overwrite(bucket: Any) -> None:
    bucket.put_object("a", b"a")
    bucket.put_object("b", b"b")

    with pytest.raises(oss2.exceptions.ServerError, match="FileAlreadyExists"):
        bucket.copy_object(bucket.bucket_name, "a", "b", headers={"x-oss-forbid-overwrite": "true"})

    assert bucket.get_object("b").read() == b"b"


def test_deleting_many_tells_what_is_gone(bucket: Any) -> None:
    for key in ("a", "b/ü", "c"):
        bucket.put_object(key, b"")

    result = bucket.batch_delete_objects(["a", "b/ü", "missing"])

    assert result.deleted_keys == ["a", "b/ü", "missing"]
    assert [each.key for each in bucket.list_objects().object_list] == ["c"]


def test_append_goes_on_where_it_ended(bucket: Any) -> None:
    first = bucket.append_object("log", 0, b"one ")
    second = bucket.append_object("log", first.next_position, b"two")

    assert bucket.get_object("log").read() == b"one two"
    assert second.next_position == 7
    assert bucket.head_object("log").object_type == "Appendable"
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength):
        bucket.append_object("log", 0, b"again")
    bucket.put_object("plain", b"")
    with pytest.raises(oss2.exceptions.ServerError, match="ObjectNotAppendable"):
        bucket.append_object("plain", 0, b"x")


def test_encryption_headers_are_echoed(bucket: Any) -> None:
    written = bucket.put_object("k", b"", headers={"x-oss-server-side-encryption": "AES256"})

    assert written.headers["x-oss-server-side-encryption"] == "AES256"
    assert bucket.head_object("k").headers["x-oss-server-side-encryption"] == "AES256"
    with pytest.raises(oss2.exceptions.ServerError, match="InvalidEncryptionAlgorithmError"):
        bucket.put_object("k", b"", headers={"x-oss-server-side-encryption": "ROT13"})


def test_tags_and_acl_of_an_object(bucket: Any) -> None:
    bucket.put_object("k", b"x")
    rule = oss2.models.TaggingRule()
    rule.add("purpose", "test")

    bucket.put_object_tagging("k", oss2.models.Tagging(rule))
    bucket.put_object_acl("k", oss2.OBJECT_ACL_PUBLIC_READ)

    assert bucket.get_object_tagging("k").tag_set.tagging_rule == {"purpose": "test"}
    assert bucket.get_object_acl("k").acl == "public-read"
    assert bucket.get_object("k").read() == b"x"
    bucket.delete_object_tagging("k")
    assert bucket.get_object_tagging("k").tag_set.tagging_rule == {}


@pytest.mark.parametrize("key", ["/leading", "\\leading", "x" * 1024])
def test_names_that_oss_refuses(bucket: Any, key: str) -> None:
    # The SDK refuses some of them itself, so the URL is signed and sent by hand.
    url = bucket.sign_url("PUT", key, 60)

    answer = requests.put(url, data=b"x", timeout=10)

    assert answer.status_code == 400
    assert "<Code>InvalidObjectName</Code>" in answer.text


def test_an_upload_that_breaks_off_leaves_nothing(bucket: Any, cloud: RunningCloud) -> None:
    files, lost = blob_count(cloud), _lost_connections(cloud)

    def broken() -> Iterator[bytes]:
        yield b"x" * 300_000
        raise OSError("the disk of the client failed")

    with pytest.raises(oss2.exceptions.RequestError):
        bucket.put_object("k", broken())

    # The cloud learns of it when the connection closes, and records the call when it has cleaned up.
    assert wait_until(lambda: _lost_connections(cloud) == lost + 1)
    assert not bucket.object_exists("k")
    assert blob_count(cloud) == files


def test_what_is_not_emulated_is_refused(bucket: Any) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.put_symlink("target", "link")

    assert (caught.value.status, caught.value.code) == (501, "NotImplemented")


def _lost_connections(cloud: RunningCloud) -> int:
    return [call["code"] for call in cloud.admin.calls("oss")].count("ConnectionLost")
