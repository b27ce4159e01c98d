"""Wait conditions and their signals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.localcloud.ros.stacks import Ros, att, ref, refused, resource, role, running_ros, template
from tests.localcloud.running import wait_until


def _waiting(count: int = 1, timeout: int = 600) -> dict[str, Any]:
    return template(
        {
            "Handle": resource("ROS::WaitConditionHandle"),
            "Wait": resource(
                "ROS::WaitCondition", {"Handle": ref("Handle"), "Timeout": timeout, "Count": count}
            ),
        },
        Outputs={"Data": {"Value": att("Wait", "Data")}},
    )


def _begun(ros: Ros, body: dict[str, Any]) -> str:
    stack_id = ros.create(body)
    assert wait_until(lambda: ros.statuses(stack_id)["Wait"] == "CREATE_IN_PROGRESS")
    return stack_id


def test_enough_signals_complete_the_condition(ros: Ros) -> None:
    stack_id = _begun(ros, _waiting(count=2))

    ros.signal(stack_id, "Handle", "SUCCESS", "a")
    ros.signal(stack_id, "Handle", "SUCCESS", "a")
    assert ros.statuses(stack_id)["Wait"] == "CREATE_IN_PROGRESS"
    ros.signal(stack_id, "Wait", "SUCCESS", "b")

    assert ros.settled(stack_id).status == "CREATE_COMPLETE"
    assert set(json.loads(ros.outputs(stack_id)["Data"])) == {"a", "b"}


def test_one_failure_fails_the_stack(ros: Ros) -> None:
    stack_id = _begun(ros, _waiting())

    ros.signal(stack_id, "Handle", "FAILURE", "a")

    assert ros.settled(stack_id).status == "CREATE_ROLLBACK_COMPLETE"


def test_silence_fails_the_stack_in_time(ros: Ros) -> None:
    stack = ros.settled(ros.create(_waiting(timeout=1)))

    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert "0 of 1 received" in stack.status_reason


def test_a_signal_survives_a_restart(tmp_path: Path) -> None:
    with running_ros(tmp_path / "cloud") as ros:
        stack_id = _begun(ros, _waiting(count=2))
        ros.signal(stack_id, "Handle", "SUCCESS", "a")

    with running_ros(tmp_path / "cloud") as ros:
        ros.signal(stack_id, "Handle", "SUCCESS", "b")
        assert ros.settled(stack_id).status == "CREATE_COMPLETE"


def test_only_handles_and_conditions_take_signals(ros: Ros) -> None:
    stack = ros.made(template({"A": role()}))

    with refused("ResourceNotAvailable", 404):
        ros.signal(stack.stack_id, "A", "SUCCESS", "a")
    with refused("ResourceNotFound", 404):
        ros.signal(stack.stack_id, "Nothing", "SUCCESS", "a")
