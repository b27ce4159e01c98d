"""Whether a cluster is as well backed up as its policy wants."""

from pydantic import AwareDatetime, BaseModel, ConfigDict


class BackupHealth(BaseModel):
    """What one look at a cluster's backups found. The same words as long as nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ok: bool
    reason: str
    """One CamelCase word, as in a Kubernetes condition, e.g. `BackupRecent` or `BackupTooOld`."""
    message: str
    last_good: AwareDatetime | None = None
    """When the newest good backup was taken; None: there is none, or it is not known."""
    missed: int = 0
    """Backups that were due since the last one and did not come."""
    scheduled: bool = True
    """Whether there is a schedule, paused or not."""
