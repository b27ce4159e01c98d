"""What a decision can be: act, hold, settled, or quorum lost."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from wdrip.models.observation import EtcdMember
from wdrip.models.step_kind import StepKind

__all__ = ["Act", "Decision", "Hold", "Launch", "QuorumLost", "Settled", "StepKind", "Target", "first_of"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Launch(_Model):
    """A machine to be made, or to be brought to its end: a Ready Node."""

    node_pool: str = ""
    """Empty: a master."""
    instance_id: str = ""
    """A worker that is there already: the step that made it was broken off."""
    zone_id: str
    """The zone wished for; a worker comes in another of its pool's when this one has no stock."""


class Target(_Model):
    """What a step is done to: the fields that its kind names are filled, the others empty."""

    instance_id: str = ""
    node_name: str = ""
    member_id: str = ""
    to_member_id: str = ""
    zone_id: str = ""
    node_pool: str = ""
    instance_ids: tuple[str, ...] = ()
    launches: tuple[Launch, ...] = ()
    desired: int | None = None

    @property
    def subject(self) -> str:
        """What the attempt is remembered under, see `Attempt.subject`."""
        return self.instance_id or self.zone_id


class Act(_Model):
    """Carry out one step, then look again."""

    kind: Literal["act"] = "act"
    step: StepKind
    target: Target = Target()
    reason: str
    """Why, for the person who reads the history."""
    group: str = ""
    """See `Attempt.group`."""


class Hold(_Model):
    """There is something to do, but not now."""

    kind: Literal["hold"] = "hold"
    reason: str
    """What is waited for, or what a person has to do."""
    until: AwareDatetime | None = None
    """When to look again at the latest; None: when something changes."""
    condition: str = "Waiting"
    """One CamelCase word for a condition's reason."""


class Settled(_Model):
    """Everything is as it shall be."""

    kind: Literal["settled"] = "settled"


class QuorumLost(_Model):
    """etcd has lost its quorum for good: only a backup, or what a survivor holds, brings the cluster back."""

    kind: Literal["quorum-lost"] = "quorum-lost"
    reason: str
    evidence: tuple[str, ...]
    """One line for each voter: what became of it."""
    members: tuple[EtcdMember, ...] = ()
    """The last known membership."""
    survivors: tuple[str, ...] = ()
    """Instance ids of voters whose machine and data are still there, the newest data first."""


Decision = Annotated[Act | Hold | Settled | QuorumLost, Field(discriminator="kind")]


def first_of(decisions: Iterable[Act | Hold | Settled | QuorumLost]) -> Act | Hold | Settled | QuorumLost:
    """The one to follow: the first that acts or finds quorum lost, else the first that holds, else settled.

    A hold is told with the first one's reason, and lasts until the earliest of them ends.

    A hold of one planner does not stop the next: what must not happen meanwhile, each sees for itself. A lost
    quorum stops all after it.
    """
    held: list[Hold] = []
    for decision in decisions:
        if isinstance(decision, Act | QuorumLost):
            return decision
        if isinstance(decision, Hold):
            held.append(decision)
    if not held:
        return Settled()
    until = min((each.until for each in held if each.until is not None), default=None)
    return held[0].model_copy(update={"until": until})
