"""A running cloud with ECS for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.localcloud.ecs.cloud import Ecs, running_ecs


@pytest.fixture
def ecs(tmp_path: Path) -> Iterator[Ecs]:
    """ECS on an in-memory runtime, state of its own."""
    with running_ecs(tmp_path / "cloud") as running:
        yield running


@pytest.fixture(scope="module")
def idle_ecs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ecs]:
    """One cloud for a module's tests that change nothing."""
    with running_ecs(tmp_path_factory.mktemp("ecs")) as running:
        yield running
