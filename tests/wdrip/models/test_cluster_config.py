"""The guide's file is accepted as it stands; whatever cannot work is refused in one clear line."""

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.world.guide import CONFIG
from wdrip.errors import InvalidInput
from wdrip.models.backup import BackupPolicy
from wdrip.models.cluster_config import ClusterConfig

TOKEN = "abcdef.0123456789abcdef"
GUIDE: dict[str, Any] = yaml.safe_load(CONFIG.format(name="kubernetes-id-001", region="cn-hangzhou"))
GUIDE["kubernetes"]["kubeadmToken"] = TOKEN

MISSING = object()


def changed(path: str, value: object) -> str:
    """The guide's file with one key changed, or taken out when `value` is MISSING."""
    document = copy.deepcopy(GUIDE)
    *parents, last = path.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    return yaml.safe_dump(document)


def refusal(text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        ClusterConfig.from_yaml(text)
    return refused.value


def test_the_guides_file_is_read_with_every_value() -> None:
    config = ClusterConfig.from_yaml(yaml.safe_dump(GUIDE))
    assert config.clusterid == "kubernetes-id-001"
    assert config.iaas.worker_count == 1
    assert config.iaas.disk.gigabytes == 40
    assert config.iaas.all_zones == ("cn-hangzhou-k",)
    assert config.kubernetes.version == "1.20.4-aliyun.1"
    assert config.runtime.name == "docker"
    assert config.sans == ["192.168.0.1"]
    assert config.network.net_mask == 25


def test_host_bits_of_ranges_are_cleared() -> None:
    network = ClusterConfig.from_yaml(yaml.safe_dump(GUIDE)).network
    assert str(network.podcidr) == "172.16.0.0/16"
    assert str(network.svccidr) == "172.19.0.0/20"


def test_the_token_is_in_no_dump_and_no_repr() -> None:
    config = ClusterConfig.from_yaml(yaml.safe_dump(GUIDE))
    assert config.token() == TOKEN
    for text in (repr(config), str(config), config.model_dump_json(), str(config.model_dump())):
        assert TOKEN not in text


def test_without_token_holds_none() -> None:
    bare = ClusterConfig.from_yaml(yaml.safe_dump(GUIDE)).without_token()
    assert bare.token() is None


def test_a_missing_token_is_accepted() -> None:
    assert ClusterConfig.from_yaml(changed("kubernetes.kubeadmToken", MISSING)).token() is None


def test_a_dump_is_read_back_as_the_same_configuration() -> None:
    bare = ClusterConfig.from_yaml(yaml.safe_dump(GUIDE)).without_token()
    assert ClusterConfig.model_validate_json(bare.model_dump_json()) == bare
    assert '"workerCount":1' in bare.model_dump_json()


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("clusterid", MISSING, "clusterid: is missing; add it as in the guide's file"),
        ("iaas.disk.size", MISSING, "iaas.disk.size: is missing; add it as in the guide's file"),
        ("network.podCidr", "10.0.0.0/16", "network.podCidr: is unknown; did you mean `podcidr`?"),
        ("kubernetes.version", 1.20, "kubernetes.version: must be text; write a text, in quotes if it looks"),
        ("iaas.workerCount", "one", "iaas.workerCount: must be a whole number; write digits only"),
        ("iaas.workerCount", True, "iaas.workerCount: must be a whole number; write digits only"),
        ("iaas.workerCount", -1, "iaas.workerCount: input should be greater than or equal to 0"),
        ("iaas.disk", "40G", "iaas.disk: must have keys below it; indent its keys"),
        ("sans", "192.168.0.1", "sans: must be a list; write one `- value` line for each"),
        ("sans", ["not a name"], "sans[0]: is not a DNS name; use lower-case letters"),
        (
            "network.podcidr",
            "172.16.0.0",
            "network.podcidr: is not an IPv4 range; write an IPv4 range such as",
        ),
        ("network.podcidr", "172.16.0.0/255.255.0.0", "network.podcidr: is not an IPv4 range"),
        ("network.podcidr", "fd00::/64", "network.podcidr: is not an IPv4 range"),
        (
            "network.podcidr",
            "100.100.0.0/16",
            "network.podcidr: 100.100.0.0/16 touches addresses that are kept",
        ),
        (
            "network.podcidr",
            "172.19.0.0/16",
            "network.podcidr: 172.19.0.0/16 overlaps service range 172.19.0.0/20; choose another range, "
            "such as 172.16.0.0/16",
        ),
        ("network.podcidr", "192.168.64.0/18", "network.podcidr: 192.168.64.0/18 overlaps VPC range"),
        ("network.svccidr", "192.168.0.0/20", "network.svccidr: 192.168.0.0/20 overlaps VPC range"),
        (
            "network.svccidr",
            "172.32.0.0/11",
            "network.svccidr: a /11 is no size for services; choose /12 to /28",
        ),
        (
            "network.netMask",
            18,
            "network.netMask: pod range 172.16.0.0/16 holds 4 nodes of /18, 8 are needed (7 masters and the "
            "workers); choose 19 or more, or a larger podcidr",
        ),
        ("network.netMask", 30, "network.netMask: 30 is no size for a node's pods; choose 17 to 28"),
        (
            "network.mode",
            "userspace",
            "network.mode: has a value that is not supported; choose 'ipvs' or 'ipt",
        ),
        ("network.domain", "Cluster_Domain", "network.domain: is not a DNS name"),
        (
            "kubernetes.kubeadmToken",
            "ABCDEF.0123456789abcdef",
            "kubernetes.kubeadmToken: is not a bootstrap token; make one with `wdrip token new`",
        ),
        (
            "kubernetes.version",
            "latest",
            "kubernetes.version: is not a version; write one such as 1.20.4-aliyun",
        ),
        ("etcd.version", "3", "etcd.version: is not a version; write one such as v3.4.3"),
        ("runtime.name", "rkt", "runtime.name: has a value that is not supported; choose 'docker' or"),
        ("iaas.disk.size", "40T", "iaas.disk.size: is not a size in GiB; write one such as 40G"),
        ("iaas.disk.size", "10G", "iaas.disk.size: 10G is not a size that ECS offers; choose 20G to 2048G"),
        (
            "iaas.disk.type",
            "floppy",
            "iaas.disk.type: has a value that is not supported; choose 'cloud_essd'",
        ),
        (
            "iaas.zoneid",
            "cn-beijing-k",
            "iaas.zoneid: cn-beijing-k is not in region cn-hangzhou; choose a zone",
        ),
        ("iaas.zones", ["cn-beijing-a"], "iaas.zones: cn-beijing-a is not in region cn-hangzhou"),
        ("iaas.vpccidr", "11.0.0.0/16", "iaas.vpccidr: a VPC cannot have the range 11.0.0.0/16; choose one"),
        ("iaas.region", "Hangzhou", "iaas.region: is not a region id; write one such as cn-hangzhou"),
        (
            "iaas.instance",
            "c6.xlarge",
            "iaas.instance: is not an instance type; write one such as ecs.c6.xla",
        ),
        ("registry", "https://registry", "registry: is not an image registry; write host and path without"),
        ("cloudType", "private", "cloudType: has a value that is not supported; choose 'public'"),
        ("backup", {"keep": 0}, "backup.keep: would keep no backup; write 1 or more"),
        ("backup", {"keep": "4"}, "backup.keep: must be a whole number; write digits only"),
        ("backup", {"intervalSeconds": 59}, "backup.intervalSeconds: is below a minute; write 60 or more"),
        ("backup", {"cron": "at noon"}, "backup.cron: must have five fields (minute hour day month weekday)"),
        ("backup", {"tiers": {"day": 1}}, "backup.tiers.day: is unknown; did you mean `daily`?"),
        (
            "quorumLoss",
            {"actAfterSeconds": 299},
            "quorumLoss.actAfterSeconds: is below five minutes; write 300 or more",
        ),
        ("quorumLoss", {"actAfterSeconds": "600"}, "quorumLoss.actAfterSeconds: must be a whole number"),
        ("quorumLoss", {"actAfterSeconds": True}, "quorumLoss.actAfterSeconds: must be a whole number"),
        ("quorumLoss", {"actAfterSeconds": 10**12}, "quorumLoss.actAfterSeconds: input should be less than"),
        ("quorumLoss", {"actAfter": 600}, "quorumLoss.actAfter: is unknown; did you mean `actAfterSeconds`"),
        ("quorumloss", {}, "quorumloss: is unknown; did you mean `quorumLoss`?"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(path: str, value: object, line: str) -> None:
    message = str(refusal(changed(path, value)))
    assert message.startswith(line)
    assert "\n" not in message


def test_backups_are_taken_as_the_guide_says_unless_the_file_says_otherwise() -> None:
    assert ClusterConfig.from_yaml(yaml.safe_dump(GUIDE)).backup == BackupPolicy()
    wanted = {"cron": "0 */2 * * *", "keep": 12, "tiers": {"daily": 7}, "drillEverySeconds": 3600}
    backup = ClusterConfig.from_yaml(changed("backup", wanted)).backup
    assert (backup.cron, backup.keep, backup.tiers.daily, backup.drill_every_seconds) == (
        "0 */2 * * *",
        12,
        7,
        3600,
    )


def test_a_lost_quorum_waits_for_a_person_unless_the_file_says_otherwise() -> None:
    assert ClusterConfig.from_yaml(yaml.safe_dump(GUIDE)).quorum_loss.act_after_seconds is None
    config = ClusterConfig.from_yaml(changed("quorumLoss", {"actAfterSeconds": 300})).without_token()
    assert config.quorum_loss.act_after_seconds == 300
    assert ClusterConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    "name",
    ["", "1st", "Upper", "under_score", "dot.ted", "-a", "a-", "a", "a" * 55, "kubernetes/x", "中文", "a b"],
)
def test_names_that_some_service_refuses_are_refused(name: str) -> None:
    assert refusal(changed("clusterid", name)).field == "clusterid"


@pytest.mark.parametrize("name", ["aa", "kubernetes-id-001", "a" * 54])
def test_names_that_every_service_accepts_are_accepted(name: str) -> None:
    assert ClusterConfig.from_yaml(changed("clusterid", name)).clusterid == name


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [", "configuration file: is not YAML (line 1, column 5); mend the file"),
        ("", "configuration file: has no keys; write `key: value` lines as the guide shows"),
        ("- a", "configuration file: has no keys; write `key: value` lines as the guide shows"),
    ],
)
def test_what_is_no_mapping_is_refused(text: str, line: str) -> None:
    assert str(refusal(text)) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "namespace: a\nnamespace: b",
            "namespace: stands twice at the same place, again in line 2; keep one",
        ),
        (
            "etcd:\n  version: v3.4.3\n  name: etcd\n  version: v3.5.0",
            "version: stands twice at the same place",
        ),
        ("iaas: {zones: [], zones: []}", "zones: stands twice at the same place, again in line 1; keep one"),
    ],
)
def test_a_key_that_stands_twice_is_refused(text: str, line: str) -> None:
    assert str(refusal(text)).startswith(line)


