"""Old machines rest, come back, and go in the end: which ones, and which are never touched."""

import pytest

from activities.recovery.old_machines import OldMachines
from activities.tasks import RecoverTask, RetireTask
from tests.activities.recoveries import ATTEMPT, Recovery
from wdrip import names

MASTER, WORKER = (names.ROLE_MASTER, "Running"), (names.ROLE_WORKER, "Running")
COMING, RETIRED = (names.ROLE_COMING, "Running"), (names.ROLE_RETIRED, "Stopped")


@pytest.fixture
def old(recovery: Recovery) -> OldMachines:
    """Two masters, one of them stopped, and a worker; further a machine of another cluster."""
    recovery.add("i-m1", names.ROLE_MASTER)
    recovery.add("i-m2", names.ROLE_MASTER, "Stopped")
    recovery.add("i-w", names.ROLE_WORKER)
    theirs = {**recovery.tags(), names.TAG_CLUSTER_UID: "uid-theirs"}
    recovery.cloud.machines.add("i-theirs", theirs, names.ROLE_MASTER)
    return OldMachines(recovery.cloud.clients())


@pytest.fixture
def here(recovery: Recovery, old: OldMachines) -> RecoverTask:
    """A recovery in place that has built its master."""
    new = recovery.add("i-new", names.ROLE_COMING, recovery=ATTEMPT)
    return recovery.task(recovery.back_up(), new)


def state(recovery: Recovery) -> dict[str, tuple[str, str]]:
    return {each: recovery.machine(each) for each in recovery.cloud.machines.machines}


def test_in_place_only_the_masters_rest(recovery: Recovery, old: OldMachines, here: RecoverTask) -> None:
    first = recovery.run(old.set_old_aside, here)
    assert recovery.run(old.set_old_aside, here) == first == ("i-m1", "i-m2")
    assert state(recovery) == {
        "i-m1": RETIRED,
        "i-m2": RETIRED,
        "i-w": WORKER,
        "i-theirs": MASTER,
        "i-new": COMING,
    }


def test_onto_another_every_machine_that_was_there_rests_and_can_be_taken_back(
    recovery: Recovery, old: OldMachines, here: RecoverTask
) -> None:
    over = here.model_copy(update={"plan": recovery.task(recovery.back_up(of=recovery.old)).plan})
    assert recovery.run(old.set_old_aside, over) == ("i-m1", "i-m2", "i-w")
    assert state(recovery)["i-w"] == RETIRED
    assert (state(recovery)["i-new"], state(recovery)["i-theirs"]) == (COMING, MASTER)
    recovery.run(old.take_old_back, over)
    assert (state(recovery)["i-m1"], state(recovery)["i-w"]) == (MASTER, WORKER)


def test_taken_back_they_serve_again(recovery: Recovery, old: OldMachines, here: RecoverTask) -> None:
    recovery.run(old.set_old_aside, here)
    recovery.add("i-other", names.ROLE_RETIRED, "Stopped", recovery="another attempt")
    for _ in range(2):
        recovery.run(old.take_old_back, here)
    assert state(recovery) == {
        "i-m1": MASTER,
        "i-m2": MASTER,
        "i-w": WORKER,
        "i-theirs": MASTER,
        "i-new": COMING,
        "i-other": RETIRED,
    }


def test_what_an_earlier_recovery_retired_goes_with_the_rest(
    recovery: Recovery, old: OldMachines, here: RecoverTask
) -> None:
    recovery.add("i-other", names.ROLE_RETIRED, "Stopped", recovery="another attempt")
    assert "i-other" in recovery.run(old.set_old_aside, here)


def test_only_what_is_still_retired_is_deleted(
    recovery: Recovery, old: OldMachines, here: RecoverTask
) -> None:
    ids = recovery.run(old.set_old_aside, here)
    recovery.cloud.machines.tag_instances(["i-m2"], {names.TAG_ROLE: names.ROLE_MASTER})
    recovery.cloud.machines.tag_instances(["i-theirs"], {names.TAG_ROLE: names.ROLE_RETIRED})
    task = RetireTask(record=recovery.record, instance_ids=(*ids, "i-theirs", "i-w"), attempt_id=ATTEMPT)
    for _ in range(2):
        recovery.run(old.retire_old_machines, task)
    assert set(state(recovery)) == {"i-m2", "i-w", "i-theirs", "i-new"}


def test_what_is_retired_but_was_not_named_stays(recovery: Recovery, old: OldMachines) -> None:
    recovery.add("i-other", names.ROLE_RETIRED, "Stopped", recovery="another attempt")
    task = RetireTask(record=recovery.record, instance_ids=("i-m1",), attempt_id=ATTEMPT)
    recovery.run(old.retire_old_machines, task)
    assert {"i-other", "i-m1"} <= set(state(recovery))
