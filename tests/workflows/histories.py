"""Writes the histories that test_replay.py replays: `python -m tests.workflows.histories`."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowFailureError

from tests.temporal_server import temporal_server
from tests.wdrip.backup_entries import entry
from tests.world.stage import Stage
from tests.world.world import Fault
from wdrip.leaving import leave
from wdrip.models.backup import Standing
from wdrip.models.cluster import Phase
from worker import CONCURRENT_ACTIVITIES

FOLDER = Path(__file__).parent / "histories"


async def _created_and_deleted(stage: Stage) -> dict[str, str]:
    await stage.create()
    await stage.until(Phase.RUNNING)
    uid = stage.world.index[stage.name].uid
    await stage.delete()
    await stage.result()
    return {
        stage.name: "cluster-created-and-deleted",
        f"{stage.name}/infrastructure/{uid}": "create-infrastructure",
        f"{stage.name}/first-master/{uid}": "bootstrap-first-master",
    }


async def _failed_and_undone(stage: Stage) -> dict[str, str]:
    stage.world.fail("start_first_etcd", Fault.REFUSED)
    await stage.create()
    with suppress(WorkflowFailureError):
        await stage.result()
    return {stage.name: "cluster-failed-and-undone"}


async def _scaled(stage: Stage) -> dict[str, str]:
    await stage.create()
    await stage.until(Phase.RUNNING)
    await stage.scale(2)
    await stage.until_masters(2)
    stage.world.fail("drain", Fault.REFUSED)
    stage.world.cluster.scale(1)
    await stage.until_called("drain")
    await stage.delete()
    await stage.result()
    return {stage.name: "cluster-scaled"}


async def _gave_way(stage: Stage) -> dict[str, str]:
    await stage.create()
    await stage.until(Phase.RUNNING)
    stage.world.fail("join_control_plane", Fault.HANGS)
    stage.world.cluster.scale(3)
    await stage.until_called("join_control_plane")
    stage.world.cluster.hurry(60)
    for host in stage.world.cluster.masters()[:2]:
        stage.world.cluster.lose(host.machine.instance_id)
    while not any("given up" in each.detail for each in await stage.operations()):
        await asyncio.sleep(1)
    await stage.delete()
    await stage.result()
    return {stage.name: "cluster-gave-way"}


async def _recovered(stage: Stage) -> dict[str, str]:
    await stage.create()
    await stage.until(Phase.RUNNING)
    stage.world.store = [entry("20211002-1024", Standing.SOUND, name=stage.name)]
    await stage.recover()
    await stage.approve("20211002-1024")
    await stage.until_called("forget_former")
    await stage.delete()
    await stage.result()
    return {stage.name: "cluster-recovered", f"{stage.name}/recover": "recover"}


def _portable(event: Any) -> Any:
    """Without what tells of the machine that wrote it and what replay does not read."""
    if isinstance(event, dict):
        kept = {key: value for key, value in event.items() if key not in ("stackTrace", "identity")}
        return {key: _portable(value) for key, value in kept.items()}
    return [_portable(each) for each in event] if isinstance(event, list) else event


async def _play(client: Client, plot: Callable[[Stage], Awaitable[dict[str, str]]]) -> None:
    """Let a plot happen; store the histories that it names, by workflow id."""
    with ThreadPoolExecutor(CONCURRENT_ACTIVITIES) as executor:
        stage = Stage(client, executor)
        async with stage.worker():
            written = await plot(stage)
    for workflow_id, name in written.items():
        history = await client.get_workflow_handle(workflow_id).fetch_history()
        text = json.dumps(_portable(json.loads(history.to_json())), indent=1)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


async def main() -> None:
    """Play all plots on a server of their own and store what its histories say."""
    FOLDER.mkdir(exist_ok=True)
    async with temporal_server() as environment:
        await _play(environment.client, _failed_and_undone)
        await _play(environment.client, _created_and_deleted)
        await _play(environment.client, _scaled)
        await _play(environment.client, _gave_way)
        await _play(environment.client, _recovered)


if __name__ == "__main__":
    asyncio.run(main())
    leave(0)
