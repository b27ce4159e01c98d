"""kubeconfig files: for their owner only, and good neighbours to what stands in the file already."""

from pathlib import Path

import pytest
import yaml

from wdrip.errors import InvalidInput
from wdrip.security.bundle import SecretsBundle
from wdrip.security.kubeconfig import admin_kubeconfig, merged, write


@pytest.fixture(scope="module")
def bundle() -> SecretsBundle:
    return SecretsBundle.new("abcdef.0123456789abcdef")


def test_it_names_server_user_and_context(bundle: SecretsBundle) -> None:
    kubeconfig = admin_kubeconfig("c1", "https://47.96.27.46:6443", bundle)
    context = next(each for each in kubeconfig["contexts"] if each["name"] == kubeconfig["current-context"])
    assert context["context"] == {"cluster": "c1", "user": "c1-admin"}
    assert kubeconfig["clusters"][0]["cluster"]["server"] == "https://47.96.27.46:6443"


def test_merging_keeps_the_others_and_replaces_its_own(bundle: SecretsBundle) -> None:
    old = admin_kubeconfig("c1", "https://1.1.1.1:6443", bundle)
    other = admin_kubeconfig("c2", "https://2.2.2.2:6443", bundle)
    both = merged(yaml.safe_dump(old), other)
    new = admin_kubeconfig("c1", "https://3.3.3.3:6443", bundle)
    result = merged(yaml.safe_dump({**both, "preferences": {"colors": True}}), new)
    servers = {each["name"]: each["cluster"]["server"] for each in result["clusters"]}
    assert servers == {"c1": "https://3.3.3.3:6443", "c2": "https://2.2.2.2:6443"}
    assert [each["name"] for each in result["users"]] == ["c2-admin", "c1-admin"]
    assert result["current-context"] == "c1"
    assert result["preferences"] == {"colors": True}


@pytest.mark.parametrize("text", ["just text", "[1, 2]", "clusters: {a: b}", ":\n-\t"])
def test_a_file_that_is_no_kubeconfig_is_not_touched(
    tmp_path: Path, bundle: SecretsBundle, text: str
) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(InvalidInput, match="--write"):
        write(path, admin_kubeconfig("c1", "https://1.1.1.1:6443", bundle), merge=True)
    assert path.read_text() == text


def test_the_file_is_its_owners_alone_even_when_it_was_not(tmp_path: Path, bundle: SecretsBundle) -> None:
    path = tmp_path / "new" / "config"
    write(path, admin_kubeconfig("c1", "https://1.1.1.1:6443", bundle))
    path.chmod(0o644)
    write(path, admin_kubeconfig("c1", "https://1.1.1.1:6443", bundle))
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["config"]
