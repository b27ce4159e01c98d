"""What changes etcd's members, with an etcdctl that answers as told and writes down what it was asked."""

from importlib.resources import files

import pytest

from tests.wdrip.nodes.sandbox import Result, Sandbox
from wdrip.nodes import etcd_operations, operations

FIRST = "c3ef4c84e94466d, started, n1, https://192.168.0.77:2380, https://192.168.0.77:2379, false"
LEARNER = "f8e37c629f168165, started, n2, https://192.168.0.78:2380, https://192.168.0.78:2379, true"
UNSTARTED = "f8e37c629f168165, unstarted, , https://192.168.0.78:2380, , true"
ENDPOINTS = ["https://192.168.0.77:2379"]

# The flags before the command are the same for all; those after `endpoint status` do not matter here.
_ETCDCTL = """#!/bin/bash
while [[ $1 == --* ]]; do [[ $1 == --*=* ]] || shift; shift; done
echo "$1 $2" >>/run/etcdctl.calls
case "$1 $2" in
    "member list") cat /run/members ;;
    "endpoint health") ;;
    "endpoint status") [[ -e /run/answers ]] ;;
    *) echo "etcdserver: refused" >&2; exit 1 ;;
esac
"""


# The launcher's own short naps stay.
_SHORT_SLEEP = "#!/bin/bash\n[[ $1 == 0.* ]] && exec /bin/sleep $1; exit 0\n"


def etcd_with(sandbox: Sandbox, *members: str) -> None:
    """These members are listed; every change is refused, and no member tells its status."""
    sandbox.program("etcdctl", _ETCDCTL)
    sandbox.path("/run/members").write_text("".join(f"{member}\n" for member in members))


def calls(sandbox: Sandbox) -> set[str]:
    return set(sandbox.path("/run/etcdctl.calls").read_text().splitlines())


def test_a_learner_that_has_died_is_not_promoted(sandbox: Sandbox) -> None:
    etcd_with(sandbox, FIRST, LEARNER)
    result = sandbox.launch(etcd_operations.promote_etcd_member("f8e37c629f168165", deadline_seconds=1))
    assert result.code == operations.NOT_IN_TIME
    assert "the learner at https://192.168.0.78:2379 does not answer" in result.output
    assert "member promote" not in calls(sandbox)


def test_a_voter_needs_no_promotion(sandbox: Sandbox) -> None:
    etcd_with(sandbox, FIRST)
    assert sandbox.launch(etcd_operations.promote_etcd_member("c3ef4c84e94466d")).code == 0
    assert "member promote" not in calls(sandbox)


def test_a_member_that_is_not_there_cannot_be_promoted(sandbox: Sandbox) -> None:
    etcd_with(sandbox, FIRST)
    assert sandbox.launch(etcd_operations.promote_etcd_member("f8")).code == operations.NO_SUCH_MEMBER


def joining(sandbox: Sandbox) -> Result:
    operation = etcd_operations.start_joining_etcd("n2", "192.168.0.78", "uid", "f8e37c629f168165", ENDPOINTS)
    return sandbox.launch(operation)


def test_a_member_that_lost_its_data_does_not_start_again(sandbox: Sandbox) -> None:
    etcd_with(sandbox, FIRST, LEARNER)
    result = joining(sandbox)
    assert result.code == operations.MEMBER_DATA_LOST
    assert not sandbox.path("/etc/etcd/etcd.env").exists()


def test_data_of_an_earlier_membership_are_removed(sandbox: Sandbox) -> None:
    etcd_with(sandbox, FIRST, UNSTARTED)
    sandbox.path("/run/answers").touch()
    old = sandbox.path("/var/lib/etcd/member-data/member")
    old.mkdir(parents=True)
    sandbox.path("/var/lib/etcd/member-id").write_text("0123456789abcdef\n")
    result = joining(sandbox)
    assert result.code == 0, result.output
    assert not old.exists()
    assert sandbox.path("/var/lib/etcd/member-id").read_text() == "f8e37c629f168165\n"
    environment = sandbox.path("/etc/etcd/etcd.env").read_text()
    cluster = "n1=https://192.168.0.77:2380,n2=https://192.168.0.78:2380"
    assert f"ETCD_INITIAL_CLUSTER={cluster}\n" in environment
    assert "ETCD_INITIAL_CLUSTER_STATE=existing\n" in environment


