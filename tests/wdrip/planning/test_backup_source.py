"""From whom a backup is taken."""

from itertools import permutations

import pytest

from wdrip.errors import TemporaryError
from wdrip.models.observation import EtcdMember, Health
from wdrip.planning.backup_source import backup_source


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
