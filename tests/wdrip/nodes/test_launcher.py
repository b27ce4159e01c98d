"""What a launcher does with a run that is new, under way, finished, failed or gone."""

import os
import threading
from pathlib import Path

import pytest

from tests.wdrip.nodes.sandbox import Sandbox
from wdrip.nodes.operations import INTERRUPTED, STILL_RUNNING, NodeOperation, launch


def operation(script: str, **more: object) -> NodeOperation:
    return NodeOperation(name="test", script=f"#!/bin/bash\n{script}\n", **more)  # type: ignore[arg-type]


def gated(sandbox: Sandbox) -> tuple[NodeOperation, Path]:
    """An operation that goes on until a line is written to the returned pipe."""
    pipe = sandbox.folder / "gate"
    os.mkfifo(pipe)
    return operation(f"echo begun; read -r line <{pipe}; echo ended with $line"), pipe


def test_output_and_exit_code_are_the_scripts(sandbox: Sandbox) -> None:
    result = sandbox.launch(operation("echo hello; exit 3"))
    assert result.code == 3
    assert "hello" in result.output


def test_a_finished_run_answers_again_without_running_again(sandbox: Sandbox) -> None:
    counting = operation(f"echo x >>{sandbox.folder}/count")
    assert [sandbox.launch(counting).code for _ in range(3)] == [0, 0, 0]
    assert (sandbox.folder / "count").read_text() == "x\n"


def test_other_parameters_run_anew(sandbox: Sandbox) -> None:
    assert "one" in sandbox.launch(operation("echo one")).output
    assert "two" in sandbox.launch(operation("echo two")).output


def test_a_failure_is_told_once_and_then_tried_again(sandbox: Sandbox) -> None:
    failing = operation("exit 4")
    assert [sandbox.launch(failing).code for _ in range(2)] == [4, 4]
    assert sandbox.starts(failing) == 2


def test_a_look_runs_every_time(sandbox: Sandbox) -> None:
    look = operation("echo seen", keeps_success=False)
    assert [sandbox.launch(look).code for _ in range(2)] == [0, 0]
    assert sandbox.starts(look) == 2


def test_a_long_run_is_found_again(sandbox: Sandbox) -> None:
    long, gate = gated(sandbox)
    first = sandbox.launch(long, wait_seconds=1)
    assert first.code == STILL_RUNNING
    assert "begun" in first.output
    gate.write_text("luck\n")
    second = sandbox.launch(long)
    assert second.code == 0
    assert "ended with luck" in second.output
    assert sandbox.starts(long) == 1


def test_two_launchers_at_once_start_one_run(sandbox: Sandbox) -> None:
    slow = operation("sleep 0.5; echo done")
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(sandbox.launch(slow).code)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0, 0]
    assert sandbox.starts(slow) == 1


def test_a_run_ended_from_outside_starts_again(sandbox: Sandbox) -> None:
    long, gate = gated(sandbox)
    assert sandbox.launch(long, wait_seconds=1).code == STILL_RUNNING
    sandbox.kill_unit(long)
    assert sandbox.launch(long, wait_seconds=1).code == STILL_RUNNING
    gate.write_text("luck\n")
    assert sandbox.launch(long).code == 0
    assert sandbox.starts(long) == 2


def test_a_run_that_ends_from_outside_while_watched_is_told(sandbox: Sandbox) -> None:
    dying = operation("kill -KILL 0")
    result = sandbox.launch(dying)
    assert result.code == INTERRUPTED
    assert "ended from outside" in result.output


def test_a_run_with_other_parameters_is_waited_for_not_overtaken(sandbox: Sandbox) -> None:
    long, gate = gated(sandbox)
    assert sandbox.launch(long, wait_seconds=1).code == STILL_RUNNING
    other = operation("echo the other")
    waiting = sandbox.launch(other, wait_seconds=1)
    assert waiting.code == STILL_RUNNING
    assert "this one starts after it" in waiting.output
    gate.write_text("luck\n")
    assert "the other" in sandbox.launch(other).output


def test_output_is_the_end_of_a_long_log(sandbox: Sandbox) -> None:
    output = sandbox.launch(operation("seq 1 20000")).output
    assert output.endswith("20000\n")
    assert len(output) < 17_000


def test_private_parts_are_files_of_the_run_alone(sandbox: Sandbox) -> None:
    secret = operation(
        'stat -c %a "$PRIVATE" "$PRIVATE/url"; cat "$PRIVATE/url"', private={"url": "it's $HOME `x`"}
    )
    output = sandbox.launch(secret).output
    assert "700\n600\nit's $HOME `x`\n" in output
    assert not sandbox.path("/run/wdrip/test").exists()


def test_a_fresh_url_is_the_same_operation(sandbox: Sandbox) -> None:
    def fetching(url: str) -> NodeOperation:
        return operation("true", private={"url": url})

    assert fetching("a").digest == fetching("b").digest
    assert sandbox.launch(fetching("a")).code == 0
    assert sandbox.launch(fetching("b")).code == 0
    assert sandbox.starts(fetching("a")) == 1


def test_a_script_may_say_anything(sandbox: Sandbox) -> None:
    odd = operation("cat <<'X'\n$HOME `date` \\ 'quoted' \"twice\"\nX")
    assert "$HOME `date` \\ 'quoted' \"twice\"" in sandbox.launch(odd).output


@pytest.mark.parametrize("seconds", [0, -1])
def test_waiting_must_take_time(seconds: int) -> None:
    with pytest.raises(ValueError, match="wait_seconds"):
        launch(operation("true"), seconds)
