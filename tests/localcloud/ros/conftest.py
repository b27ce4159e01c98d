"""A running cloud with ROS for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.localcloud.ros.stacks import Ros, running_ros


@pytest.fixture
def ros(tmp_path: Path) -> Iterator[Ros]:
    """ROS on an in-memory fabric, state of its own."""
    with running_ros(tmp_path / "cloud") as running:
        yield running


@pytest.fixture(scope="module")
def idle_ros(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ros]:
    """One cloud for a module's tests that make no stack."""
    with running_ros(tmp_path_factory.mktemp("ros")) as running:
        yield running
