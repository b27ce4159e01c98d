from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest

from tests.localcloud.running import STRANGER, RunningCloud, running_cloud

REGION = "cn-hangzhou"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    state: Path = tmp_path_factory.mktemp("cloud")
    with running_cloud(state) as running:
        yield running


@pytest.fixture(params=["V4", "V1"])
def auth(request: pytest.FixtureRequest, cloud: RunningCloud) -> Any:
    kind = oss2.AuthV4 if request.param == "V4" else oss2.Auth
    return kind(cloud.access.access_key_id, cloud.access.access_key_secret)


@pytest.fixture
def bucket(request: pytest.FixtureRequest, cloud: RunningCloud, auth: Any) -> Iterator[Any]:
    made = open_bucket(cloud, auth, f"test-{abs(hash(request.node.name)) % 10**12}")
    made.create_bucket()
    yield made
    cloud.admin.clear_faults()
    for upload in made.list_multipart_uploads().upload_list:
        made.abort_multipart_upload(upload.key, upload.upload_id)
    for stored in oss2.ObjectIteratorV2(made):
        made.delete_object(stored.key)
    made.delete_bucket()


@pytest.fixture
def stranger() -> Any:
    return oss2.AuthV4(STRANGER.access_key_id, STRANGER.access_key_secret)


def open_bucket(cloud: RunningCloud, auth: Any, name: str) -> Any:
    return oss2.Bucket(auth, cloud.access.oss, name, region=REGION, connect_timeout=10)


def blob_count(cloud: RunningCloud) -> int:
    return sum(1 for path in (cloud.context.state_dir / "oss").rglob("*") if path.is_file())
