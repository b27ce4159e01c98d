"""Which tests stay in one process when several run side by side with `--dist loadfile`."""

from pathlib import PurePath

import pytest
from xdist.scheduler import LoadFileScheduling

KEPT = ("test_masters.py", "test_healing.py", "test_node_pools.py")
"""The files whose tests share the cluster `kept`: in two processes they would make it twice."""


class Streams(LoadFileScheduling):  # type: ignore[misc]
    """The tests of a file stay together, and so do those of the files that share a cluster.

    pytest-xdist's own `loadgroup` writes the group into a part of the item that pytest 9.2 no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "kept" if PurePath(file).name in KEPT else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Streams | None:
    """pytest-xdist asks for a scheduler; None leaves it its own."""
    return Streams(config, log) if config.getoption("dist") == "loadfile" else None
