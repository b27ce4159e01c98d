"""etcd's members: reading and changing them, from a machine that is a healthy member.

The machine that joins only starts its own member (`start_joining_etcd`). Every change of the membership is
made on a machine that is known to be well, one step at a time, so that the one who decides sees each step
before the next, and no command that reaches a given-up machine late can change the quorum.

The order for one more: `add_etcd_learner` (on a member), `start_joining_etcd` (on the new machine),
`promote_etcd_member` (on a member). For one less: `move_etcd_leader` if it leads, `remove_etcd_member`, then
`leave_cluster` on the machine itself. A run that is cut off leaves at most a learner, without a vote.
"""

from collections.abc import Sequence

from wdrip.nodes.kubeadm import LOCAL_ETCD
from wdrip.nodes.operations import NodeOperation, render


def list_etcd_members(endpoints: Sequence[str] = ()) -> NodeOperation:
    """Print the members, and how each one answers, for `wdrip.nodes.etcd_report.read_report`.

    The members are read from this machine's own one, or else the first of `endpoints` (client URLs) that
    answers. Takes a few seconds at most, however many members are dead; succeeds even when all are.
    """
    return render(
        "list-etcd-members",
        {"ENDPOINTS": ",".join((LOCAL_ETCD, *endpoints))},
        parts=("etcd",),
        keeps_success=False,
    )


def look_at_etcd_data() -> NodeOperation:
    """Tell, for `data_is_gone`, whether the machine holds the data of a member that has run."""
    return render("look-at-etcd-data", {}, keeps_success=False)


def data_is_gone(output: str) -> bool:
    """Whether `look_at_etcd_data` found nothing; False for anything that is not its output."""
    return "etcd data: gone" in output.splitlines()


def add_etcd_learner(member_name: str, ip: str) -> NodeOperation:
    """On a healthy member: tell the cluster of a learner at `https://<ip>:2380`; prints `member: <id>`.

    One that is there already is success. Fails with NO_SUCH_MEMBER when another machine's member has the
    address, and when etcd refuses (it takes one learner at a time).
    """
    return _change("add-etcd-learner", {"NEW_NAME": member_name, "NEW_IP": ip})


def start_joining_etcd(
    member_name: str, ip: str, cluster_token: str, member_id: str, endpoints: Sequence[str]
) -> NodeOperation:
    """On the new machine: start the member that `add_etcd_learner` announced, until it answers.

    member_id: hex, from `add_etcd_learner`; endpoints: client URLs of healthy voters, only read. Data of an
    earlier membership is removed. Fails with NOT_IN_TIME, and with MEMBER_DATA_LOST when the member has run
    before and its data is gone: it might vote twice, so it must be removed and added anew.
    """
    return render(
        "start-joining-etcd",
        {
            "MEMBER_NAME": member_name,
            "IP": ip,
            "CLUSTER_TOKEN": cluster_token,
            "MEMBER_ID": member_id,
            "ENDPOINTS": ",".join(endpoints),
        },
        parts=("etcd",),
        keeps_success=False,
    )


def promote_etcd_member(member_id: str, deadline_seconds: int = 300) -> NodeOperation:
    """On a healthy member: give a learner its vote once it has caught up, and while it answers.

    One that has its vote is success. Fails with NO_SUCH_MEMBER, or with NOT_IN_TIME and how far it got.
    """
    return _change("promote-etcd-member", {"MEMBER_ID": member_id, "DEADLINE": str(deadline_seconds)})


def move_etcd_leader(member_id: str, deadline_seconds: int = 30) -> NodeOperation:
    """On a healthy member: make `member_id` the leader. Fails with NO_SUCH_MEMBER for one without a vote, or
    with NOT_IN_TIME."""
    return _change("move-etcd-leader", {"MEMBER_ID": member_id, "DEADLINE": str(deadline_seconds)})


def remove_etcd_member(member_id: str) -> NodeOperation:
    """On a healthy member, another one: remove a member. One that is not there is success.

    Fails when etcd refuses, because too few of the others are there. Whether the rest keeps its quorum is for
    `wdrip.planning` to know before.
    """
    return _change("remove-etcd-member", {"MEMBER_ID": member_id})


def wipe_etcd_data() -> NodeOperation:
    """Stop this machine's etcd and remove its data: for a machine whose member has been removed."""
    return render("wipe-etcd-data", {}, keeps_success=False)


def added_member(output: str) -> str:
    """The id (hex) in the output of `add_etcd_learner`. Raises ValueError when there is none."""
    for line in reversed(output.splitlines()):
        label, _, member_id = line.partition("member: ")
        if not label and member_id:
            return member_id
    raise ValueError("etcd named no member")


def _change(name: str, parameters: dict[str, str]) -> NodeOperation:
    # Never from memory: the same change may be due again, after the opposite one.
    return render(name, parameters, parts=("etcd", "etcd-members"), keeps_success=False)
