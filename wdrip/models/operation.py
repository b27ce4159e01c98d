"""What was done to a cluster: for the person who asks what happened, when and why."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from wdrip.models.observation import Outcome

MOST_OPERATIONS = 100
"""How many are kept; the workflow's state carries them when it continues as new, some 30 KB."""


class Operation(BaseModel):
    """One thing that wdrip did, or that a person asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: str
    """Kind of the step, e.g. `JoinEtcd`, or of the request, e.g. `scale`."""
    subject: str
    """What it was done to: an instance, a zone, a pool, or `the cluster`."""
    why: str
    started: AwareDatetime
    finished: AwareDatetime
    outcome: Outcome
    detail: str = ""
    """Why it failed, or what it could not do; empty when there is nothing to say."""


class Operations(BaseModel):
    """Answer of the `operations` query, oldest first."""

    model_config = ConfigDict(extra="forbid")

    operations: list[Operation] = []
