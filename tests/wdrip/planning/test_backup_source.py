"""From whom a backup is taken."""

from itertools import permutations

import pytest

from wdrip.errors import PermanentError, TemporaryError
from wdrip.models.observation import EtcdMember, Health
from wdrip.planning.backup_source import backup_source, surviving_source


def member(name: str, **changes: object) -> EtcdMember:
    values = {"id": name or "0", "name": name, "peer_url": "https://a:2380", "health": Health.HEALTHY}
    return EtcdMember.model_validate({**values, **changes})


LEADER = member("leader", leader=True, revision=9)
UNFIT = [
    member("sick", health=Health.UNHEALTHY, revision=99),
    member("unheard-of", health=Health.UNKNOWN, revision=99),
    member("learner", learner=True, revision=99),
    member("", revision=99),
]


@pytest.mark.parametrize(
    ("members", "chosen"),
    [
        ([LEADER], "leader"),
        ([LEADER, member("b", revision=7), member("c", revision=8)], "c"),
        ([LEADER, member("b", revision=8), member("c", revision=8)], "b"),
        ([LEADER, *UNFIT], "leader"),
    ],
)
def test_the_choice_does_not_hang_on_the_lists_order(members: list[EtcdMember], chosen: str) -> None:
    assert {backup_source(order).name for order in permutations(members)} == {chosen}


@pytest.mark.parametrize("members", [[], UNFIT])
def test_with_nobody_fit_it_is_tried_again_later(members: list[EtcdMember]) -> None:
    with pytest.raises(TemporaryError, match="no etcd member is healthy"):
        backup_source(members)


SURVIVORS = [
    member("little", health=Health.UNHEALTHY, revision=7),
    member("most", health=Health.UNHEALTHY, revision=9),
    member("silent", health=Health.UNHEALTHY),
    member("learner", learner=True, revision=99),
    member("", revision=99),
]


def test_without_a_quorum_the_voter_that_holds_most_is_chosen() -> None:
    assert {surviving_source(order, 8).name for order in permutations(SURVIVORS)} == {"most"}


@pytest.mark.parametrize("members", [[], SURVIVORS])
def test_a_survivor_that_holds_no_more_than_a_backup_is_of_no_use(members: list[EtcdMember]) -> None:
    with pytest.raises(PermanentError, match="no living member of etcd holds more than revision 9"):
        surviving_source(members, 9)
