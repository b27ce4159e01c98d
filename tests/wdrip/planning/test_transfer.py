"""What of another cluster moves in with a recovery, and what of it cannot."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.world.guide import guide_config
from wdrip.errors import InvalidInput
from wdrip.models.cluster import ClusterRecord, Phase, Versions
from wdrip.models.cluster_config import ClusterConfig
from wdrip.planning.recovery import rebound, with_network_of

ZONES = ["cn-hangzhou-h", "cn-hangzhou-k"]


def cluster(name: str, region: str = "cn-hangzhou", **changes: dict[str, Any]) -> ClusterRecord:
    """A cluster of the guide's configuration; `changes` by part of it, in the file's own words."""
    document = guide_config(name, region).model_dump(mode="json", by_alias=True)
    for part, values in changes.items():
        document[part] |= values
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return ClusterRecord(
        name=name,
        uid=f"uid-{name}",
        provider="alibaba.test",
        region=region,
        phase=Phase.RUNNING,
        config=ClusterConfig.model_validate(document),
        asked=Versions(kubernetes="1.20.4-aliyun.1", etcd="v3.4.3", runtime="docker 19.03.5"),
        created=now,
        updated=now,
    )


TARGET = cluster("new", iaas={"zones": ZONES})


def test_pods_and_services_keep_the_addresses_that_the_objects_know() -> None:
    source = cluster("old", network={"podcidr": "10.1.0.0/16", "svccidr": "10.2.0.0/20", "netMask": 24})
    found = with_network_of(TARGET, source)
    assert found.config.network == source.config.network
    untouched = {"network": TARGET.config.network}
    assert found.model_copy(update={"config": found.config.model_copy(update=untouched)}) == TARGET


@pytest.mark.parametrize("taken", ["podcidr", "svccidr"])
def test_a_network_that_touches_the_targets_own_is_refused(taken: str) -> None:
    network = {"podcidr": "10.1.0.0/16", "svccidr": "10.2.0.0/20", taken: "10.3.0.0/20", "netMask": 25}
    source = cluster("old", network=network)
    target = cluster("new", iaas={"vpccidr": "10.3.0.0/16"})
    with pytest.raises(InvalidInput) as refused:
        with_network_of(target, source)
    assert refused.value.field == "--from"
    assert "10.3.0.0/20 overlaps VPC range 10.3.0.0/16" in refused.value.problem
    ranges = f"neither {source.config.network.podcidr} nor {source.config.network.svccidr}"
    assert refused.value.remedy == f"create a cluster whose `iaas.vpccidr` touches {ranges}"
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("infra", "region", "changes"),
    [
        ({}, "cn-beijing", {}),
        ({"zones": []}, "cn-beijing", {}),
        ({"zones": ZONES}, "cn-hangzhou", {}),
        ({"zones": ["cn-hangzhou-b", *ZONES]}, "cn-hangzhou", {"zones": ZONES}),
        ({"zones": ["cn-beijing-a"]}, "cn-beijing", {"zones": None}),
        ({"imageId": "theirs"}, "cn-hangzhou", {}),
        ({"imageId": "theirs"}, "cn-beijing", {"imageId": None}),
        (
            {"imageId": "theirs", "zones": ["cn-beijing-a"], "desiredCapacity": 3},
            "cn-beijing",
            {"imageId": None, "zones": None},
        ),
        (None, "cn-beijing", {}),
    ],
)
def test_a_pool_loses_only_what_the_target_does_not_have(
    infra: dict[str, Any] | None, region: str, changes: dict[str, Any]
) -> None:
    assert rebound({"infra": infra}, cluster("old", region), TARGET) == changes
