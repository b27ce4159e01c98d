"""The guide's masters, from one to three to five to three to one, while somebody writes without pause.

The step from one to three is the fixture's.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from tests.e2e.kept import JOINED_SECONDS, NAME, Kept, answered
from tests.e2e.writer import Writer

pytestmark = [pytest.mark.machines, pytest.mark.timeout(1500)]

_MOVE_LEADERS = """
members=($(etcdctl member list | cut -d, -f1))
for move in {0..39}; do
    etcdctl move-leader "${members[move % 3]}" || true
    sleep 0.2
done
"""

LEAVES_SECONDS = 150.0
"""For a master on its way out, on a busy host; 15 s on an idle one."""

ELECTION_SECONDS = 6.0
"""etcd elects within two of its election time-outs of 1 s; the rest is what a client that gives a try 2 s
needs to notice, on a busy host."""


def test_growing_from_one_to_three_loses_no_write(kept: Kept) -> None:
    assert kept.growth.acknowledged > 100
    assert kept.growth.lost() == []


def test_five_and_three_masters_bear_every_change_without_a_pause(kept: Kept) -> None:
    """On the way the number is changed in the middle, and every number that is warned about is seen."""
    kept.await_masters(3, JOINED_SECONDS)
    with Writer(kept.kubeconfig) as writer:
        kept.edit("s/replicas: 3/replicas: 8/", "masterset")
        _await_warning(kept, "ManyMasters", "more than 7 make every write slower")
        kept.stack.wdrip("scale", "--name", NAME, "--target-count", "5")
        kept.await_masters(5, 2 * JOINED_SECONDS)
        assert "masterset scaled" in kept.kubectl("scale", "masterset", "masterset", "--replicas", "4")
        _await_warning(kept, "EvenMasters", "an odd number is better")
        kept.kubectl("scale", "masterset", "masterset", "--replicas", "3")
        kept.await_masters(3, 2 * LEAVES_SECONDS)
    assert writer.acknowledged > 100
    assert writer.lost() == []
    assert writer.longest_silence() < ELECTION_SECONDS


def test_a_backup_taken_while_leaders_change_restores(kept: Kept) -> None:
    with ThreadPoolExecutor(1) as beside:
        moves = beside.submit(kept.with_etcdctl, _MOVE_LEADERS)
        table = kept.stack.wdrip("backup", "-n", NAME).out
        assert not moves.done()
        assert moves.result().count("Leadership transferred") > 10
    date = table.splitlines()[1].split()[2]
    assert f"backup {date} restores" in kept.stack.wdrip("backup", "verify", "-n", NAME, "--backup", date).err


def test_shrinking_to_one_loses_no_write(kept: Kept) -> None:
    with Writer(kept.kubeconfig) as writer:
        kept.edit("s/replicas: 3/replicas: 1/", "-n", "kube-system", "masterset")
        kept.await_masters(1, 2 * LEAVES_SECONDS)
    assert writer.acknowledged > 50
    assert writer.lost() == []


@pytest.mark.parametrize("replicas", [0, -1])
def test_less_than_one_master_is_refused(kept: Kept, replicas: int) -> None:
    patch = json.dumps({"spec": {"replicas": replicas}})
    said = kept.refusal("patch", "masterset", "masterset", "--type", "merge", "-p", patch)
    assert "spec.replicas" in said
    assert "greater than or equal to 1" in said


def test_a_master_set_of_another_name_is_refused(kept: Kept) -> None:
    other = """
apiVersion: alibabacloud.com/v1
kind: MasterSet
metadata: {name: second}
spec: {replicas: 3}
"""
    said = kept.refusal("apply", "-f", "-", stdin=other)
    assert "metadata.name" in said
    assert "masterset" in said


def test_what_was_done_is_told_by_operations_and_events(kept: Kept) -> None:
    table = kept.stack.wdrip("get", "-r", "operations", "-n", NAME).out
    assert table.splitlines()[0].split() == ["TIME", "SECONDS", "OPERATION", "SUBJECT", "OUTCOME", "WHY"]
    done = kept.operations()
    # A backup comes before every change to the membership.
    changes = [each["what"] for each in done if each["what"] in ("BackUp", "RemoveMember")]
    assert "RemoveMember" in changes
    assert all(earlier == "BackUp" for earlier, later in pairwise(changes) if later == "RemoveMember")
    assert all(each["why"] for each in done)
    events = kept.kubectl("get", "events", "--field-selector", "involvedObject.kind=MasterSet")
    assert "RemoveMember" in events


def _await_warning(kept: Kept, reason: str, words: str) -> None:
    """Wait until the status accepts the number with this warning."""

    def warned() -> bool:
        conditions = kept.get("masterset", "masterset").get("status", {}).get("conditions", ())
        found = {each["type"]: each for each in conditions}["Accepted"]
        return [found["status"], found["reason"], words in found["message"]] == ["True", reason, True]

    kept.stack.until(answered(warned), 120, f"the warning {reason}")
