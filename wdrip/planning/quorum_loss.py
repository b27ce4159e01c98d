"""Whether a cluster that lost its quorum for good may be recovered now: by consent, or after a set time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wdrip.errors import InvalidInput
from wdrip.models.backup import QuorumLossPolicy, RecoveryPlan
from wdrip.models.observation import ClusterObservation
from wdrip.planning.backup_schedule import in_words
from wdrip.planning.decision import Hold, QuorumLost

_ONCE_IN = timedelta(hours=24)
"""A cluster that is lost again so soon has a fault that recoveries do not mend."""


@dataclass(frozen=True)
class Approval:
    """A person's consent to a recovery."""

    by: str
    at: datetime
    restores: str
    """`RecoveryPlan.restores` of the plan that was shown."""


@dataclass(frozen=True)
class Consent:
    """The recovery may begin."""

    by: str
    """Who approved, or the policy."""


def consent(
    policy: QuorumLossPolicy,
    lost: QuorumLost,
    since: datetime,
    plan: RecoveryPlan,
    now: datetime,
    *,
    approval: Approval | None = None,
    last_automatic: datetime | None = None,
) -> Consent | Hold:
    """Whether to recover now.

    since: when this loss was first seen; each look that finds a quorum forgets it. plan: of this moment.
    approval: counts only for this loss and for what it was shown; if something else would be restored now (a
    backup turned out bad), it needs another. last_automatic: when wdrip last recovered the cluster by itself.
    """
    if approval is not None and approval.at >= since and approval.restores == plan.restores:
        return Consent(approval.by)
    said = f"{lost.reason}. Recovery would lose {plan.loss}. Approve it with `wdrip approve`"
    if policy.act_after_seconds is None:
        return Hold(reason=said, condition="ApprovalNeeded")
    if last_automatic is not None and now - last_automatic < _ONCE_IN:
        ago = in_words(now - last_automatic)
        return Hold(
            reason=f"{said}; wdrip recovered it by itself {ago} ago and does not again so soon",
            condition="ApprovalNeeded",
        )
    due = since + timedelta(seconds=policy.act_after_seconds)
    if now < due:
        return Hold(
            reason=f"{said}, or wdrip recovers in {in_words(due - now)} by itself",
            until=due,
            condition="ApprovalNeeded",
        )
    return Consent(f"policy: quorum lost for {in_words(now - since)}")


def since_when(
    previous: datetime | None, lost: QuorumLost | None, seen: ClusterObservation
) -> datetime | None:
    """When the loss began, from one look to the next; None while there is none."""
    if lost is None:
        return None
    return previous or seen.at


def refuse_approval(pending: bool, cluster: str) -> None:
    """Raise InvalidInput when there is nothing to approve."""
    if not pending:
        raise InvalidInput(
            "--name", f"nothing of {cluster} waits for approval", f"see `wdrip watch --name {cluster}`"
        )
