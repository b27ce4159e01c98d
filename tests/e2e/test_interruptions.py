"""A crash only delays a create; a cancel or a permanent failure leaves nothing billed."""

import pytest

from tests.e2e.conftest import GuideConfig
from tests.e2e.leftovers import assert_nothing_left, machines
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.machines, pytest.mark.timeout(900)]


def test_a_crash_of_each_program_only_delays_the_create(stack: Stack, guide_config: GuideConfig) -> None:
    cluster = "crashed"
    stack.wdrip("create", "--config", str(guide_config.write(cluster)))
    crashes = {"worker": "infrastructure", "localcloud": "package", "temporal": "control-plane"}
    stack.crash_each(cluster, crashes)
    stack.wdrip("watch", "--name", cluster)
    assert len(machines(stack, cluster)) == 1
    stack.wdrip("delete", "-n", cluster, "--yes", "--wait")
    assert_nothing_left(stack, cluster)


def test_a_cancel_leaves_nothing(stack: Stack, guide_config: GuideConfig) -> None:
    cluster = "cancelled"
    stack.wdrip("create", "--config", str(guide_config.write(cluster)))
    stack.until(lambda: stack.step_started(cluster, "package"), 120, "the package step")
    stack.cancel(cluster)
    stack.wdrip("watch", "--name", cluster, fails=1)
    assert_nothing_left(stack, cluster)


def test_a_machine_that_is_sold_out_is_told_and_leaves_nothing(
    stack: Stack, guide_config: GuideConfig
) -> None:
    cluster = "sold-out"
    stack.admin.add_fault("ecs", "RunInstances", "error", code="OperationDenied.NoStock", status=403)
    try:
        stack.wdrip("create", "--config", str(guide_config.write(cluster)))
        said = stack.wdrip("watch", "--name", cluster, fails=1).err
    finally:
        stack.admin.clear_faults()
    assert "ecs.c6.xlarge" in said
    assert_nothing_left(stack, cluster)


def test_a_lost_reply_makes_no_second_machine(stack: Stack, guide_config: GuideConfig) -> None:
    cluster = "lost-reply"
    stack.admin.add_fault("ecs", "RunInstances", "lost_reply", count=1)
    stack.admin.add_fault("ros", "CreateStack", "lost_reply", count=1)
    stack.admin.add_fault("ecs", "RunCommand", "throttle", count=2)
    try:
        stack.wdrip("create", "--wait", "--config", str(guide_config.write(cluster)))
    finally:
        stack.admin.clear_faults()
    assert len(machines(stack, cluster)) == 1
    stack.wdrip("delete", "-n", cluster, "--yes", "--wait")
    assert_nothing_left(stack, cluster)
