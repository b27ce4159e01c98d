"""The `Cluster` workflow's memory."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from activities.tasks import Observed
from wdrip.models.backup_health import BackupHealth
from wdrip.models.cluster import ClusterRecord, CreateRequest, DeleteRequest, Progress, ScaleRequest
from wdrip.models.observation import Attempt, Memory
from wdrip.models.operation import MOST_OPERATIONS, Operation
from wdrip.models.recovery import Offer


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

    def remember(self, operation: Operation) -> None:
        """Add an operation; the oldest fall out."""
        self.operations = [*self.operations, operation][-MOST_OPERATIONS:]

    def forget(self) -> None:
        """Begin anew after a recovery: what was seen and tried before was another cluster's."""
        fresh = Keeping(operations=self.operations)
        for name in type(self).model_fields:
            setattr(self, name, getattr(fresh, name))


class Retiring(BaseModel):
    """Machines that a recovery has set aside, until they may go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attempt_id: str
    instance_ids: tuple[str, ...]
    after: AwareDatetime | None = None
    """Not before; None: as soon as the recovered cluster stands and is backed up."""


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
    offer: Offer | None = None
    """A recovery that waits for consent or for its turn."""
    lost_since: AwareDatetime | None = None
    """When a look first found that the quorum is lost for good."""
    recovered_by_itself: AwareDatetime | None = None
    """When wdrip last began a recovery without a person's consent."""
    retiring: Retiring | None = None
