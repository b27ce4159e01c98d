"""The host's limits, upon a file in place of the kernel's."""

from pathlib import Path

import pytest

from localcloud.machines.limits import INOTIFY_INSTANCES, raise_limits


@pytest.mark.parametrize(
    ("before", "after"), [(128, INOTIFY_INSTANCES), (INOTIFY_INSTANCES, INOTIFY_INSTANCES), (65536, 65536)]
)
def test_a_low_limit_is_raised_and_a_high_one_left(tmp_path: Path, before: int, after: int) -> None:
    limit = tmp_path / "max_user_instances"
    limit.write_text(f"{before}\n")
    raise_limits(limit)
    assert int(limit.read_text()) == after


def test_one_that_may_not_be_raised_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, text: str, encoding: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "read_text", lambda self, encoding: "128\n")
    monkeypatch.setattr(Path, "write_text", refuse)
    raise_limits(Path("limit"))
    assert "the 10th machine will not start" in caplog.text