def test_a_key_with_a_line_break_leaves_the_refusal_on_one_line() -> None:
    assert str(refusal('iaas: {"a\\nb": 1}')).startswith(
        r"iaas.'a\nb': is unknown; known here: workerCount, "
    )
    assert str(refusal('{"a\\nb": 1, "a\\nb": 2}')).startswith(r"'a\nb': stands twice at the same place")


def test_a_refused_token_shows_nowhere_in_the_error() -> None:
    error = refusal(changed("kubernetes.kubeadmToken", "TOPSECRET.0123456789abcdef"))
    chain = [error, error.__cause__]
    assert not any("TOPSECRET" in repr(each) for each in chain)
    assert error.__suppress_context__


def test_workers_count_into_the_room_that_the_pod_range_needs() -> None:
    document = copy.deepcopy(GUIDE)
    document["iaas"]["workerCount"] = 600
    assert "607 are needed" in str(refusal(yaml.safe_dump(document)))
    document["network"]["netMask"] = 26
    assert ClusterConfig.from_yaml(yaml.safe_dump(document)).iaas.worker_count == 600


def test_further_zones_follow_the_first_without_doubles() -> None:
    config = ClusterConfig.from_yaml(changed("iaas.zones", ["cn-hangzhou-h", "cn-hangzhou-k"]))
    assert config.iaas.all_zones == ("cn-hangzhou-k", "cn-hangzhou-h")


@given(
    path=st.sampled_from(
        ["clusterid", "iaas", "network.podcidr", "sans", "kubernetes.version", "network.netMask"]
    ),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    ),
)
def test_any_value_is_accepted_or_refused_in_one_line(path: str, value: object) -> None:
    try:
        ClusterConfig.from_yaml(changed(path, value))
    except InvalidInput as error:
        assert "\n" not in str(error)
        assert error.field.startswith(path.partition(".")[0])
        assert error.remedy


def test_the_schema_describes_every_key_in_the_files_own_words() -> None:
    schema = ClusterConfig.model_json_schema()
    assert {"clusterid", "iaas", "registry", "cloudType", "kubernetes", "network"} <= set(
        schema["properties"]
    )
    network = schema["$defs"]["Network"]
    assert set(network["properties"]) == {"mode", "podcidr", "svccidr", "domain", "netMask"}
    assert all(each.get("description") for each in network["properties"].values())
    assert "kubeadmToken" in schema["$defs"]["Kubernetes"]["properties"]
    assert schema["properties"]["quorumLoss"] == {"$ref": "#/$defs/QuorumLossPolicy"}
    assert set(schema["$defs"]["QuorumLossPolicy"]["properties"]) == {"actAfterSeconds"}
