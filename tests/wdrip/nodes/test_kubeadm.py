"""kubeadm's configuration in each of its API versions."""

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from tests.wdrip.nodes.kubeadm_fields import (
    cluster_configuration,
    init_configuration,
    join_configuration,
    refused,
)
from wdrip.errors import InvalidInput
from wdrip.models.node_pool import Taint
from wdrip.nodes.kubeadm import (
    JoinInput,
    KubeadmInput,
    NodeIdentity,
    api_version,
    init_config,
    join_config,
    kubelet_may_set,
)
from wdrip.nodes.operations import DISCOVERY_FILE

NODE = NodeIdentity(
    name="192.168.0.77.i-bp12a2wcmbrd4383cai3",
    ip="192.168.0.77",
    provider_id="cn-hangzhou.i-bp12a2wcmbrd4383cai3",
)
GIVEN = KubeadmInput(
    cluster_name="kubernetes-id-001",
    kubernetes_version="v1.20.2",
    endpoint_name="apiserver.kubernetes-id-001.wdrip",
    sans=("192.168.0.1", "192.168.0.200", "127.47.0.1", "192.168.0.77"),
    pod_cidr="172.16.0.0/16",
    service_cidr="172.19.0.0/20",
    dns_domain="cluster.domain",
    node_mask=25,
    proxy_mode="ipvs",
    image_repository="registry-vpc.cn-hangzhou.aliyuncs.com/acs",
    node=NODE,
)
JOINING = JoinInput(
    kubernetes_version="v1.20.2",
    node=NODE,
    control_plane=True,
)
ONE_OF_EACH = [("v1.20.2", 2), ("v1.28.15", 3), ("v1.33.1", 4)]


def documents(given: KubeadmInput) -> dict[str, Any]:
    return {document["kind"]: document for document in yaml.safe_load_all(init_config(given))}


@pytest.mark.parametrize(
    ("kubernetes", "api"),
    [
        ("v1.15.0", "v1beta2"),
        ("1.20.4-aliyun.1", "v1beta2"),
        ("v1.21.14", "v1beta2"),
        ("v1.22.0", "v1beta3"),
        ("v1.30.9", "v1beta3"),
        ("v1.31.0", "v1beta4"),
        ("v1.35.0", "v1beta4"),
    ],
)
def test_api_version_follows_the_kubernetes_version(kubernetes: str, api: str) -> None:
    assert api_version(kubernetes) == f"kubeadm.k8s.io/{api}"


