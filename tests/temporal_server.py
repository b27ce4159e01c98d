"""A Temporal server for tests: the dev server of the environment, as `wdrip up` starts it."""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from tests.abandoned import told
from wdrip import names


def temporal_program() -> str:
    """Path of the `temporal` program that was installed with the test dependencies."""
    found = shutil.which("temporal", path=str(Path(sys.executable).parent)) or shutil.which("temporal")
    assert found, "the `temporal` program is not installed: run `make setup`"
    return found


@asynccontextmanager
async def temporal_server(*dynamic_config: str) -> AsyncIterator[WorkflowEnvironment]:
    """A server of its own with wdrip's search attributes; `dynamic_config`: further `key=value` settings."""
    settings = (
        # One shard handles 20 tasks a second by default: every activity would wait 50 ms.
        "history.transferProcessorMaxPollRPS=2000",
        "history.timerProcessorMaxPollRPS=2000",
        "history.visibilityProcessorMaxPollRPS=2000",
        *dynamic_config,
    )
    arguments = [part for setting in settings for part in ("--dynamic-config-value", setting)]
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_program(),
        dev_server_extra_args=arguments,
        dev_server_log_level="error",
        data_converter=pydantic_data_converter,
        search_attributes=[SearchAttributeKey.for_keyword(name) for name in names.SEARCH_ATTRIBUTES],
    ) as environment:
        port = environment.client.service_client.config.target_host.rpartition(":")[2]
        # Process 1 is the parent of what has lost its own.
        removal = f"pkill --parent 1 --full 'temporal server start-dev --port {port} ' || true"
        with told("sh", "-c", removal):
            yield environment
