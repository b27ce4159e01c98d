"""Buckets and their listings through the OSS SDK."""

from itertools import pairwise
from typing import Any

import oss2
import pytest

from tests.localcloud.oss.conftest import REGION, open_bucket
from tests.localcloud.running import RunningCloud


def test_a_new_bucket_is_private_and_described(bucket: Any, cloud: RunningCloud) -> None:
    info = bucket.get_bucket_info()

    assert info.name == bucket.bucket_name
    assert info.owner.id == cloud.access.account_id
    assert info.acl.grant == "private"
    assert info.location == bucket.get_bucket_location().location == f"oss-{REGION}"


def test_the_acl_can_be_changed(bucket: Any) -> None:
    bucket.put_bucket_acl(oss2.BUCKET_ACL_PUBLIC_READ)

    assert bucket.get_bucket_acl().acl == "public-read"


def test_creating_ones_own_bucket_again_changes_nothing(bucket: Any) -> None:
    bucket.put_object("k", b"x")

    bucket.create_bucket()

    assert bucket.get_object("k").read() == b"x"


def test_buckets_of_an_account_are_listed(bucket: Any, cloud: RunningCloud, auth: Any, stranger: Any) -> None:
    mine = oss2.Service(auth, cloud.access.oss, region=REGION).list_buckets(prefix="test-")
    theirs = oss2.Service(stranger, cloud.access.oss, region=REGION).list_buckets()

    assert bucket.bucket_name in [each.name for each in mine.buckets]
    assert theirs.buckets == []


def test_a_bucket_with_objects_or_uploads_stays(bucket: Any) -> None:
    bucket.put_object("k", b"")
    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        bucket.delete_bucket()
    bucket.delete_object("k")
    bucket.init_multipart_upload("k")
    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        bucket.delete_bucket()


def test_a_strangers_bucket_can_neither_be_made_nor_read(
    bucket: Any, cloud: RunningCloud, stranger: Any
) -> None:
    bucket.put_object("k", b"secret")
    foreign = open_bucket(cloud, stranger, bucket.bucket_name)

    with pytest.raises(oss2.exceptions.ServerError) as caught:
        foreign.create_bucket()
    assert (caught.value.status, caught.value.code) == (409, "BucketAlreadyExists")
    for attempt in (
        lambda: foreign.get_object("k"),
        lambda: foreign.put_object("k", b""),
        lambda: foreign.delete_object("k"),
        foreign.list_objects,
        foreign.get_bucket_info,
        foreign.delete_bucket,
    ):
        with pytest.raises(oss2.exceptions.AccessDenied):
            attempt()
    assert bucket.get_object("k").read() == b"secret"


def test_a_missing_bucket(cloud: RunningCloud, auth: Any) -> None:
    nowhere = open_bucket(cloud, auth, "never-made")

    with pytest.raises(oss2.exceptions.NoSuchBucket):
        nowhere.get_object("k")
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        nowhere.put_object("k", b"")


def test_a_bucket_of_one_region_is_not_served_to_another(bucket: Any, cloud: RunningCloud) -> None:
    auth = oss2.AuthV4(cloud.access.access_key_id, cloud.access.access_key_secret)
    elsewhere = oss2.Bucket(auth, cloud.access.oss, bucket.bucket_name, region="cn-beijing")

    with pytest.raises(oss2.exceptions.AccessDenied, match="must be addressed"):
        elsewhere.list_objects()


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
def test_pages_of_a_listing_hold_every_key_once_in_byte_order(
    bucket: Any, version: str, page_size: int
) -> None:
    keys = ["a", "a b", "a/1", "a/2", "b+c", "ä", "z", "\U0001f600", "嗨"]
    for key in keys:
        bucket.put_object(key, b"")

    kind = oss2.ObjectIterator if version == "v1" else oss2.ObjectIteratorV2
    listed = [each.key for each in kind(bucket, max_keys=page_size)]

    assert listed == sorted(keys, key=str.encode)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("page_size", [1, 2, 100])
def test_a_delimiter_folds_keys_into_prefixes(bucket: Any, version: str, page_size: int) -> None:
    for key in ("wdrip/a", "wdrip/b/1", "wdrip/b/2", "wdrip/c/1", "wdrip/d", "other"):
        bucket.put_object(key, b"")

    kind = oss2.ObjectIterator if version == "v1" else oss2.ObjectIteratorV2
    listed = [(each.key, each.is_prefix()) for each in kind(bucket, "wdrip/", "/", max_keys=page_size)]

    assert listed == [("wdrip/a", False), ("wdrip/b/", True), ("wdrip/c/", True), ("wdrip/d", False)]


def test_a_listing_can_start_behind_a_key(bucket: Any) -> None:
    for key in ("a", "b", "c"):
        bucket.put_object(key, b"x")

    listed = bucket.list_objects_v2(start_after="a", fetch_owner=True)

    assert [(each.key, each.size) for each in listed.object_list] == [("b", 1), ("c", 1)]
    assert listed.object_list[0].owner.id == bucket.get_bucket_info().owner.id
    assert all(first.key < second.key for first, second in pairwise(listed.object_list))


def test_a_listing_of_more_than_the_limit_is_refused(bucket: Any) -> None:
    with pytest.raises(oss2.exceptions.ServerError, match="InvalidArgument"):
        bucket.list_objects(max_keys=1001)
