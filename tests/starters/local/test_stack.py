"""`wdrip up` and `wdrip down` with the real Temporal server, local cloud and worker."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from starters import down, get, up
from starters.local.ports import answers
from starters.local.stack import LocalStack
from tests.abandoned import told
from tests.localcloud.running import wait_until

Output = pytest.CaptureFixture[str]


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalStack]:
    config = tmp_path / "home" / "config"
    monkeypatch.setenv("WDRIP_CONFIG", str(config))
    for variable in ("WDRIP_CONTEXT", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"):
        monkeypatch.delenv(variable, raising=False)
    made = LocalStack((tmp_path / "state").resolve(), config)
    command = [Path(sys.executable).with_name("wdrip"), "down", "--state", made.state_dir]
    with told("env", f"WDRIP_CONFIG={config}", *command):
        yield made
        made.down(lambda _: None)


def _pids(stack: LocalStack) -> dict[str, int | None]:
    return {each.name: each.pid() for each in stack.programs}


def test_up_is_idempotent_heals_and_down_leaves_nothing(stack: LocalStack, capsys: Output) -> None:
    assert up.main(["--state", str(stack.state_dir)]) == 0
    first = _pids(stack)
    assert all(first.values())
    assert "Web UI http://127.0.0.1:" in capsys.readouterr().out
    document = yaml.safe_load(stack.config.read_text(encoding="utf-8"))
    assert document["current-context"] == stack.name
    assert get.main([]) == 0

    assert up.main(["--state", str(stack.state_dir)]) == 0
    assert _pids(stack) == first

    for pid in first.values():
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not any(_pids(stack).values()))
    assert up.main(["--state", str(stack.state_dir)]) == 0
    second = _pids(stack)
    assert all(second.values())
    assert not set(second.values()) & set(first.values())
    assert yaml.safe_load(stack.config.read_text(encoding="utf-8")) == document

    assert down.main(["--state", str(stack.state_dir)]) == 0
    assert not any(Path(f"/proc/{pid}/cwd").exists() for pid in second.values())
    assert not answers(document["temporal"]["address"])
    assert not stack.state_dir.exists()
    assert not stack.config.exists()


def test_down_without_up_says_so(stack: LocalStack, capsys: Output) -> None:
    assert down.main(["--state", str(stack.state_dir)]) == 0
    assert "nothing to stop" in capsys.readouterr().out
