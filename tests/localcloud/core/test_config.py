from pathlib import Path

import pytest

from localcloud.core.accounts import load_accounts
from localcloud.core.config import Config, ConfigError, load_config


def test_the_guides_own_cluster_fits_the_defaults() -> None:
    config = load_config(None)

    region = config.region("cn-hangzhou")
    assert region is not None
    assert "cn-hangzhou-k" in region.zones
    assert "centos_7_9_x64_20G_alibase_20210623.vhd" in [image.id for image in config.images]
    xlarge = next(each for each in config.instance_types if each.id == "ecs.c6.xlarge")
    assert (xlarge.cores, xlarge.memory_gib, xlarge.family) == (4, 8, "ecs.c6")
    assert "cloud_essd" in config.disk_categories


def test_a_file_changes_single_keys(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("ports: {ecs: 21000}\nlimits: {instances: 3}\n")

    config = load_config(path)

    assert (config.ports.ecs, config.ports.ros, config.limits.instances) == (21000, 0, 3)
    assert config.regions == Config().regions


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prots: {}", "prots"),
        ("elasticRange: 10.0.0.0/8", "elasticRange"),
        ("a: [", "is not YAML"),
        ("[]", "the file"),
    ],
)
def test_a_bad_file_is_refused_by_key(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=complaint):
        load_config(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")


def test_a_key_pair_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    load_accounts(tmp_path, Config())
    path = tmp_path / "credentials.json"
    first = path.read_text()

    load_accounts(tmp_path, Config())

    assert path.read_text() == first
    assert path.stat().st_mode & 0o777 == 0o600
