"""Background programs: found again, told apart from others, stopped kindly and then by force."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from starters.local.processes import Background
from wdrip.errors import PermanentError

_SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
_DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('here', flush=True); time.sleep(60)",
]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Background]:
    background = Background("sleeper", tmp_path)
    yield background
    background.stop(seconds=0)


def _started(program: Background, command: list[str]) -> int:
    program.start(command, {})
    program.await_ready(lambda: "here" in program.log.read_text(encoding="utf-8"), seconds=20)
    pid = program.pid()
    assert pid is not None
    return pid


def test_is_found_again_by_another_object(program: Background, tmp_path: Path) -> None:
    pid = _started(program, _SLEEPER)
    assert Background("sleeper", tmp_path).pid() == pid
    assert os.getsid(pid) == pid


def test_another_process_of_the_same_number_is_not_it(program: Background, tmp_path: Path) -> None:
    record = {"pid": os.getpid(), "startTime": "1"}
    (tmp_path / "sleeper.json").write_text(json.dumps(record), encoding="utf-8")
    assert program.pid() is None
    assert program.stop(seconds=1) is False


def test_stop_ends_it(program: Background) -> None:
    _started(program, _SLEEPER)
    assert program.stop(seconds=10) is True
    assert program.pid() is None
    assert program.stop(seconds=10) is False


def test_stop_by_force_when_it_does_not_listen(program: Background) -> None:
    _started(program, _DEAF)
    assert program.stop(seconds=0.2) is True
    assert program.pid() is None


def test_death_before_ready_tells_the_log(program: Background) -> None:
    program.start([sys.executable, "-c", "raise SystemExit('port taken')"], {})
    with pytest.raises(PermanentError, match="sleeper ended at once: port taken"):
        program.await_ready(lambda: False, seconds=20)


def test_never_ready_has_a_deadline(program: Background) -> None:
    _started(program, _SLEEPER)
    with pytest.raises(PermanentError, match="not ready after 0 s: here"):
        program.await_ready(lambda: False, seconds=0.2)
