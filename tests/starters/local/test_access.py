"""The local cloud's entry in the configuration file."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from starters.local.access import remove_access, temporal_address, write_access
from wdrip.errors import InvalidInput

_ADDRESS = "127.0.0.1:7233"
_OWN = """\
apiVersion: alibabacloud.com/v1
contexts:
- context:
    provider-key: alibaba.dev
  name: devEnv
current-context: devEnv
kind: Config
providers:
- name: alibaba.dev
  provider:
    name: alibaba
    value: {accessKeyId: mine, accessKeySecret: hidden, bucketName: my-bucket, region: cn-beijing}
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    """A state directory as the local cloud leaves it at its start."""
    folder = tmp_path / "cloud"
    folder.mkdir()
    services = ("ecs", "ros", "oss", "admin", "ossInternal")
    endpoints = {service: f"http://127.0.0.1:{number}" for number, service in enumerate(services, 20000)}
    (folder / "endpoints.json").write_text(json.dumps(endpoints), encoding="utf-8")
    keys = {"accessKeyId": "LTAIx", "accessKeySecret": "s", "accountId": "1"}
    (folder / "credentials.json").write_text(json.dumps(keys), encoding="utf-8")
    return folder


def _write(config: Path, cloud: Path) -> bool:
    return write_access(config, "local", cloud, _ADDRESS, cloud / "encryption.key")


def _read(config: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(config.read_text(encoding="utf-8")))


def test_fresh_file_is_private_and_complete(tmp_path: Path, cloud: Path) -> None:
    config = tmp_path / "home" / "config"

    assert _write(config, cloud) is True

    assert config.stat().st_mode & 0o777 == 0o600
    document = _read(config)
    assert document["current-context"] == "local"
    assert document["temporal"] == {"address": _ADDRESS, "namespace": "default"}
    value = document["providers"][0]["provider"]["value"]
    assert value["accessKeyId"] == "LTAIx"
    assert set(value["endpoints"]) == {"ecs", "ros", "oss", "ossInternal"}
    assert value["versionPolicy"] == "nearest"


def test_persons_own_file_keeps_its_say(tmp_path: Path, cloud: Path) -> None:
    config = tmp_path / "config"
    config.write_text(_OWN, encoding="utf-8")

    assert _write(config, cloud) is False

    document = _read(config)
    assert document["current-context"] == "devEnv"
    assert [each["name"] for each in document["providers"]] == ["alibaba.dev", "alibaba.local"]
    assert document["providers"][0] == yaml.safe_load(_OWN)["providers"][0]


def test_writing_again_replaces_the_entry(tmp_path: Path, cloud: Path) -> None:
    config = tmp_path / "config"
    _write(config, cloud)
    keys = {"accessKeyId": "LTAInew", "accessKeySecret": "s", "accountId": "1"}
    (cloud / "credentials.json").write_text(json.dumps(keys), encoding="utf-8")

    assert _write(config, cloud) is True

    document = _read(config)
    assert [each["provider"]["value"]["accessKeyId"] for each in document["providers"]] == ["LTAInew"]
    assert [each["name"] for each in document["contexts"]] == ["local"]


def test_removing_leaves_the_persons_own(tmp_path: Path, cloud: Path) -> None:
    config = tmp_path / "config"
    config.write_text(_OWN, encoding="utf-8")
    _write(config, cloud)

    remove_access(config, "local", _ADDRESS)

    assert _read(config) == yaml.safe_load(_OWN)


def test_removing_from_a_file_of_its_own_removes_the_file(tmp_path: Path, cloud: Path) -> None:
    config = tmp_path / "config"
    _write(config, cloud)

    remove_access(config, "local", _ADDRESS)
    remove_access(config, "local", _ADDRESS)

    assert not config.exists()


def test_another_temporal_server_stays(tmp_path: Path, cloud: Path) -> None:
    config = tmp_path / "config"
    config.write_text(_OWN + "temporal: {address: 'temporal.example:7233'}\n", encoding="utf-8")

    _write(config, cloud)
    remove_access(config, "local", _ADDRESS)

    assert temporal_address(config) == "temporal.example:7233"


@pytest.mark.parametrize("text", ["a: [", "just words"])
def test_unreadable_file_is_left_alone(text: str, tmp_path: Path, cloud: Path) -> None:
    config = tmp_path / "config"
    config.write_text(text, encoding="utf-8")

    with pytest.raises(InvalidInput, match="mend the file or move it away"):
        _write(config, cloud)

    assert config.read_text(encoding="utf-8") == text
