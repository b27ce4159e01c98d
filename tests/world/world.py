"""The simulated world: what the activities of wdrip change, in memory, and how it can be made to fail."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from threading import Condition

from temporalio import activity
from temporalio.exceptions import CancelledError

from activities.tasks import StatusTask
from tests.world.cluster import SimulatedCluster
from wdrip.errors import PermanentError, TemporaryError
from wdrip.models.backup import BackupEntry
from wdrip.models.backup_health import BackupHealth
from wdrip.models.cluster import ClusterRecord, Machine
from wdrip.models.step_kind import StepKind


class Fault(Enum):
    """How a call to the world goes wrong."""

    REFUSED = auto()
    """Permanently, without effect."""
    FAILED_HALFWAY = auto()
    """Permanently, after the effect."""
    REPLY_LOST = auto()
    """The effect happens, the caller hears of a passing failure and calls again."""
    HANGS = auto()
    """The effect happens and the call then waits until it is cancelled or the fault is lifted."""


@dataclass
class World:
    """Everything that exists. `calls` is the sequence of activities that were entered and that change
    something, `looks` of those that only look or tell."""

    index: dict[str, ClusterRecord] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    transit: set[str] = field(default_factory=set)
    stacks: dict[str, str] = field(default_factory=dict)
    """Stack name to stack id."""
    backends: dict[str, list[str]] = field(default_factory=dict)
    machines: dict[str, tuple[str, Machine]] = field(default_factory=dict)
    """Instance id to cluster uid and machine."""
    done_on: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Instance id to what was carried out on it, in order."""
    objects: set[str] = field(default_factory=set)
    """Clusters that have the default MasterSet and NodePool."""
    cluster: SimulatedCluster = field(default_factory=SimulatedCluster)
    in_vain: set[StepKind] = field(default_factory=set)
    """Rungs that do not help."""
    schedules: set[str] = field(default_factory=set)
    """Clusters whose backups are scheduled."""
    due_drill: str = ""
    """Date of the backup with which a drill is due."""
    store: list[BackupEntry] = field(default_factory=list)
    """Backups that a recovery may choose from, of whatever cluster."""
    proven: set[str] = field(default_factory=set)
    """Dates of backups that a recovery has restored for a look."""
    identity: dict[str, str] = field(default_factory=dict)
    """Cluster to the one whose identity a recovery gave it."""
    bad_backups: set[str] = field(default_factory=set)
    """Dates of backups that do not restore."""
    lost_backups: set[str] = field(default_factory=set)
    """Dates of backups whose snapshots somebody removed."""
    backup_health: BackupHealth = field(
        default_factory=lambda: BackupHealth(ok=True, reason="BackupRecent", message="")
    )
    """What a look at the backups finds; whether they are scheduled is seen in `schedules`."""
    statuses: list[StatusTask] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._changed = Condition()

    def fail(self, name: str, fault: Fault) -> None:
        """Let the next call of activity `name` go wrong; REFUSED and FAILED_HALFWAY stay until lifted."""
        self._faults[name] = fault

    def lift_faults(self) -> None:
        """Let everything go well from now on, what hangs included."""
        with self._changed:
            self._faults.clear()
            self._changed.notify_all()

    def billed(self) -> list[str]:
        """What costs money."""
        return [*self.machines, *self.stacks.values()]

    def await_call(self, name: str, seconds: float) -> bool:
        """Wait until activity `name` has been entered; False when it was not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: name in self.calls or name in self.looks, seconds)

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """The body is the effect of activity `name`; around it stand the faults."""
        with self._entered(name, self.calls):
            yield

    @contextmanager
    def look(self, name: str) -> Iterator[None]:
        """As `call`, for an activity that changes nothing."""
        with self._entered(name, self.looks):
            yield

    @contextmanager
    def _entered(self, name: str, entered: list[str]) -> Iterator[None]:
        with self._changed:
            entered.append(name)
            self._changed.notify_all()
        fault = self._faults.get(name)
        if fault is Fault.REFUSED:
            raise PermanentError(f"{name} was refused by the simulated cloud")
        yield
        if fault is Fault.FAILED_HALFWAY:
            raise PermanentError(f"{name} broke after its effect")
        if fault is Fault.REPLY_LOST:
            del self._faults[name]
            raise TemporaryError(f"the reply to {name} was lost", retry_after=0.01)
        if fault is Fault.HANGS:
            self._hang(name)

    def _hang(self, name: str) -> None:
        while self._faults.get(name) is Fault.HANGS:
            activity.wait_for_cancelled_sync(0.05)
            if activity.is_cancelled():
                raise CancelledError("cancelled while it hung")
