"""Which of several decisions is followed."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from wdrip.planning.decision import Act, Decision, Hold, QuorumLost, Settled, StepKind, Target, first_of

ACT = Act(step=StepKind.REBOOT, target=Target(instance_id="i-1"), reason="it is ill")
OTHER = Act(step=StepKind.DRAIN, reason="another")
HOLD = Hold(reason="wait")
LATER = Hold(reason="wait for something else")
SOON, LATE = (Hold(reason="wait", until=datetime(2026, 3, 1, 12, minute, tzinfo=UTC)) for minute in (1, 2))
LOST = QuorumLost(reason="gone", evidence=("m0: its machine is gone",))


@pytest.mark.parametrize(
    ("decisions", "followed"),
    [
        ((), Settled()),
        ((Settled(), Settled()), Settled()),
        ((Settled(), HOLD, LATER), HOLD),
        ((LATE, HOLD, SOON), SOON),
        ((HOLD, ACT, OTHER), ACT),
        ((HOLD, LOST, ACT), LOST),
        ((ACT, LOST), ACT),
    ],
)
def test_the_first_that_acts_is_followed(
    decisions: tuple[Act | Hold | Settled | QuorumLost, ...], followed: Act | Hold | Settled | QuorumLost
) -> None:
    assert first_of(decisions) == followed


@pytest.mark.parametrize("decision", [ACT, HOLD, Settled(), LOST])
def test_a_decision_survives_the_journey_through_a_workflow(
    decision: Act | Hold | Settled | QuorumLost,
) -> None:
    adapter: TypeAdapter[Decision] = TypeAdapter(Decision)
    assert adapter.validate_json(adapter.dump_json(decision)) == decision


def test_an_attempt_is_remembered_under_the_machine_before_the_zone() -> None:
    assert Target(instance_id="i-1", zone_id="z").subject == "i-1"
    assert Target(zone_id="z").subject == "z"
    assert Target().subject == ""
