"""One local stack for all end-to-end tests; each test makes clusters of its own names in it."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.abandoned import told
from tests.e2e.host import host_network, traces
from tests.e2e.kept import JOINED_SECONDS, Kept
from tests.e2e.kept import NAME as KEPT
from tests.e2e.leftovers import assert_nothing_left
from tests.e2e.small import Small, small
from tests.e2e.stack import BIN, Stack
from tests.world.guide import guide_yaml


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack with the software package in its bucket and the package's kubectl.

    When it is taken down, the host must be as it was before.
    """
    stack = Stack(tmp_path_factory.mktemp("home"))
    network_before = host_network()
    with told("env", "--unset=WDRIP_CONFIG", f"HOME={stack.home}", BIN / "wdrip", "down"):
        yield from _running(stack, tmp_path_factory.getbasetemp().parent / "up.lock")
    assert traces(stack) == []
    assert not stack.state.exists()
    assert host_network() == network_before


def _running(stack: Stack, lock: Path) -> Iterator[Stack]:
    try:
        # Another process of this run may look for free ports in the same moment.
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            stack.wdrip("up")
        stack.wdrip("build", "--upload", seconds=1800)
        stack.wdrip("build", "--extract", "kubectl", str(stack.kubectl_program))
        yield stack
    finally:
        stack.wdrip("down")


@pytest.fixture
def guide_config(stack: Stack, tmp_path: Path) -> "GuideConfig":
    """Writes the guide's config.yaml."""
    return GuideConfig(stack, tmp_path)


@pytest.fixture(scope="session")
def kept(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """The guide's cluster, grown to three masters by the guide's command while somebody writes into it."""
    folder = tmp_path_factory.mktemp("kept")
    stack.wdrip("create", "--wait", "--config", str(GuideConfig(stack, folder).write(KEPT)))
    kubeconfig = folder / "config.txt"
    stack.wdrip("get", "-r", "kubeconfig", "-n", KEPT, "-w", str(kubeconfig))
    cluster = Kept(stack, kubeconfig)
    with cluster.growth:
        said = cluster.edit("s/replicas: 1/replicas: 3/", "masterset")
        assert "masterset.alibabacloud.com/masterset edited" in said
        cluster.await_masters(3, 2 * JOINED_SECONDS)
    yield cluster
    stack.wdrip("delete", "-n", KEPT, "--delete-backups", "--yes", "--wait")
    assert_nothing_left(stack, KEPT)


@pytest.fixture(scope="session")
def running_small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small(tmp_path_factory.mktemp("small")) as stage:
        yield stage


@pytest.fixture
def stage(running_small: Small, monkeypatch: pytest.MonkeyPatch) -> Small:
    """The product upon a cloud without machines, in good order; the command uses its configuration."""
    for variable in list(os.environ):
        if variable.startswith(("WDRIP_", "TEMPORAL_", "ALIBABA_CLOUD_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("WDRIP_CONFIG", str(running_small.config))
    running_small.reset()
    return running_small


@pytest.fixture
def name() -> str:
    """A cluster name that nobody has used."""
    return f"c-{uuid4().hex[:12]}"


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
