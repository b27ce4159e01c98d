"""What one look at a cluster saw, and what is remembered from one look to the next.

The decisions of `wdrip/planning` are made from these alone. Everything that could not be read is None or
`unknown`: never empty, since an empty list would say that nothing is there.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from wdrip import names
from wdrip.models.node_pool import NodePoolSpec
from wdrip.models.step_kind import StepKind

MASTERS = "masters"
"""The group of the masters in `Attempt.group`; a pool's is `pool_group`."""

REMEMBERED = timedelta(hours=24)
"""How long attempts are kept; no decision looks further back."""

MOST_ATTEMPTS = 400
"""The workflow's state travels in one payload when it continues as new; about 60 KB of it may be attempts."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Health(StrEnum):
    """How something is."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class EtcdMember(_Model):
    """A member of etcd, from a list that needs no quorum to be read (`--consistency=s`)."""

    id: str
    """Hexadecimal, as `etcdctl` writes it."""
    name: str = ""
    """The node name of its machine; empty while the member has never started."""
    peer_url: str
    """E.g. `https://192.168.0.77:2380`: an unstarted member has nothing else to tell whose it is."""
    client_url: str = ""
    learner: bool = False
    leader: bool = False
    health: Health = Health.UNKNOWN
    revision: int | None = None
    """The newest that it holds; tells how far behind a learner is."""
    db_size: int | None = None
    """Bytes."""
    data_missing: bool = False
    """Its machine was looked at and has no data directory of this member: it never comes back as itself."""

    @property
    def started(self) -> bool:
        """Whether it has ever joined; until then etcd knows no name of it."""
        return bool(self.name)


class MachineState(_Model):
    """A machine of the cluster, found by its tags."""

    instance_id: str
    private_ip: str = ""
    """Empty until it has one."""
    zone_id: str
    role: str
    """`names.ROLE_MASTER` or `names.ROLE_WORKER`."""
    node_pool: str = ""
    """Name of its pool; empty for masters."""
    status: str
    """Alibaba's word: `Pending`, `Starting`, `Running`, `Stopping` or `Stopped`. A released one is not
    listed."""
    created: AwareDatetime
    instance_type: str = ""
    image_id: str = ""

    @property
    def node_name(self) -> str:
        """The name that its Node and its etcd member have."""
        return names.node_name(self.private_ip, self.instance_id)


class NodeState(_Model):
    """A Node of the cluster's API."""

    name: str
    ready: Health = Health.UNKNOWN
    """Its Ready condition: True, False, or Unknown since its kubelet is not heard of."""
    ready_changed: AwareDatetime | None = None
    unschedulable: bool = False
    created: AwareDatetime | None = None
    kubelet_version: str = ""
    lease_renewed: AwareDatetime | None = None
    """When its kubelet last renewed the Node's lease, every 10 s."""


class MasterSetState(_Model):
    """The MasterSet as a person left it."""

    replicas: int
    generation: int = 0
    observed_generation: int = 0


class NodePoolState(_Model):
    """A NodePool as a person left it."""

    name: str
    generation: int = 0
    desired: int
    minimum: int | None = None
    maximum: int | None = None
    deleting: bool = False
    """It is deleted and still has wdrip's finalizer. Once that is off, it is not listed any more."""
    spec: NodePoolSpec


class ClusterObservation(_Model):
    """One look at everything that decisions are made from."""

    at: AwareDatetime
    """By the clock of whoever looked; times of one observation may be compared with those of another."""
    api: Health
    """`/readyz` of the API server through the load balancer; healthy says that etcd has its quorum, too."""
    machines: tuple[MachineState, ...] = ()
    nodes: tuple[NodeState, ...] | None = None
    """None: the API could not be asked."""
    members: tuple[EtcdMember, ...] | None = None
    """None: no master could be asked."""
    master_set: MasterSetState | None = None
    """None: could not be read, or is not there."""
    node_pools: tuple[NodePoolState, ...] | None = None
    """None: the API could not be asked."""
    backends: tuple[str, ...] | None = None
    """Instance ids behind the load balancer; None: unknown."""


class Outcome(StrEnum):
    """What came of an attempt."""

    DONE = "done"
    """The step did what it does. Whether that helped, the next look tells."""
    FAILED = "failed"


class Attempt(_Model):
    """One step that was carried out, on one subject."""

    subject: str
    """Instance id; zone id for a launch; empty for the cluster."""
    group: str = ""
    """MASTERS or `pool_group(name)`: what throttles count together; empty for the cluster."""
    step: StepKind
    started: AwareDatetime
    finished: AwareDatetime
    outcome: Outcome
    detail: str = ""
    """Why it failed, or what it could not do."""
    blocked_by: str = ""
    """`namespace/name` of the PodDisruptionBudget that held a drain up; empty when none did."""


class Memory(_Model):
    """What is known beyond one look. `wdrip/planning/memory.py` brings it up to date before each decision."""

    attempts: tuple[Attempt, ...] = ()
    """Oldest first."""
    first_seen: dict[str, AwareDatetime] = Field(default_factory=dict)
    """Symptom to the look that saw it first; forgotten when a look does not see it."""
    joined: tuple[str, ...] = ()
    """Instance ids of machines that once had a Node: one without was deleted, not forgotten."""
    last_members: tuple[EtcdMember, ...] = ()
    """The last membership that could be read."""

    def record(self, attempt: Attempt) -> "Memory":
        """The memory with one more attempt; those too old to matter fall out."""
        oldest = attempt.finished - REMEMBERED
        kept = [each for each in self.attempts if each.finished >= oldest][-(MOST_ATTEMPTS - 1) :]
        return self.model_copy(update={"attempts": (*kept, attempt)})

    def tried(
        self, subject: str, steps: Iterable[StepKind], since: datetime | None = None
    ) -> tuple[Attempt, ...]:
        """Attempts of any of `steps` on `subject` that ended after `since`, oldest first."""
        wanted = frozenset(steps)
        return tuple(
            each
            for each in self.attempts
            if each.subject == subject and each.step in wanted and (since is None or each.finished > since)
        )

    def last(self, subject: str, *steps: StepKind) -> Attempt | None:
        """The newest attempt of any of `steps` on `subject`."""
        return next(reversed(self.tried(subject, steps)), None)


def pool_group(pool: str) -> str:
    """The group of a pool's machines in `Attempt.group`."""
    return f"pool/{pool}"
