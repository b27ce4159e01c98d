"""A cloud in this process, on its own thread and loop, so that the blocking SDKs can call it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localcloud.client import Access, AdminClient, read_access
from localcloud.core.cloud import Cloud, open_context
from localcloud.core.config import AccountConfig, Config
from localcloud.core.context import Context
from localcloud.core.rpc_service import RpcService
from localcloud.oss.application import oss_application
from localcloud.oss.storage import ObjectStorage

STRANGER = AccountConfig(
    account_id="1470000000000002",
    access_key_id="LTAIstranger00000000",
    access_key_secret="secret-of-the-stranger-000000",
)
_START_SECONDS = 20


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether the condition came true in time, asked every 20 ms."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class RunningCloud:
    """What a test sees of it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.access: Access = read_access(context.state_dir)
        self.admin = AdminClient(context.state_dir)


@contextmanager
def running_cloud(
    state_dir: Path,
    services: Callable[[Context], Sequence[RpcService]] = lambda _: (),
    config: Config | None = None,
) -> Iterator[RunningCloud]:
    """Run a cloud with OSS and the given services until the block ends."""
    started: threading.Event = threading.Event()
    result: dict[str, Any] = {}

    async def serve() -> None:
        context, sockets = open_context(state_dir, config or Config(accounts=(STRANGER,)))
        storage = ObjectStorage(context)
        application = oss_application(context, storage)
        cloud = Cloud(context, sockets, (storage,), services(context), application)
        await cloud.start()
        result.update(context=context, loop=asyncio.get_running_loop(), stop=cloud.stop_requested)
        started.set()
        await cloud.stop_requested.wait()
        await cloud.stop()

    state_dir.mkdir(parents=True, exist_ok=True)
    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    if not started.wait(_START_SECONDS):
        raise TimeoutError(f"the cloud did not start within {_START_SECONDS} s")
    try:
        yield RunningCloud(result["context"])
    finally:
        result["loop"].call_soon_threadsafe(result["stop"].set)
        thread.join(_START_SECONDS)
