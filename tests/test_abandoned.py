"""What a killed run leaves is removed by the next one; what a living run uses is not."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.abandoned import remove_abandoned, told


@contextmanager
def _run(folder: Path, mark: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that has told how to remove what it made, and still uses it."""
    script = (
        "import sys, time; from pathlib import Path; from tests.abandoned import told\n"
        "with told('touch', sys.argv[2], folder=Path(sys.argv[1])):\n"
        "    print('told', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, folder, mark], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"told\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_killed_runs_leftovers_are_removed_once_and_a_living_ones_stay(tmp_path: Path) -> None:
    folder, mark = tmp_path / "runs", tmp_path / "removed"
    with _run(folder, mark) as run:
        assert remove_abandoned(folder) == []
        assert not mark.exists()
        run.kill()
        run.wait()
        assert len(remove_abandoned(folder)) == 1
        assert mark.exists()
        assert remove_abandoned(folder) == []


def test_a_run_that_ends_in_order_leaves_nothing_to_do(tmp_path: Path) -> None:
    with told("false", folder=tmp_path):
        pass
    assert remove_abandoned(tmp_path) == []


def test_a_removal_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    with pytest.raises(KeyError), told("false", folder=tmp_path):
        raise KeyError
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            remove_abandoned(tmp_path)


def test_what_only_a_checkout_that_is_gone_could_remove_stops_no_run(tmp_path: Path) -> None:
    for number, program in enumerate((["/no/such/checkout/wdrip"], ["env", "/no/such/checkout/wdrip"])):
        (tmp_path / str(number)).write_text(json.dumps(program), encoding="utf-8")
    assert remove_abandoned(tmp_path) == []
