"""The tests that share a cluster run in one process."""

from pathlib import Path

from tests.streams import KEPT

_E2E = Path(__file__).parent / "e2e"


def test_every_file_that_uses_the_kept_cluster_is_in_its_stream() -> None:
    using = {path.name for path in _E2E.glob("test_*.py") if "kept: Kept" in path.read_text(encoding="utf-8")}
    assert using == set(KEPT)
