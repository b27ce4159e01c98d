"""When a cluster without quorum may be recovered."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.wdrip.backup_entries import CLUSTER, entry
from wdrip.errors import InvalidInput
from wdrip.models.quorum_loss import QuorumLossPolicy
from wdrip.models.reading import read_document
from wdrip.models.recovery import RecoveryPlan
from wdrip.planning.decision import Hold, QuorumLost
from wdrip.planning.quorum_loss import Consent, consent

SINCE = datetime(2021, 10, 2, 10, 0, tzinfo=UTC)
LOST = QuorumLost(reason="2 of 3 etcd members are gone for good", evidence=("a: released", "b: released"))
PLAN = RecoveryPlan(
    target=CLUSTER,
    source=CLUSTER,
    backup=entry("20211002-0950"),
    loss="every change after 09:50",
    wanted_masters=3,
    steps=(),
)
OFF = QuorumLossPolicy()
TEN_MINUTES = QuorumLossPolicy(act_after_seconds=600)


def after(minutes: float) -> datetime:
    return SINCE + timedelta(minutes=minutes)


def test_by_default_a_person_decides_however_long_it_takes() -> None:
    held = consent(OFF, LOST, SINCE, PLAN, after(60 * 24 * 30))
    assert isinstance(held, Hold)
    assert (held.until, held.condition) == (None, "ApprovalNeeded")
    assert "2 of 3 etcd members" in held.reason
    assert "every change after 09:50" in held.reason
    assert "wdrip approve" in held.reason


def test_a_policy_waits_and_then_acts() -> None:
    held = consent(TEN_MINUTES, LOST, SINCE, PLAN, after(9.99))
    assert isinstance(held, Hold)
    assert held.until == after(10)
    assert isinstance(consent(TEN_MINUTES, LOST, SINCE, PLAN, after(10)), Consent)


def test_a_policy_does_not_act_twice_a_day() -> None:
    last = after(-60 * 23)
    assert isinstance(consent(TEN_MINUTES, LOST, SINCE, PLAN, after(20), last_automatic=last), Hold)
    assert isinstance(consent(TEN_MINUTES, LOST, SINCE, PLAN, after(60), last_automatic=last), Consent)


def test_acting_at_once_on_a_lost_quorum_is_refused() -> None:
    assert QuorumLossPolicy().act_after_seconds is None
    with pytest.raises(InvalidInput, match="actAfterSeconds: is below five minutes"):
        read_document(QuorumLossPolicy, {"actAfterSeconds": 299})