def test_another_machines_address_is_not_taken(sandbox: Sandbox) -> None:
    etcd_with(sandbox, FIRST, LEARNER)
    result = sandbox.launch(etcd_operations.add_etcd_learner("n3", "192.168.0.78"))
    assert result.code == operations.NO_SUCH_MEMBER
    assert "belongs to the member n2" in result.output


@pytest.mark.parametrize("line", [LEARNER, UNSTARTED])
def test_a_learner_that_is_there_is_told_again(sandbox: Sandbox, line: str) -> None:
    etcd_with(sandbox, FIRST, line)
    result = sandbox.launch(etcd_operations.add_etcd_learner("n2", "192.168.0.78"))
    assert result.code == 0, result.output
    assert etcd_operations.added_member(result.output) == "f8e37c629f168165"


def test_a_refusal_to_add_is_told_in_etcds_words(sandbox: Sandbox) -> None:
    etcd_with(sandbox, FIRST)
    result = sandbox.launch(etcd_operations.add_etcd_learner("n2", "192.168.0.78"))
    assert result.code == 1
    assert "was not added: etcdserver: refused" in result.output


def test_removing_what_is_gone_is_success(sandbox: Sandbox) -> None:
    etcd_with(sandbox, FIRST)
    assert sandbox.launch(etcd_operations.remove_etcd_member("f8e37c629f168165")).code == 0
    assert "member remove" not in calls(sandbox)


def test_a_list_that_cannot_be_read_is_not_an_absence(sandbox: Sandbox) -> None:
    sandbox.program("etcdctl", "#!/bin/bash\nexit 1\n")
    sandbox.program("sleep", _SHORT_SLEEP)
    result = sandbox.launch(etcd_operations.remove_etcd_member("f8e37c629f168165"))
    assert result.code == operations.NOT_IN_TIME


def test_a_refused_removal_is_told_in_etcds_words(sandbox: Sandbox) -> None:
    etcd_with(sandbox, FIRST, LEARNER)
    result = sandbox.launch(etcd_operations.remove_etcd_member("f8e37c629f168165"))
    assert result.code == 1
    assert "was not removed: etcdserver: refused" in result.output


def test_a_learner_cannot_lead(sandbox: Sandbox) -> None:
    etcd_with(sandbox, FIRST, LEARNER)
    result = sandbox.launch(etcd_operations.move_etcd_leader("f8e37c629f168165"))
    assert result.code == operations.NO_SUCH_MEMBER


def test_members_that_cannot_be_read_are_reported_as_such(sandbox: Sandbox) -> None:
    sandbox.program("etcdctl", "#!/bin/bash\nexit 1\n")
    result = sandbox.launch(etcd_operations.list_etcd_members(ENDPOINTS))
    assert result.code == 0
    assert '{"members": null, "endpoints": []}' in result.output


def test_whether_the_data_are_there_is_told(sandbox: Sandbox) -> None:
    def gone() -> bool:
        return etcd_operations.data_is_gone(sandbox.launch(etcd_operations.look_at_etcd_data()).output)

    assert gone()
    log = sandbox.path("/var/lib/etcd/member-data/member/wal/0000000000000000-0000000000000000.wal")
    log.parent.mkdir(parents=True)
    assert gone()
    log.touch()
    assert not gone()


def test_the_unit_starts_no_member_that_has_run_and_lost_its_data(sandbox: Sandbox) -> None:
    """The first member of a cluster would come up as an empty cluster of its own."""
    unit = (files("wdrip.nodes") / "units" / "etcd.service").read_text(encoding="utf-8")
    before = next(line for line in unit.splitlines() if line.startswith("ExecStartPre="))
    after = next(line for line in unit.splitlines() if line.startswith("ExecStartPost="))

    def starts() -> bool:
        return sandbox.run(before.removeprefix("ExecStartPre=")).code == 0

    assert starts()
    sandbox.path("/etc/etcd").mkdir()
    assert sandbox.run(after.removeprefix("ExecStartPost=")).code == 0
    assert not starts()
    log = sandbox.path("/var/lib/etcd/member-data/member/wal/0000000000000000-0000000000000000.wal")
    log.parent.mkdir(parents=True)
    log.touch()
    assert starts()
