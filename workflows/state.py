"""The `Cluster` workflow's memory."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from activities.tasks import Observed
from wdrip.models.backup_health import BackupHealth
from wdrip.models.cluster import ClusterRecord, CreateRequest, DeleteRequest, Progress, ScaleRequest
from wdrip.models.observation import Attempt, Memory
from wdrip.models.operation import Operation


class Keeping(BaseModel):
    """What the loop that keeps a cluster remembers from one turn to the next."""

    model_config = ConfigDict(extra="forbid")

    memory: Memory = Field(default_factory=Memory)
    observed: Observed | None = None
    """The last look."""
    seen: dict[str, str] = Field(default_factory=dict)
    """What the last watch saw; a later one compares with it, so that nothing is missed between two."""
    scale: ScaleRequest | None = None
    """An accepted `scale` that has not been written to the MasterSet yet."""
    operations: list[Operation] = Field(default_factory=list)
    """Oldest first."""
    untold: list[Attempt] = Field(default_factory=list)
    """Attempts that no status has told of yet."""
    told: str = ""
    """Digest of what the last status said."""
    backups: BackupHealth | None = None
    """How well the cluster is backed up, by the last look at that; None before the first."""
    backups_seen: AwareDatetime | None = None
    """When that look was."""
    last_step: str = ""
    """The step that was carried out last, with its target; empty when another decision came since."""
    repeated: int = 0
    """How often that step was carried out in a row."""
    quiet: int = 0
    """Waits since something last happened."""


class ClusterState(BaseModel):
    """Input of the `Cluster` workflow, and all that it carries from one run to the next.

    A starter gives the name; to keep or delete a cluster whose workflow is gone it gives the record, too.
    """

    model_config = ConfigDict(extra="forbid")

    cluster: str
    record: ClusterRecord | None = None
    progress: Progress = Field(default_factory=Progress)
    create: CreateRequest | None = None
    """An accepted create that has not begun."""
    delete: DeleteRequest | None = None
    """An accepted delete that has not begun."""
    keeping: Keeping = Field(default_factory=Keeping)
