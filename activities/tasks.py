"""What workflows give to activities and get back: references and facts, never secrets."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from wdrip.models.backup import BackupEntry
from wdrip.models.backup_health import BackupHealth
from wdrip.models.cluster import ClusterRecord, InfrastructureOutputs, Machine, Versions
from wdrip.models.observation import Attempt, ClusterObservation, Memory
from wdrip.models.recovery import RecoverRequest, RecoveryPlan
from wdrip.models.workload import PoolOutlook
from wdrip.planning.decision import Act, Decision


class _Task(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Validated(_Task):
    """What the cloud-side checks found out about an acceptable configuration."""

    asked: Versions
    actual: Versions
    package: str
    """Name of the software package that serves the asked versions."""
    notes: list[str]
    """What the person should know, e.g. that another version than the asked one is served."""


class SecretsTask(_Task):
    """Issue a cluster's secrets."""

    record: ClusterRecord
    token_reference: str | None
    """Bucket key of the sealed kubeadm token; none: one is made."""


class TransitObject(_Task):
    """An object that only waits to be picked up."""

    provider: str
    key: str


class MachineTask(_Task):
    """Start a machine in a cluster's network."""

    record: ClusterRecord
    outputs: InfrastructureOutputs


class StartedMachine(_Task):
    """A machine that was asked for and may still be starting."""

    record: ClusterRecord
    instance_id: str


class BackendsTask(_Task):
    """Which machines stand behind the API server's load balancer: exactly these."""

    record: ClusterRecord
    stack_id: str
    instance_ids: list[str]


class NodeTask(_Task):
    """Work on one machine of a cluster."""

    record: ClusterRecord
    machine: Machine


class HandoverTask(NodeTask):
    """Give a machine its secrets, encrypted to its own certificate."""

    certificate: str
    """PEM, from the machine."""
    secrets_key: str = ""
    """Bucket key of the sealed bundle; empty: the cluster's own."""


class InitTask(NodeTask):
    """Start the control plane on its first machine."""

    outputs: InfrastructureOutputs


class Observed(_Task):
    """One look at a cluster: what the planners need, and nothing longer."""

    observation: ClusterObservation
    outlooks: dict[str, PoolOutlook] = Field(default_factory=dict)
    """By name of the pool; empty when the API could not be asked."""
    vswitch_ids: dict[str, str] = Field(default_factory=dict)
    """Zone to vSwitch, of the stack; empty when ROS could not be asked."""


class ObserveTask(_Task):
    """Look at a cluster."""

    record: ClusterRecord
    memory: Memory
    previous: Observed | None = None
    """The look before, for what only two looks together tell: since when a Node is under-used, since when
    a spec is as it is."""


class StepTask(_Task):
    """Carry out one step that a decision asked for."""

    record: ClusterRecord
    act: Act
    attempt_id: str
    """Unique for each attempt, the same when Temporal repeats it: what client tokens are made of."""
    memory: Memory = Memory()
    """As of the decision: whether a machine still has to go depends on what has been tried with it."""


class StepResult(_Task):
    """What came of a step: one attempt for each of its subjects."""

    attempts: tuple[Attempt, ...]


class BackupTask(_Task):
    """Take a backup of a cluster."""

    record: ClusterRecord
    reason: str
    """Why now, in words."""
    attempt_id: str
    """Unique for each attempt, the same when Temporal repeats it."""
    from_survivor: bool = False
    """Also without a quorum: then from the living member that holds most, if that is more than the newest
    good backup has."""


class OfferTask(_Task):
    """Work out a recovery."""

    record: ClusterRecord
    """Of the cluster whose infrastructure is used."""
    request: RecoverRequest
    wanted_masters: int
    last_revision: int | None = None
    """The highest that was ever seen of the cluster."""


class RecoverTask(_Task):
    """Carry out a recovery, or one step of it."""

    record: ClusterRecord
    """Of the cluster whose infrastructure is used; once the identity is staged, with the source's network."""
    plan: RecoveryPlan
    attempt_id: str
    """Tells this recovery's machines and objects from another's."""
    machine: Machine | None = None
    """The new first master, once there is one."""

    @property
    def backup(self) -> BackupEntry:
        """What is restored."""
        return self.plan.backup

    @property
    def node(self) -> NodeTask:
        """The new first master. Raises ValueError before there is one."""
        if self.machine is None:
            raise ValueError("no master was built yet")
        return NodeTask(record=self.record, machine=self.machine)


class Recovered(_Task):
    """What a recovery that switched leaves."""

    record: ClusterRecord
    machine: Machine
    old: tuple[str, ...]
    """Instance ids of the machines that were set aside: stopped, with all their data."""
    notes: tuple[str, ...] = ()
    """What a person should know, e.g. a worker that did not come back in time."""


class RetireTask(_Task):
    """Delete the machines that a recovery has set aside."""

    record: ClusterRecord
    instance_ids: tuple[str, ...]
    attempt_id: str
    """Of that recovery."""


class VerifyTask(_Task):
    """Restore a backup as a drill."""

    record: ClusterRecord
    date: str = ""
    """Which backup; empty: the newest."""


class ScaleTask(_Task):
    """Write how many masters a cluster shall have."""

    record: ClusterRecord
    replicas: int


class StatusTask(_Task):
    """Tell in the cluster's own objects what wdrip sees and does."""

    record: ClusterRecord
    observed: Observed
    memory: Memory
    masters: Decision
    """Of `plan_masters`, or of whatever comes before it; the pools' are computed from the rest."""
    done: tuple[Attempt, ...] = ()
    """Carried out since the last status: each becomes an Event."""
    going: tuple[str, ...] = ()
    """Instance ids of the machines that are being drained."""
    backups: BackupHealth | None = None
    """How well the cluster is backed up; None: not looked at yet."""


class WatchTask(_Task):
    """Wait until something changes that matters."""

    record: ClusterRecord
    seen: dict[str, str] = Field(default_factory=dict)
    """As the last `Change` gave it; empty: the first look's own, so that only later changes count."""
    until: AwareDatetime | None = None
    """Return by then at the latest; None: when the activity's time is up."""


class Change(_Task):
    """What a watch saw."""

    seen: dict[str, str]
    """To be given to the next watch. Key `<plural>/<name>`, value: what of the object matters."""
    changed: tuple[str, ...] = ()
    """Keys that are new, gone or different; empty when the time was up."""
