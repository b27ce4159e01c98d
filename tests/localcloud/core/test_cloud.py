"""The order in which parts start and stop."""

import asyncio
from pathlib import Path

import pytest
import requests

from localcloud.core.cloud import Cloud, open_context
from localcloud.core.config import Config
from localcloud.core.context import Context
from localcloud.oss.application import oss_application
from localcloud.oss.storage import ObjectStorage


class Part:
    def __init__(self, name: str, told: list[str], fails: bool = False) -> None:
        self._name = name
        self._told = told
        self._fails = fails

    async def start(self) -> None:
        self._told.append(f"start {self._name}")
        if self._fails:
            raise RuntimeError("cannot start")

    async def stop(self) -> None:
        self._told.append(f"stop {self._name}")


def _cloud(state_dir: Path, parts: list[Part]) -> tuple[Cloud, Context]:
    context, sockets = open_context(state_dir, Config())
    return Cloud(context, sockets, parts, (), oss_application(context, ObjectStorage(context))), context


async def test_parts_stop_in_reverse_order(tmp_path: Path) -> None:
    told: list[str] = []
    cloud, _ = _cloud(tmp_path, [Part("a", told), Part("b", told)])

    await cloud.start()
    await cloud.stop()

    assert told == ["start a", "start b", "stop b", "stop a"]


async def test_a_part_that_cannot_start_leaves_no_port_open(tmp_path: Path) -> None:
    told: list[str] = []
    cloud, context = _cloud(tmp_path, [Part("a", told), Part("b", told, fails=True), Part("c", told)])

    with pytest.raises(RuntimeError, match="cannot start"):
        await cloud.start()
    await cloud.stop()

    assert told == ["start a", "start b", "stop b", "stop a"]
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{context.ports['oss']}", timeout=5)


async def test_background_work_ends_with_the_cloud(tmp_path: Path) -> None:
    cloud, context = _cloud(tmp_path, [])
    await cloud.start()
    endless = context.tasks.spawn(asyncio.Event().wait(), "endless")

    await cloud.stop()

    assert endless.cancelled()
