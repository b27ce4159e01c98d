"""The worker: a create and a delete by real workflows and real activities upon a cloud in memory."""

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from tests.temporal_server import temporal_program, temporal_server
from tests.world.activities import SimulatedActivities
from tests.world.cloud import MemoryCloud
from tests.world.stage import Stage
from tests.world.stocked import stock
from tests.world.world import World
from wdrip.errors import PermanentError
from wdrip.models.cluster import ClusterRecord, Phase
from wdrip.security.sealing import load_key, seal
from worker import CONCURRENT_ACTIVITIES, activities, build_worker, require_search_attributes

TOKEN = "abcdef.0123456789abcdef"
REFERENCE = "wdrip/transit/a-token.sealed"


@pytest.fixture
def cloud(tmp_path: Path) -> MemoryCloud:
    """A cloud with image, package and a token in transit."""
    cloud = stock(MemoryCloud(tmp_path))
    key = load_key(cloud.provider("alibaba.test"))
    cloud.oss.objects[REFERENCE] = seal(TOKEN.encode(), key, REFERENCE)
    return cloud


@pytest.fixture
async def stage(cloud: MemoryCloud) -> AsyncIterator[Stage]:
    """The worker as `python worker.py` builds it, upon that cloud."""
    async with temporal_server() as environment:
        with ThreadPoolExecutor(CONCURRENT_ACTIVITIES) as executor:
            stage = Stage(environment.client, executor)
            async with build_worker(environment.client, cloud.clients(), executor, task_queue=stage.name):
                yield stage


async def created(stage: Stage) -> ClusterRecord:
    request = stage.request().model_copy(update={"token_reference": REFERENCE})
    await stage.create(request)
    await stage.until(Phase.RUNNING)
    record: ClusterRecord = await stage.handle.query("record", result_type=ClusterRecord)
    return record


async def histories(stage: Stage, record: ClusterRecord) -> list[dict[str, Any]]:
    """The events of the cluster's workflow and of its children."""
    ids = (stage.name, f"{stage.name}/infrastructure/{record.uid}", f"{stage.name}/first-master/{record.uid}")
    found = [await stage.client.get_workflow_handle(each).fetch_history() for each in ids]
    return [event for each in found for event in json.loads(each.to_json())["events"]]


async def test_a_create_and_a_delete_by_the_real_activities(stage: Stage, cloud: MemoryCloud) -> None:
    record = await created(stage)

    entry = ClusterRecord.model_validate_json(cloud.oss.objects[f"wdrip/clusters/{stage.name}.json"])
    assert entry.phase is Phase.RUNNING
    assert entry == record
    assert entry.actual is not None
    assert entry.actual.kubernetes == "v1.20.2"
    assert entry.asked.kubernetes == "1.20.4-aliyun.1"
    assert cloud.api.server == "https://127.47.0.1:6443"
    assert cloud.api.objects == [("mastersets", "masterset"), ("nodepools", "default-nodepool")]
    assert [stack.status for stack in cloud.stacks.stacks.values()] == ["UPDATE_COMPLETE"]
    assert not [key for key in cloud.oss.objects if "/transit/" in key]

    await stage.delete()
    await stage.result()
    assert cloud.machines.machines == {}
    assert [stack.deleted for stack in cloud.stacks.stacks.values()] == [True]
    assert not [key for key in cloud.oss.objects if stage.name in key]


async def test_no_history_tells_a_secret(stage: Stage, cloud: MemoryCloud) -> None:
    record = await created(stage)
    told = "\n".join(texts(await histories(stage, record)))

    assert "ecs.c6.xlarge" in told, "payloads are not being read"
    for secret in (TOKEN, TOKEN.partition(".")[2], "PRIVATE KEY", "the-access-key-secret", "Expires="):
        assert secret not in told
    commands = "\n".join(content for _, _, content in cloud.machines.commands)
    assert TOKEN not in commands
    assert "PRIVATE KEY" not in commands


