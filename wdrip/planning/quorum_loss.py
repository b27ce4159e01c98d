"""Whether a cluster that lost its quorum for good may be recovered now: by consent, or after a set time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wdrip.models.quorum_loss import QuorumLossPolicy
from wdrip.models.recovery import RecoveryPlan
from wdrip.planning.backup_schedule import in_words
from wdrip.planning.decision import Hold, QuorumLost

APPROVAL_NEEDED = "ApprovalNeeded"
"""Condition of a cluster that waits for a person's consent to its recovery."""

_ONCE_IN = timedelta(hours=24)
"""A cluster that is lost again so soon has a fault that recoveries do not mend."""


@dataclass(frozen=True)
class Consent:
    """The recovery may begin, without a person's consent."""

    by: str
    """The policy, in words."""


def consent(
    policy: QuorumLossPolicy,
    lost: QuorumLost,
    since: datetime,
    plan: RecoveryPlan,
    now: datetime,
    *,
    last_automatic: datetime | None = None,
) -> Consent | Hold:
    """Whether to recover now, although nobody has consented.

    since: when this loss was first seen; a look that finds a quorum forgets it. plan: what was offered for
    it. last_automatic: when wdrip last recovered the cluster by itself.
    """
    said = "; ".join((f"approval of a recovery: {lost.reason}", *lost.evidence))
    said = f"{said}. It would lose {plan.loss}. Approve it with `wdrip approve -n {plan.target}`"
    if policy.act_after_seconds is None:
        return Hold(reason=said, condition=APPROVAL_NEEDED)
    if last_automatic is not None and now - last_automatic < _ONCE_IN:
        ago = in_words(now - last_automatic)
        return Hold(
            reason=f"{said}; wdrip recovered it by itself {ago} ago and does not again so soon",
            condition=APPROVAL_NEEDED,
        )
    due = since + timedelta(seconds=policy.act_after_seconds)
    if now < due:
        return Hold(
            reason=f"{said}, or wdrip recovers in {in_words(due - now)} by itself",
            until=due,
            condition=APPROVAL_NEEDED,
        )
    return Consent(f"policy: quorum lost for {in_words(now - since)}")
