"""What the MasterSet's status says: for `kubectl get masterset`, and for whoever asks why it waits."""

from collections.abc import Iterable

from pydantic import Field

from wdrip.models.backup_health import BackupHealth
from wdrip.models.node_pool import Condition
from wdrip.models.observation import ClusterObservation
from wdrip.models.reading import Document
from wdrip.planning.decision import Act, Decision, Hold, QuorumLost, Settled
from wdrip.planning.masters import judge_target
from wdrip.planning.pool_status import READY, dated
from wdrip.planning.replacement import is_complete
from wdrip.planning.roster import masters_of

ACCEPTED = "Accepted"
BACKED_UP = "BackedUp"


class MasterSetStatus(Document):
    """What is, and why it is not yet what shall be."""

    observed_generation: int = Field(alias="observedGeneration")
    replicas: int
    """Machines of masters."""
    ready_replicas: int = Field(alias="readyReplicas")
    """Those that do all that a master does and stand behind the load balancer."""
    phase: str
    """`Ready`, `Working`, `Waiting`, `Refused` or `QuorumLost`."""
    message: str = ""
    """What is done or waited for, in words."""
    conditions: list[Condition] = Field(default_factory=list)


def masters_status(
    observation: ClusterObservation,
    decision: Decision,
    previous: Iterable[Condition] = (),
    backups: BackupHealth | None = None,
) -> MasterSetStatus:
    """The status after a look. decision: on the masters. previous: the conditions that the MasterSet has.
    backups: how well the cluster is backed up; None: not known, and nothing is said of it.

    The observation must have a MasterSet.
    """
    wanted = observation.master_set
    if wanted is None:
        raise ValueError("the observation has no MasterSet")
    verdict = judge_target(wanted.replicas)
    masters = masters_of(observation)
    ready = sum(each.behind and is_complete(observation, each) for each in masters)
    phase = "Refused" if not verdict.accepted else _phase(decision)
    reason = verdict.message if not verdict.accepted else getattr(decision, "reason", "")
    conditions = [
        Condition(
            type=READY,
            status="True" if phase == "Ready" and ready == wanted.replicas else "False",
            reason=decision.condition if isinstance(decision, Hold) else phase,
            message=reason,
        ),
        Condition(
            type=ACCEPTED,
            status="True" if verdict.accepted else "False",
            reason=verdict.reason,
            message=verdict.message,
        ),
    ]
    if backups is not None:
        status = "True" if backups.ok else "False"
        conditions.append(
            Condition(type=BACKED_UP, status=status, reason=backups.reason, message=backups.message)
        )
    return MasterSetStatus(
        observed_generation=wanted.generation,
        replicas=len(masters),
        ready_replicas=ready,
        phase=phase,
        message=reason or verdict.message,
        conditions=dated(conditions, previous, wanted.generation, observation.at),
    )


def _phase(decision: Decision) -> str:
    match decision:
        case Settled():
            return "Ready"
        case Act():
            return "Working"
        case QuorumLost():
            return "QuorumLost"
        case Hold():
            return "Waiting"
