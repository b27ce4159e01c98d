"""The network on an in-memory fabric."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.core.cloud import open_context
from localcloud.core.config import Config
from localcloud.core.context import Context
from localcloud.network.backend import Network
from tests.localcloud.ros.fabric import InMemoryFabric


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A context with a state of its own."""
    context, sockets = open_context(tmp_path, Config())
    yield context
    context.store.close()
    for bound in sockets.values():
        bound.close()


@pytest.fixture
def fabric() -> InMemoryFabric:
    """What the network is realised with."""
    return InMemoryFabric()


@pytest.fixture
def network(context: Context, fabric: InMemoryFabric) -> Network:
    """The network."""
    return Network(context, fabric)
