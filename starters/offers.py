"""What a recovery would do and lose, shown before anybody consents to it."""

import sys

import click

from wdrip.errors import InvalidInput
from wdrip.models.recovery import Offer, RecoveryPlan


def describe(plan: RecoveryPlan) -> str:
    """The plan in the words that a person decides upon."""
    backup = plan.backup
    what = plan.target if plan.in_place else f"{plan.target} becomes {plan.source}: it"
    lines = [
        f"{what} is recovered from backup {backup.date} of {plan.source} "
        f"({backup.size} bytes, revision {backup.revision}, verified: {backup.standing})",
        f"what is lost: {plan.loss}",
        *plan.refused,
    ]
    if not plan.in_place:
        lines.append(f"what {plan.target} holds now is backed up first, and then replaced")
    if plan.fallbacks:
        lines.append(f"older good backups: {', '.join(plan.fallbacks)}")
    lines.append(
        "a new master is built and proven beside the old machines; they are deleted last, when it serves and "
        "was backed up"
    )
    return "\n".join(lines)


def require_terminal(yes: bool) -> None:
    """Raise InvalidInput when consent is needed and nobody is there to give it."""
    if not yes and not sys.stdin.isatty():
        raise InvalidInput("--yes", "there is no terminal to ask for a consent", "add --yes")


def consents(offer: Offer) -> bool:
    """Ask the person at the terminal."""
    return click.confirm(f"Recover {offer.plan.target}?", err=True)
