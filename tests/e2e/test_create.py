"""The guide's create, from config.yaml to a Ready node, and back to nothing."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import GuideConfig
from tests.e2e.host import traces
from tests.e2e.stack import Stack
from tests.world.guide import NODE_POOL

pytestmark = [pytest.mark.machines, pytest.mark.timeout(900)]

NAME = "kubernetes-id-001"


@pytest.fixture(scope="module")
def created(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The guide's cluster, made by the guide's commands; its kubeconfig, and the token of its config.yaml."""
    folder = tmp_path_factory.mktemp("guide")
    config = GuideConfig(stack, folder)
    said = stack.wdrip("create", "--config", str(config.write(NAME)))
    assert f"[ wdrip watch --name {NAME} ]" in said.err
    watched = stack.wdrip("watch", "--name", NAME).out
    assert "ALIYUN::ROS::Stack" in watched
    assert "CREATE_COMPLETE" in watched
    kubeconfig = folder / "config.txt"
    stack.wdrip("get", "-r", "kubeconfig", "-n", NAME, "-w", str(kubeconfig))
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    yield kubeconfig, config.token
    stack.wdrip("delete", "-n", NAME, "--yes", "--wait")


def test_exactly_one_node_the_master_is_ready(stack: Stack, created: tuple[Path, str]) -> None:
    lines = stack.kubectl(created[0], "get", "no", "--no-headers").splitlines()
    assert len(lines) == 1
    name, status, roles, _age, version = lines[0].split()
    assert re.fullmatch(r"192\.168\.0\.\d+\.i-[a-z0-9]+", name)
    assert (status, roles, version) == ("Ready", "control-plane,master", "v1.20.2")


def test_the_node_knows_its_machine(stack: Stack, created: tuple[Path, str]) -> None:
    node = json.loads(stack.kubectl(created[0], "get", "no", "-o", "json"))["items"][0]
    instance = node["metadata"]["name"].rpartition(".")[2]
    assert node["spec"]["providerID"] == f"cn-hangzhou.{instance}"
    # 172.16.0.0/16 in ranges of /25: the guide's podcidr and netMask.
    assert node["spec"]["podCIDR"] == "172.16.0.0/25"


def test_the_list_shows_both_endpoints(stack: Stack, created: tuple[Path, str]) -> None:
    heading, *rows = [line for line in stack.wdrip("get").out.splitlines() if line.startswith(("NAME", NAME))]
    assert heading.split()[:2] == ["NAME", "ENDPOINT"]
    name, endpoint, status = rows[0].split()
    public, private = endpoint.split("/")
    assert (name, status) == (NAME, "Running")
    assert private.startswith("192.168.")
    server = yaml.safe_load(created[0].read_text())["clusters"][0]["cluster"]["server"]
    assert server == f"https://{public}:6443"


def test_the_details_show_asked_and_actual_versions(stack: Stack, created: tuple[Path, str]) -> None:
    record = json.loads(stack.wdrip("get", "-n", NAME, "-o", "json").out)
    assert record["asked"]["kubernetes"] == "1.20.4-aliyun.1"
    assert record["actual"]["kubernetes"].lstrip("v") == "1.20.2"
    assert record["phase"] == "Running"
    assert yaml.safe_load(stack.wdrip("get", "-n", NAME, "-o", "yaml").out) == record


def test_the_control_plane_and_proxy_run(stack: Stack, created: tuple[Path, str]) -> None:
    def phases() -> dict[str, str]:
        pods = json.loads(stack.kubectl(created[0], "-n", "kube-system", "get", "pods", "-o", "json"))[
            "items"
        ]
        return {pod["metadata"]["name"].split("-192")[0]: pod["status"]["phase"] for pod in pods}

    def all_run() -> bool:
        return len(phases()) >= 4 and set(phases().values()) == {"Running"}

    stack.until(all_run, 120, "the control plane's pods to run")
    assert {"kube-apiserver", "kube-controller-manager", "kube-scheduler"} <= set(phases())
    assert any(name.startswith("kube-proxy") for name in phases())


def test_masterset_and_nodepool_answer_the_guides_commands(stack: Stack, created: tuple[Path, str]) -> None:
    kubeconfig = created[0]
    for namespace in ((), ("-n", "kube-system")):
        assert "masterset" in stack.kubectl(kubeconfig, *namespace, "get", "masterset")
        assert "default-nodepool" in stack.kubectl(
            kubeconfig, *namespace, "get", "nodepool", "default-nodepool"
        )
    pool = json.loads(stack.kubectl(kubeconfig, "get", "nodepool", "default-nodepool", "-o", "json"))
    assert pool["spec"]["infra"]["desiredCapacity"] == 0
    said = stack.kubectl(kubeconfig, "apply", "--dry-run=server", "-f", "-", stdin=NODE_POOL)
    assert "nodepool.alibabacloud.com/nodepool-01 created" in said


def test_the_machine_leaves_the_traces_that_taking_down_looks_for(
    stack: Stack, created: tuple[Path, str]
) -> None:
    found = "\n".join(traces(stack))
    for kind in ("wl-", "/sys/fs/cgroup", "/run/wl-", "/cloud/machines/", "systemd-nspawn", "haproxy"):
        assert kind in found


def test_nothing_secret_is_in_the_history(stack: Stack, created: tuple[Path, str]) -> None:
    _, token = created
    history = stack.history(NAME)
    assert token not in history
    assert "PRIVATE KEY" not in history
    secret = yaml.safe_load((stack.home / ".wdrip" / "config").read_text())["providers"][0]["provider"][
        "value"
    ]
    assert secret["accessKeySecret"] not in history


def test_a_second_cluster_of_the_name_is_refused(
    stack: Stack, created: tuple[Path, str], guide_config: GuideConfig
) -> None:
    said = stack.wdrip("create", "--config", str(guide_config.write(NAME)), fails=2).err
    assert "clusterid" in said
    assert "exists" in said
