"""Real workflows on a real Temporal server, upon the simulated world."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from tests.temporal_server import temporal_server
from tests.world.stage import Stage
from worker import CONCURRENT_ACTIVITIES


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_address() -> AsyncIterator[str]:
    """One server for the whole test run; every test uses its own names and task queue."""
    async with temporal_server() as environment:
        yield environment.client.service_client.config.target_host


@pytest.fixture
async def stage(temporal_address: str) -> AsyncIterator[Stage]:
    """A world with nothing in it, a worker, and a cluster name that nobody has used."""
    client = await Client.connect(temporal_address, data_converter=pydantic_data_converter)
    with ThreadPoolExecutor(CONCURRENT_ACTIVITIES) as executor:
        stage = Stage(client, executor)
        async with stage.worker():
            yield stage
            stage.world.lift_faults()
