"""What a cluster's workflow remembers, shows and never tells."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter

from tests.temporal_server import temporal_server
from tests.world.stage import Stage
from tests.world.world import Fault
from wdrip import names
from wdrip.models.cluster import ClusterRecord, Phase
from worker import CONCURRENT_ACTIVITIES


async def test_the_web_ui_says_where_the_cluster_stands(stage: Stage) -> None:
    stage.world.fail("start_first_etcd", Fault.HANGS)
    await stage.create()
    await stage.until_called("start_first_etcd")
    while "etcd to be healthy" not in (details := await current_details(stage)):
        pass

    assert f"Cluster {stage.name}: Creating" in details
    assert "then the create fails and what it made is removed" in details
    assert "✓ Create network and load balancer" in details
    stage.world.lift_faults()
    await stage.until(Phase.RUNNING)
    await stage.until_called("look_at_backups")
    await stage.until_called("write_status")
    attributes = (await stage.handle.describe()).typed_search_attributes
    shown = {name: attributes.get(SearchAttributeKey.for_keyword(name)) for name in names.SEARCH_ATTRIBUTES}
    assert shown == {
        names.SEARCH_CLUSTER: stage.name,
        names.SEARCH_REGION: "cn-hangzhou",
        names.SEARCH_PHASE: "Running",
        names.SEARCH_OPERATION: "create",
        names.SEARCH_BACKUP: "BackupRecent",
    }


async def current_details(stage: Stage) -> str:
    """What the Web UI shows as the workflow's current details."""
    metadata = await stage.handle.query("__temporal_workflow_metadata")
    return str(metadata.current_details)


async def test_the_record_query_answers_what_the_index_holds(stage: Stage) -> None:
    await stage.create()
    await stage.until(Phase.RUNNING)

    assert await stage.handle.query("record", result_type=ClusterRecord) == stage.world.index[stage.name]


@pytest.fixture
async def short_runs() -> AsyncIterator[Stage]:
    """A stage on a server that suggests continuing as new after 20 events."""
    async with temporal_server("limit.historyCount.suggestContinueAsNew=20") as environment:
        target = environment.client.service_client.config.target_host
        client = await Client.connect(target, data_converter=pydantic_data_converter)
        with ThreadPoolExecutor(CONCURRENT_ACTIVITIES) as executor:
            stage = Stage(client, executor)
            async with stage.worker():
                yield stage


async def test_a_long_life_goes_over_runs_and_forgets_nothing(short_runs: Stage) -> None:
    stage = short_runs
    await stage.create()
    first = (await stage.handle.describe()).run_id
    await stage.until(Phase.RUNNING)
    while (await stage.handle.describe()).run_id == first:
        await stage.progress()

    assert (await stage.progress()).phase is Phase.RUNNING
    assert f"Cluster {stage.name}: Running" in await current_details(stage)
    await stage.delete()
    await stage.result()
    assert stage.world.billed() == []


async def test_a_scaling_goes_over_runs_and_loses_nothing(short_runs: Stage) -> None:
    stage = short_runs
    await stage.create()
    await stage.until(Phase.RUNNING)
    first = (await stage.handle.describe()).run_id
    await stage.scale(3)
    await stage.until_masters(3)
    await stage.scale(1)
    await stage.until_masters(1)

    assert (await stage.handle.describe()).run_id != first
    assert stage.world.cluster.broken_rules == []
    done = [each.what for each in await stage.operations()]
    assert done.count("scale") == 2
    assert (done.count("LaunchMaster"), done.count("DeleteMachine")) == (1, 2)
    await stage.delete()
    await stage.result()
    assert stage.world.billed() == []
