"""get by its `main(argv)`: the list, one cluster, a kubeconfig that only its owner can read."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from cryptography import x509

from starters import get
from tests.starters.conftest import TOKEN, Person
from tests.world.guide import guide_config
from wdrip import names
from wdrip.models.cluster import ClusterRecord, Endpoints, Phase, Versions
from wdrip.security.bundle import SecretsBundle
from wdrip.security.sealing import load_key, seal

Output = pytest.CaptureFixture[str]


def _record(name: str, endpoints: Endpoints) -> ClusterRecord:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return ClusterRecord(
        name=name,
        uid="u1",
        provider="alibaba.local",
        region="cn-hangzhou",
        phase=Phase.RUNNING,
        config=guide_config(name),
        asked=Versions(kubernetes="1.20.4-aliyun.1", etcd="v3.4.3", runtime="docker 19.03.5"),
        actual=Versions(kubernetes="1.20.2", etcd="3.4.23", runtime="containerd 1.6.20"),
        endpoints=endpoints,
        created=now,
        updated=now,
    )


@pytest.fixture
def cluster(person: Person, name: str) -> str:
    """The name of a cluster that stands in the index, with its sealed secrets."""
    person.bucket.ensure()
    record = _record(name, Endpoints(public="127.47.0.9", private="192.168.0.75"))
    person.bucket.put(names.cluster_key(name), record.model_dump_json(by_alias=True).encode())
    key = names.secrets_key(name)
    person.bucket.put(key, seal(SecretsBundle.new(TOKEN).to_bytes(), load_key(person.provider), key))
    return name


def _error(capsys: Output) -> str:
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("wdrip: ")]
    assert len(lines) == 1
    return lines[0]


def test_list_has_name_and_endpoints(cluster: str, capsys: Output) -> None:
    assert get.main([]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "ENDPOINT", "STATUS"]
    assert [cluster, "127.47.0.9/192.168.0.75", "Running"] in [row.split() for row in rows]


def test_list_of_no_bucket_is_empty(person: Person, capsys: Output) -> None:
    text = person.config.read_text(encoding="utf-8").replace("wdrip-index", "wdrip-none")
    person.config.write_text(text, encoding="utf-8")
    assert get.main([]) == 0
    assert capsys.readouterr().out.split() == ["NAME", "ENDPOINT", "STATUS"]


@pytest.mark.parametrize(("form", "parse"), [("yaml", yaml.safe_load), ("json", json.loads)])
def test_one_cluster_shows_asked_and_actual_versions(
    form: str, parse: Callable[[str], Any], cluster: str, capsys: Output
) -> None:
    assert get.main(["-n", cluster, "-o", form]) == 0
    text = capsys.readouterr().out
    shown = parse(text)
    assert shown["name"] == cluster
    assert shown["asked"] == {"kubernetes": "1.20.4-aliyun.1", "etcd": "v3.4.3", "runtime": "docker 19.03.5"}
    assert shown["actual"] == {"kubernetes": "1.20.2", "etcd": "3.4.23", "runtime": "containerd 1.6.20"}
    assert shown["config"]["network"]["podcidr"] == "172.16.0.0/16"
    assert TOKEN not in text


def test_unknown_cluster(person: Person, name: str, capsys: Output) -> None:
    person.bucket.ensure()
    assert get.main(["-n", name]) == 2
    assert (
        _error(capsys) == f"wdrip: --name: there is no cluster `{name}`; list the clusters with `wdrip get`"
    )


def test_kubeconfig_is_signed_by_the_clusters_authority_and_private(cluster: str, person: Person) -> None:
    path = person.home / "kube" / "config"

    assert get.main(["-r", "kubeconfig", "-n", cluster, "-w", str(path)]) == 0

    assert path.stat().st_mode & 0o777 == 0o600
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    server = document["clusters"][0]["cluster"]
    assert server["server"] == "https://127.47.0.9:6443"
    authority = _certificate(server["certificate-authority-data"])
    client = _certificate(document["users"][0]["user"]["client-certificate-data"])
    client.verify_directly_issued_by(authority)
    assert "system:masters" in client.subject.rfc4514_string()


def _certificate(data: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(base64.b64decode(data))


def test_merge_keeps_what_the_file_held(cluster: str, person: Person) -> None:
    path = person.home / "config.txt"
    own = {"name": "mine", "context": {"cluster": "mine", "user": "me"}}
    path.write_text(yaml.safe_dump({"contexts": [own], "clusters": [], "users": []}), encoding="utf-8")

    assert get.main(["-r", "kubeconfig", "-n", cluster, "-w", str(path), "--merge"]) == 0

    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert [each["name"] for each in document["contexts"]] == ["mine", cluster]
    assert document["current-context"] == cluster


def test_kubeconfig_of_a_cluster_without_api_server(person: Person, name: str, capsys: Output) -> None:
    person.bucket.ensure()
    record = _record(name, Endpoints()).model_copy(update={"phase": Phase.CREATING})
    person.bucket.put(names.cluster_key(name), record.model_dump_json(by_alias=True).encode())
    path = person.home / "config.txt"

    assert get.main(["-r", "kubeconfig", "-n", name, "-w", str(path)]) == 1

    assert f"cluster {name} is Creating and has no API server yet" in _error(capsys)
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["-r", "kubeconfig", "-w", "x"], "--name"),
        (["-r", "kubeconfig", "-n", "x"], "--write"),
        (["-w", "x"], "--write"),
    ],
)
def test_missing_companions(arguments: list[str], field: str, person: Person, capsys: Output) -> None:
    assert get.main(arguments) == 2
    assert _error(capsys).startswith(f"wdrip: {field}: ")


def test_file_that_cannot_be_written(cluster: str, person: Person, capsys: Output) -> None:
    blocked = person.home / "file"
    blocked.write_text("", encoding="utf-8")
    assert get.main(["-r", "kubeconfig", "-n", cluster, "-w", str(blocked / "config")]) == 2
    assert _error(capsys).startswith("wdrip: --write: ")


def test_wrong_secret(person: Person, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    person.bucket.ensure()
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "wrong")
    assert get.main([]) == 2
    assert _error(capsys).startswith("wdrip: accessKeySecret: ")


def test_unknown_context(person: Person, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("WDRIP_CONTEXT", "nowhere")
    assert get.main([]) == 2
    assert _error(capsys) == "wdrip: WDRIP_CONTEXT: there is no context nowhere; name one of: local"


def test_unreachable_cloud(person: Person, cloud_endpoint: str, capsys: Output) -> None:
    text = person.config.read_text(encoding="utf-8").replace(cloud_endpoint, "http://127.0.0.1:1")
    person.config.write_text(text, encoding="utf-8")
    assert get.main([]) == 2
    assert _error(capsys) == (
        "wdrip: endpoints: cannot list oss://wdrip-index/wdrip/clusters/: 127.0.0.1:1 cannot be reached, "
        "nothing listens there; check the network, and `region` and `endpoints` of the provider"
    )


@pytest.fixture
def cloud_endpoint(person: Person) -> str:
    return person.provider.oss_endpoint


def test_answers_within_its_budget_of_imports(person: Person) -> None:
    """A list needs OSS and nothing else: no Temporal, no ECS or ROS SDK, no Kubernetes client."""
    sdks = ("alibabacloud_ecs20140526", "alibabacloud_ros20190910", "kubernetes")
    heavy = ("temporalio", "rich", "aiohttp", *sdks)
    script = (
        "import sys; from starters.get import main; code = main([]);"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    person.bucket.ensure()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"
