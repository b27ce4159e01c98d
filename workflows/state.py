"""The `Cluster` workflow's memory."""

from pydantic import BaseModel, ConfigDict, Field

from wdrip.models.cluster import ClusterRecord, CreateRequest, DeleteRequest, Progress


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