def texts(node: Any) -> Iterator[str]:
    """Every text in a history, payloads decoded."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "data" and isinstance(value, str):
                yield base64.b64decode(value).decode(errors="replace")
            else:
                yield from texts(value)
    elif isinstance(node, list):
        for each in node:
            yield from texts(each)
    else:
        yield str(node)


async def test_the_workflow_itself_takes_less_than_three_seconds_of_a_create(stage: Stage) -> None:
    events = await histories(stage, await created(stage))
    inside = busy(activity_spans(events))
    lifetime = max(map(moment, events)) - min(map(moment, events))

    assert lifetime - inside < timedelta(seconds=3)


def moment(event: dict[str, Any]) -> datetime:
    """When an event happened."""
    return datetime.fromisoformat(event["eventTime"])


def activity_spans(events: list[dict[str, Any]]) -> list[tuple[datetime, datetime]]:
    """From each activity's start to its end. Event ids repeat among workflows, so order tells them apart."""
    spans: list[tuple[datetime, datetime]] = []
    started: dict[str, datetime] = {}
    for event in events:
        if event["eventId"] == "1":
            started = {}
        if "activityTaskStartedEventAttributes" in event:
            started[event["eventId"]] = moment(event)
        done = event.get("activityTaskCompletedEventAttributes")
        if done:
            spans.append((started[done["startedEventId"]], moment(event)))
    return spans


def busy(spans: list[tuple[datetime, datetime]]) -> timedelta:
    """How long at least one of the spans lasted."""
    total, until = timedelta(), min(start for start, _ in spans)
    for start, end in sorted(spans):
        total += max(end - max(start, until), timedelta())
        until = max(until, end)
    return total


CONFIG = """
contexts: [{name: dev, context: {provider-key: alibaba.test}}]
current-context: dev
providers:
- name: alibaba.test
  provider:
    name: alibaba
    value: {accessKeyId: LTAI-test, accessKeySecret: secret, bucketName: wdrip-index, region: cn-hangzhou}
"""


async def worker_process(tmp_path: Path, address: str) -> asyncio.subprocess.Process:
    """`python worker.py` with that configuration and nothing else in its environment."""
    config = tmp_path / "config"
    config.write_text(CONFIG, encoding="utf-8")
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "worker.py",
        cwd=Path(__file__).parent.parent,
        env={"WDRIP_CONFIG": str(config), "TEMPORAL_ADDRESS": address, "HOME": str(tmp_path)},
        stderr=asyncio.subprocess.PIPE,
    )


async def test_the_process_says_when_it_is_ready_stays_small_and_stops_when_told(tmp_path: Path) -> None:
    async with temporal_server() as environment:
        address = environment.client.service_client.config.target_host
        process = await worker_process(tmp_path, address)
        assert process.stderr
        ready = (await process.stderr.readline()).decode()
        memory = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        process.terminate()
        rest = (await process.stderr.read()).decode()

    assert f"ready: task queue wdrip at {address}" in ready
    resident = int(memory.partition("VmRSS:")[2].split()[0]) // 1024
    assert resident < 250
    assert "stopped" in rest
    assert await process.wait() == 0


async def test_the_process_says_in_a_line_that_no_server_answers(tmp_path: Path) -> None:
    process = await worker_process(tmp_path, "127.0.0.1:1")
    assert process.stderr
    said = (await process.stderr.read()).decode()

    assert await process.wait() == 1
    assert "no Temporal at 127.0.0.1:1" in said
    assert "Traceback" not in said


async def test_a_namespace_without_search_attributes_is_refused_with_the_command_to_run() -> None:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_program(),
        dev_server_log_level="error",
        data_converter=pydantic_data_converter,
    ) as environment:
        with pytest.raises(
            PermanentError, match=r"search-attribute create .*--name WdripCluster --type Keyword"
        ):
            await require_search_attributes(environment.client)


async def test_a_namespace_with_search_attributes_is_accepted() -> None:
    async with temporal_server() as environment:
        await require_search_attributes(environment.client)


def test_the_simulated_activities_are_those_of_the_worker(cloud: MemoryCloud) -> None:
    def signatures(methods: list[Any]) -> dict[str, tuple[Any, Any]]:
        definitions = [activity._Definition.must_from_callable(method) for method in methods]
        return {str(each.name): (each.arg_types, each.ret_type) for each in definitions}

    real = signatures(activities(cloud.clients()))
    assert signatures(SimulatedActivities(World()).all_of()) == real
