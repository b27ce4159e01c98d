"""A cluster as wdrip sees it: what was asked, where it stands, and what goes in and out of its workflow."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from wdrip.models.cluster_config import ClusterConfig


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Phase(StrEnum):
    """Where a cluster stands in its life."""

    PENDING = "Pending"
    CREATING = "Creating"
    RUNNING = "Running"
    RECOVERING = "Recovering"
    DELETING = "Deleting"
    FAILED = "Failed"
    DELETED = "Deleted"


class StepStatus(StrEnum):
    """Where one step of an operation stands."""

    PENDING = "Pending"
    RUNNING = "Running"
    DONE = "Done"
    FAILED = "Failed"
    SKIPPED = "Skipped"


class Step(_Model):
    """One step of an operation as `wdrip watch` and the Web UI show it."""

    name: str
    """Short stable identifier, e.g. `etcd`."""
    title: str
    """What the step does, in words a person reads, e.g. `Start etcd with TLS`."""
    status: StepStatus = StepStatus.PENDING
    started: datetime | None = None
    finished: datetime | None = None
    detail: str = ""
    """The latest thing worth knowing: what it waits for, or why it failed."""


class Progress(_Model):
    """Answer of the `progress` query: where the current operation stands, in words."""

    operation: str = "create"
    phase: Phase = Phase.PENDING
    steps: list[Step] = Field(default_factory=list)
    waiting_for: str = ""
    """What is waited for right now; empty when nothing is."""
    waiting_since: datetime | None = None
    waiting_until: datetime | None = None
    then: str = ""
    """What happens when the deadline passes."""
    failure: str = ""
    """Why the operation failed; empty while it has not."""
    stack_id: str = ""


class Endpoints(_Model):
    """Addresses of the API server, without scheme or port."""

    public: str = ""
    private: str = ""


class Machine(_Model):
    """An ECS instance of a cluster."""

    instance_id: str
    private_ip: str
    zone_id: str
    role: str


class Versions(_Model):
    """Asked-for and actual versions of what runs on the machines."""

    kubernetes: str
    etcd: str
    runtime: str


class ClusterRecord(_Model):
    """The index entry `wdrip/clusters/<name>.json`: everything about a cluster that is not a secret."""

    name: str
    uid: str
    """Tells two clusters of the same name apart; part of every client token."""
    provider: str
    region: str
    phase: Phase
    config: ClusterConfig
    asked: Versions
    actual: Versions | None = None
    package: str = ""
    """Name of the software package that its machines run."""
    stack_id: str = ""
    vpc_id: str = ""
    endpoints: Endpoints = Field(default_factory=Endpoints)
    machines: list[Machine] = Field(default_factory=list)
    created: datetime
    updated: datetime
    notes: list[str] = Field(default_factory=list)
    """What a person should know, e.g. that a nearest version serves the asked one."""


class CreateRequest(_Model):
    """Input of the `Cluster` workflow's create. Carries references, never secrets."""

    config: ClusterConfig
    """The cluster's configuration with the kubeadm token taken out."""
    provider: str
    """Provider key in the worker's own configuration, e.g. `alibaba.dev`."""
    token_reference: str | None = None
    """Bucket key of the sealed kubeadm token; none: the worker makes one."""
    keep_on_failure: bool = False
    """Leave what a failed or cancelled create made, for a look; it goes on costing money."""
    requested_by: str = ""


class DeleteRequest(_Model):
    """Input of the `delete` update."""

    force: bool = False
    """Go on although the cluster's own API cannot be reached or it is still being created."""
    delete_backups: bool = False
    """Delete the backups, too; they stay by default, since nothing else brings the cluster back."""
    requested_by: str = ""


class ScaleRequest(_Model):
    """Input of the `scale` update."""

    target: int
    """How many masters the cluster shall have."""
    requested_by: str = ""


class Accepted(_Model):
    """Answer of an accepted update."""

    cluster: str
    operation: str
    notes: list[str] = Field(default_factory=list)


class InfrastructureOutputs(_Model):
    """What the cluster's stack gives the steps after it."""

    stack_id: str
    vpc_id: str
    vswitch_ids: dict[str, str]
    """Zone id to vSwitch id."""
    security_group_id: str
    load_balancer_id: str
    public_endpoint: str
    private_endpoint: str
    master_role: str
    worker_role: str
