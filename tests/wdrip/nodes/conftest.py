"""A sandbox for each test that runs scripts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wdrip.nodes.sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A machine in miniature; gone after the test."""
    sandbox = Sandbox(tmp_path)
    try:
        yield sandbox
    finally:
        sandbox.close()
