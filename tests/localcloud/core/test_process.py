"""The cloud as a process: start, kill, restart, refusals."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest
import requests

from localcloud.client import LocalCloud, clean_local_cloud, start_local_cloud
from tests.abandoned import told
from tests.localcloud.running import wait_until


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    state_dir = tmp_path / "cloud"
    with told(sys.executable, "-m", "tests.localcloud.machines.place", state_dir):
        started = start_local_cloud(state_dir)
        yield started
        started.kill()
        clean_local_cloud(state_dir)


def _bucket(cloud: LocalCloud) -> Any:
    auth = oss2.AuthV4(cloud.access.access_key_id, cloud.access.access_key_secret)
    return oss2.Bucket(auth, cloud.access.oss, "kept", region="cn-hangzhou")


def test_a_killed_cloud_comes_back_with_its_ports_keys_and_objects(cloud: LocalCloud) -> None:
    access = cloud.access
    _bucket(cloud).create_bucket()
    _bucket(cloud).put_object("k", b"x" * 1_000_000)

    cloud.kill()
    cloud.start()

    assert cloud.access == access
    assert _bucket(cloud).get_object("k").read() == b"x" * 1_000_000
    assert [call["action"] for call in cloud.admin.calls("oss")] == ["PutBucket", "PutObject", "GetObject"]


def test_a_half_written_object_is_gone_after_the_restart(cloud: LocalCloud) -> None:
    _bucket(cloud).create_bucket()

    def stream() -> Iterator[bytes]:
        yield b"x" * 600_000
        cloud.kill()
        yield b"y" * 600_000

    with pytest.raises(oss2.exceptions.RequestError):
        _bucket(cloud).put_object("k", stream())
    cloud.start()

    assert not _bucket(cloud).object_exists("k")
    assert [path for path in (cloud.state_dir / "oss").rglob("*") if path.is_file()] == []


def test_a_second_cloud_on_the_same_state_is_refused(cloud: LocalCloud) -> None:
    command = [sys.executable, "-m", "localcloud", "--state", str(cloud.state_dir)]

    second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert second.returncode == 2
    assert second.stderr == (
        f"localcloud: {cloud.state_dir}: a local cloud runs here already (process {cloud.pid})\n"
    )
    assert cloud.admin.healthy()


def test_a_port_that_is_taken_is_named(cloud: LocalCloud, tmp_path: Path) -> None:
    port = cloud.access.host("oss").partition(":")[2]
    config = tmp_path / "config.yaml"
    config.write_text(f"ports: {{oss: {port}}}\n")
    command = [
        sys.executable,
        "-m",
        "localcloud",
        "--state",
        str(tmp_path / "other"),
        "--config",
        str(config),
    ]

    second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert second.returncode == 2
    assert second.stderr.startswith(f"localcloud: port {port} of oss is taken")


def test_a_bad_configuration_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("regoins: []\n")
    command = [sys.executable, "-m", "localcloud", "--state", str(tmp_path / "s"), "--config", str(config)]

    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "regoins" in ended.stderr


def test_it_ends_in_order_when_asked(cloud: LocalCloud) -> None:
    assert cloud.stop() == 0

    with pytest.raises(requests.ConnectionError):
        requests.get(cloud.access.oss, timeout=5)


def test_the_admin_endpoint_can_end_it(cloud: LocalCloud) -> None:
    cloud.admin.shutdown()

    # A SIGTERM on top, while Python ends, would be its exit code.
    assert wait_until(lambda: cloud.pid is None, 30)
    assert cloud.stop() == 0


def test_every_request_is_one_line_without_values(cloud: LocalCloud) -> None:
    _bucket(cloud).create_bucket()
    url = _bucket(cloud).sign_url("GET", "secret-name", 60)
    request_id = requests.get(url, timeout=10).headers["x-oss-request-id"]

    lines = [line for line in cloud.log.read_text().splitlines() if request_id in line]

    assert len(lines) == 1
    assert " oss GetObject 404 NoSuchKey " in lines[0]
    assert "secret-name" not in cloud.log.read_text()
    assert cloud.access.access_key_secret not in cloud.log.read_text()


def test_it_listens_on_loopback_only(cloud: LocalCloud) -> None:
    port = int(cloud.access.host("ecs").partition(":")[2])

    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]

    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening
