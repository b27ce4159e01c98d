"""One local stack for all end-to-end tests; each test makes clusters of its own names in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.host import host_network, traces
from tests.e2e.stack import Stack
from tests.world.guide import guide_yaml


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack with the software package in its bucket and the package's kubectl.

    When it is taken down, the host must be as it was before.
    """
    stack = Stack(tmp_path_factory.mktemp("home"))
    network_before = host_network()
    try:
        stack.wdrip("up")
        stack.wdrip("build", "--upload", seconds=1800)
        stack.wdrip("build", "--extract", "kubectl", str(stack.kubectl_program))
        yield stack
    finally:
        stack.wdrip("down")
        assert traces(stack) == []
        assert not stack.state.exists()
        assert host_network() == network_before


@pytest.fixture
def guide_config(stack: Stack, tmp_path: Path) -> "GuideConfig":
    """Writes the guide's config.yaml."""
    return GuideConfig(stack, tmp_path)


class GuideConfig:
    """The guide's config.yaml with the guide's exports, only the cluster's name is the test's."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self.token = stack.wdrip("token", "new").out.strip()

    def write(self, cluster: str) -> Path:
        """The file for a cluster of that name."""
        path = self._folder / f"{cluster}.yaml"
        path.write_text(guide_yaml(cluster, self.token), encoding="utf-8")
        return path
