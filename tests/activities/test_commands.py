"""A node operation, carried out to its end whatever the machine answers."""

import pytest

from activities.commands import TAIL_CHARACTERS, carry_out, tail
from tests.activities.conftest import Run
from tests.world.cloud import MemoryCloud, answer
from wdrip.errors import PermanentError, TemporaryError
from wdrip.nodes.backup_operations import UPLOAD_FAILED
from wdrip.nodes.operations import (
    DOWNLOAD_FAILED,
    INTERRUPTED,
    PACKAGE_CORRUPTED,
    STILL_RUNNING,
    NodeOperation,
)

OPERATION = NodeOperation(name="etcd", script="echo etcd\n")


def carried_out(cloud: MemoryCloud) -> str:
    return carry_out(cloud.ecs("alibaba.test"), "i-1", OPERATION)


def test_the_output_of_a_success_is_returned(cloud: MemoryCloud, run: Run) -> None:
    cloud.machines.answers = [answer(None, status="Running"), answer(0, "healthy")]

    assert run(carried_out, cloud) == "healthy"
    assert [name for _, name, _ in cloud.machines.commands] == ["etcd"]


@pytest.mark.parametrize("code", [STILL_RUNNING, INTERRUPTED])
def test_what_is_not_over_is_attached_to_again_with_the_same_command(
    cloud: MemoryCloud, run: Run, code: int
) -> None:
    cloud.machines.answers = [answer(code, "half way"), answer(0, "healthy")]

    assert run(carried_out, cloud) == "healthy"
    first, second = (content for _, _, content in cloud.machines.commands)
    assert first == second


def test_a_failure_is_permanent_and_shows_the_end_of_the_log(cloud: MemoryCloud, run: Run) -> None:
    cloud.machines.answers = [answer(1, "starting\nbind: address already in use")]

    with pytest.raises(PermanentError, match=r"(?s)etcd on i-1: failed with exit code 1.*already in use"):
        run(carried_out, cloud)


def test_a_corrupted_package_is_permanent_and_names_the_remedy(cloud: MemoryCloud, run: Run) -> None:
    cloud.machines.answers = [answer(PACKAGE_CORRUPTED, "sha256 differs")]

    with pytest.raises(PermanentError, match="wdrip build --upload"):
        run(carried_out, cloud)


@pytest.mark.parametrize(
    "result",
    [
        answer(DOWNLOAD_FAILED, "403"),
        answer(UPLOAD_FAILED, "503"),
        answer(None, error_code="ClientNotResponse", status="Failed"),
        answer(None, status="Timeout"),
    ],
)
def test_a_machine_that_does_not_answer_is_asked_again_later(
    cloud: MemoryCloud, run: Run, result: object
) -> None:
    cloud.machines.answers = [result]  # type: ignore[list-item]

    with pytest.raises(TemporaryError, match="etcd on i-1"):
        run(carried_out, cloud)


def test_an_operation_without_end_is_given_up_at_the_deadline(cloud: MemoryCloud, run_late: Run) -> None:
    cloud.machines.answers = [answer(STILL_RUNNING, "still waiting for quorum")] * 10**6

    with pytest.raises(PermanentError, match=r"waited 0:00:0\d for etcd on i-1; last seen: still waiting"):
        run_late(carried_out, cloud)


def test_the_tail_of_a_long_log_begins_with_a_whole_line() -> None:
    lines = [f"line {number} {'x' * 100}" for number in range(100)]
    shown = tail("\n".join(lines))

    assert len(shown) <= TAIL_CHARACTERS
    assert shown.splitlines()[0] in lines
    assert shown.splitlines()[-1] == lines[-1]