@pytest.mark.parametrize("version", ["v1.14.10", "2.0.0", "latest", ""])
def test_versions_without_a_known_configuration_are_refused(version: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        api_version(version)
    assert refusal.value.field == "kubernetes.version"


@pytest.mark.parametrize(("kubernetes", "number"), ONE_OF_EACH)
def test_every_field_is_one_that_the_version_has(kubernetes: str, number: int) -> None:
    found = documents(replace(GIVEN, kubernetes_version=kubernetes))
    assert refused(found["InitConfiguration"], init_configuration(number)) == []
    assert refused(found["ClusterConfiguration"], cluster_configuration(number)) == []
    joining = yaml.safe_load(join_config(replace(JOINING, kubernetes_version=kubernetes)))
    assert refused(joining, join_configuration(number)) == []
    assert joining["apiVersion"].endswith(f"v1beta{number}")


def test_the_field_check_refuses_what_a_version_lacks() -> None:
    older = documents(GIVEN)["ClusterConfiguration"]
    assert refused(older, cluster_configuration(4)) == [".controllerManager.extraArgs: not a list"]
    assert refused({"useHyperKubeImage": True}, cluster_configuration(3)) == [".useHyperKubeImage"]


@pytest.mark.parametrize(("kubernetes", "number"), ONE_OF_EACH)
def test_no_token_is_in_the_configuration(kubernetes: str, number: int) -> None:
    text = init_config(replace(GIVEN, kubernetes_version=kubernetes))
    text += join_config(replace(JOINING, kubernetes_version=kubernetes))
    assert "token:" not in text


def test_cluster_configuration_says_what_was_asked() -> None:
    cluster = documents(GIVEN)["ClusterConfiguration"]
    assert cluster["controlPlaneEndpoint"] == "apiserver.kubernetes-id-001.wdrip:6443"
    assert cluster["networking"] == {
        "podSubnet": "172.16.0.0/16",
        "serviceSubnet": "172.19.0.0/20",
        "dnsDomain": "cluster.domain",
    }
    assert cluster["controllerManager"]["extraArgs"] == {"node-cidr-mask-size": "25"}
    assert cluster["etcd"]["external"]["endpoints"] == ["https://127.0.0.1:2379"]
    assert cluster["imageRepository"] == "registry-vpc.cn-hangzhou.aliyuncs.com/acs"


def test_certificate_names_are_all_there_and_each_once() -> None:
    assert documents(GIVEN)["ClusterConfiguration"]["apiServer"]["certSANs"] == [
        "192.168.0.1",
        "192.168.0.200",
        "127.47.0.1",
        "192.168.0.77",
        "apiserver.kubernetes-id-001.wdrip",
    ]


@pytest.mark.parametrize(("kubernetes", "socket"), [("v1.20.2", "/run/"), ("v1.28.0", "unix:///run/")])
def test_runtime_socket_is_a_url_from_v1beta3_on(kubernetes: str, socket: str) -> None:
    init = documents(replace(GIVEN, kubernetes_version=kubernetes))["InitConfiguration"]
    assert init["nodeRegistration"]["criSocket"] == f"{socket}containerd/containerd.sock"


def test_kubelet_arguments_of_a_machine_win_over_derived_ones() -> None:
    node = replace(NODE, kubelet_arguments={"v": "4", "node-ip": "10.0.0.1"})
    init = documents(replace(GIVEN, node=node))["InitConfiguration"]
    assert init["nodeRegistration"]["kubeletExtraArgs"] == {
        "node-ip": "10.0.0.1",
        "provider-id": NODE.provider_id,
        "v": "4",
    }


@pytest.mark.parametrize(("mask", "pods"), [(24, 110), (25, 110), (26, 61), (28, 13)])
def test_a_node_gets_no_more_pods_than_addresses(mask: int, pods: int) -> None:
    assert documents(replace(GIVEN, node_mask=mask))["KubeletConfiguration"]["maxPods"] == pods


def test_proxy_keeps_the_asked_mode() -> None:
    assert documents(GIVEN)["KubeProxyConfiguration"]["mode"] == "ipvs"


def test_a_worker_joins_without_a_control_plane_section() -> None:
    worker = yaml.safe_load(join_config(replace(JOINING, control_plane=False)))
    assert "controlPlane" not in worker
    assert worker["discovery"] == {"file": {"kubeConfigPath": DISCOVERY_FILE}}


def test_labels_and_taints_of_a_pool_are_there_from_the_first_moment() -> None:
    taints = (Taint(key="gpu", value="yes", effect="NoSchedule"),)
    node = replace(NODE, labels={"pool": "a", "topology.kubernetes.io/zone": "k"}, taints=taints)
    registration = yaml.safe_load(join_config(replace(JOINING, node=node)))["nodeRegistration"]
    assert registration["taints"] == [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]
    assert registration["kubeletExtraArgs"]["node-labels"] == "pool=a,topology.kubernetes.io/zone=k"


@pytest.mark.parametrize("value", ["y", "no", "1e3", "0x1f", "on", ""])
def test_text_that_looks_like_something_else_stays_text(value: str) -> None:
    taints = (Taint(key="key", value=value, effect="NoSchedule"),)
    text = join_config(replace(JOINING, node=replace(NODE, taints=taints)))
    assert f'value: "{value}"\n' in text or f"value: '{value}'\n" in text


def test_a_node_without_taints_of_its_own_keeps_those_of_its_role() -> None:
    assert "taints" not in yaml.safe_load(join_config(JOINING))["nodeRegistration"]
    without = replace(JOINING, node=replace(NODE, taints=()))
    assert yaml.safe_load(join_config(without))["nodeRegistration"]["taints"] == []


@pytest.mark.parametrize(
    ("label", "allowed"),
    [
        ("pool", True),
        ("example.com/pool", True),
        ("notkubernetes.io/pool", True),
        ("node.kubernetes.io/anything", True),
        ("a.node.kubernetes.io/anything", True),
        ("topology.kubernetes.io/zone", True),
        ("node-role.kubernetes.io/worker", False),
        ("kubernetes.io/anything", False),
        ("a.k8s.io/anything", False),
    ],
)
def test_a_label_that_would_keep_the_kubelet_from_starting_is_refused(label: str, allowed: bool) -> None:
    assert kubelet_may_set(label) is allowed
    joining = replace(JOINING, node=replace(NODE, labels={label: "x"}))
    if allowed:
        assert f"{label}=x" in join_config(joining)
    else:
        with pytest.raises(InvalidInput, match=re.escape(label)):
            join_config(joining)
