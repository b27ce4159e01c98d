"""The command against real servers: Temporal with our workflows upon a simulated world, and real OSS."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
import yaml
from temporalio.client import Client
from temporalio.worker import Worker

from activities.interceptor import ActivityInterceptor
from starters.local.access import write_access
from tests.localcloud.running import RunningCloud, running_cloud
from tests.temporal_server import temporal_server
from tests.world.activities import SimulatedActivities
from tests.world.guide import CONFIG
from tests.world.world import World
from wdrip import names
from wdrip.clients.oss import Bucket
from wdrip.models.provider_config import Provider, WdripConfig
from worker import CONCURRENT_ACTIVITIES, WORKFLOWS, sandbox

_T = TypeVar("_T")

_START_SECONDS = 30
TOKEN = "abcdef.0123456789abcdef"


class Backend:
    """A Temporal server in a thread of its own: the command brings its own event loop."""

    def __init__(self) -> None:
        self.address = ""
        self._client: Client | None = None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: self._loop.run_until_complete(self._serve()), daemon=True
        )

    def __enter__(self) -> "Backend":
        self._thread.start()
        assert self._ready.wait(_START_SECONDS), "Temporal did not start"
        return self

    def __exit__(self, *reason: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_SECONDS)
        self._loop.close()

    @contextmanager
    def worker(self, task_queue: str, world: World) -> Iterator[None]:
        """A worker upon `world` that takes the tasks of this queue."""
        with ThreadPoolExecutor(CONCURRENT_ACTIVITIES) as executor:
            worker = self._await(self._start(task_queue, world, executor))
            try:
                yield
            finally:
                world.lift_faults()
                self._await(worker.__aexit__(None, None, None))

    async def _start(self, task_queue: str, world: World, executor: ThreadPoolExecutor) -> Worker:
        assert self._client is not None
        worker = Worker(
            self._client,
            task_queue=task_queue,
            workflows=WORKFLOWS,
            activities=SimulatedActivities(world).all_of(),
            activity_executor=executor,
            interceptors=[ActivityInterceptor()],
            workflow_runner=sandbox(),
        )
        return await worker.__aenter__()

    def _await(self, call: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(_START_SECONDS)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async with temporal_server() as environment:
            self._client = environment.client
            self.address = environment.client.service_client.config.target_host
            self._ready.set()
            await self._stop.wait()


@dataclass(frozen=True)
class Person:
    """Someone at a terminal: a configuration file, a folder to write to, clusters of their own."""

    home: Path
    config: Path
    world: World

    @property
    def provider(self) -> Provider:
        """The current context's."""
        return WdripConfig.load({"WDRIP_CONFIG": str(self.config)}).provider()

    @property
    def temporal_address(self) -> str:
        """The server that the configuration names."""
        return WdripConfig.load({"WDRIP_CONFIG": str(self.config)}).temporal.address

    @property
    def bucket(self) -> Bucket:
        """The provider's."""
        return Bucket(self.provider)

    def cluster_file(self, name: str, change: Callable[[dict[str, Any]], None] | None = None) -> str:
        """Path of the guide's configuration for a cluster of this name, changed by `change`."""
        document = yaml.safe_load(CONFIG.format(name=name, region="cn-hangzhou"))
        document["kubernetes"]["kubeadmToken"] = TOKEN
        if change:
            change(document)
        path = self.home / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return str(path)


@pytest.fixture(scope="session")
def backend() -> Iterator[Backend]:
    with Backend() as running:
        yield running


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def person(
    backend: Backend, cloud: RunningCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Person]:
    config = tmp_path / "config"
    write_access(config, "local", cloud.context.state_dir, backend.address, tmp_path / "encryption.key")
    for variable in ("WDRIP_CONTEXT", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("WDRIP_CONFIG", str(config))
    # A queue of its own: no cluster of another test gets into this test's world.
    queue = f"wdrip-{uuid4().hex}"
    monkeypatch.setattr(names, "TASK_QUEUE", queue)
    world = World()
    with backend.worker(queue, world):
        yield Person(tmp_path, config, world)


@pytest.fixture
def name() -> str:
    """A cluster name that nobody has used."""
    return f"c-{uuid4().hex[:12]}"
