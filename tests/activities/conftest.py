"""Activities upon a cloud in memory, in the environment that Temporal's SDK gives for their tests."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from tests.activities.recoveries import Recovery, secrets_of
from tests.activities.scripted import ZONES, ScriptedCloud
from tests.world.cloud import MemoryCloud
from tests.world.guide import guide_config
from tests.world.stocked import stock
from wdrip import names
from wdrip.clients.ros import Stack
from wdrip.models.cluster import ClusterRecord, InfrastructureOutputs, Machine, Phase, Versions

Run = Callable[..., Any]


@pytest.fixture
def cloud(tmp_path: Path) -> MemoryCloud:
    """A cloud that sells what the guide asks for and has one package."""
    return stock(MemoryCloud(tmp_path))


@pytest.fixture
def run() -> Run:
    """Run an activity method with its argument, long before its deadline."""
    return _environment(timedelta(minutes=2)).run


@pytest.fixture
def run_late() -> Run:
    """Run an activity method with its argument, three seconds before its deadline."""
    return _environment(timedelta(seconds=3)).run


def _environment(left: timedelta) -> ActivityEnvironment:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info,
        scheduled_time=datetime.now(UTC),
        schedule_to_close_timeout=left,
        start_to_close_timeout=left,
    )
    return environment


@pytest.fixture
def record() -> ClusterRecord:
    """A cluster that has been accepted."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return ClusterRecord(
        name="c1",
        uid="uid-1",
        provider="alibaba.test",
        region="cn-hangzhou",
        phase=Phase.CREATING,
        config=guide_config("c1"),
        asked=Versions(kubernetes="1.20.4-aliyun.1", etcd="v3.4.3", runtime="docker 19.03.5"),
        actual=Versions(kubernetes="v1.20.2", etcd="v3.4.23", runtime="containerd 1.6.20"),
        package="kubernetes-v1.20.2-linux-amd64",
        created=now,
        updated=now,
    )


@pytest.fixture
def machine() -> Machine:
    """The first master."""
    return Machine(instance_id="i-1", private_ip="192.168.0.77", zone_id="cn-hangzhou-k", role="master")


@pytest.fixture
def outputs() -> InfrastructureOutputs:
    """What the stack gives."""
    return InfrastructureOutputs(
        stack_id="stack-1",
        vpc_id="vpc-1",
        vswitch_ids={"cn-hangzhou-k": "vsw-1"},
        security_group_id="sg-1",
        load_balancer_id="lb-1",
        public_endpoint="127.47.0.1",
        private_endpoint="192.168.0.75",
        master_role="c1-master-role",
        worker_role="c1-worker-role",
    )


@pytest.fixture
def recovery(tmp_path: Path, run: Run, record: ClusterRecord) -> Recovery:
    """A running cluster with its stack in two zones and its secrets; no machines yet."""
    cloud = ScriptedCloud(tmp_path)
    stock(cloud)
    outputs = {**cloud.outputs, "VSwitchIds": {zone: f"vsw-{zone}" for zone in ZONES}}
    cloud.stacks.stacks["stack-1"] = Stack("stack-1", record.name, "CREATE_COMPLETE", "", outputs, {})
    cloud.stacks.outputs, cloud.stacks.parameters["stack-1"] = outputs, {}
    iaas = record.config.iaas.model_copy(update={"zones": list(ZONES)})
    changes = {"config": record.config.model_copy(update={"iaas": iaas}), "phase": Phase.RUNNING}
    recovery = Recovery(cloud, run, record.model_copy(update={**changes, "stack_id": "stack-1"}))
    own = names.secrets_key(record.name)
    recovery.objects[own] = recovery.sealed(secrets_of(record.name), own)
    return recovery
