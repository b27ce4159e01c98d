"""What to do when the whole control plane is away: bring back what can be brought back, never restore.

Only when too few voters have both machine and data left, or when everything was tried, is the quorum lost.
"""

from collections.abc import Sequence
from datetime import timedelta

from wdrip.models.observation import MASTERS, ClusterObservation, EtcdMember, Health, Memory
from wdrip.models.step_kind import StepKind
from wdrip.planning import memory as symptoms
from wdrip.planning.decision import Act, Hold, QuorumLost, Settled, Target
from wdrip.planning.ladder import ILL_AFTER, PATIENCE, SEEN_TWICE
from wdrip.planning.quorum import has_quorum, quorum, standing, voters
from wdrip.planning.replacement import MOST_TRIES
from wdrip.planning.retirement import target_of
from wdrip.planning.retries import RECENT, failures, pause_until
from wdrip.planning.roster import Master, belongs, masters_of

LOST_AFTER = timedelta(minutes=2)
"""How long lists must agree that too few voters are left before that is believed."""


def plan_control_plane(observation: ClusterObservation, memory: Memory) -> Act | Hold | Settled | QuorumLost:
    """The next step towards an answering API server, or the verdict that the quorum is lost.

    Settled when the API answers and etcd has its quorum. An API server that is ready has asked etcd: while it
    answers, etcd's quorum is there, whatever could be learned of its members, and nothing is lost. Without
    quorum every rung but a fresh disk is free: a restart costs nothing that is not lost already, and the data
    stays.
    """
    quorate = observation.members is not None and has_quorum(observation.members)
    if quorate and observation.api is Health.HEALTHY:
        return Settled()
    members = observation.members if observation.members is not None else memory.last_members
    known = observation.model_copy(update={"members": members})
    situation = _Outage(known, memory, masters_of(known), quorate)
    if observation.api is Health.HEALTHY:
        return situation.started() or situation.unclear()
    return (
        situation.started()
        or situation.lost()
        or situation.reachable()
        or situation.restarted()
        or situation.rebooted()
        or situation.exhausted()
    )


class _Outage:
    def __init__(
        self, observation: ClusterObservation, memory: Memory, masters: Sequence[Master], quorate: bool
    ) -> None:
        self._observation = observation
        self._at = observation.at
        self._memory = memory
        self._masters = masters
        self._quorate = quorate
        since = [symptoms.since(memory, kind) for kind in (symptoms.API_AWAY, symptoms.NO_QUORUM)]
        self._since = min((each for each in since if each is not None), default=observation.at)

    def started(self) -> Act | Hold | None:
        """Start the machines that are stopped, one after the other."""
        held: Hold | None = None
        for master in self._masters:
            if master.machine.status in ("Pending", "Starting", "Stopping"):
                reason = f"{master.id} is {master.machine.status}"
                held = held or Hold(reason=reason, until=self._at + timedelta(seconds=30))
            if master.machine.status != "Stopped" or self._failed(master, StepKind.START_MACHINE):
                continue
            stopped = symptoms.since(self._memory, symptoms.STOPPED, master.id) or self._at
            until = pause_until(self._memory, master.id, StepKind.START_MACHINE, self._at)
            if self._at - stopped < SEEN_TWICE:
                held = held or Hold(reason=f"{master.id} is stopped", until=stopped + SEEN_TWICE)
            elif until is not None:
                held = held or Hold(reason=f"{master.id} could not be started", until=until)
            else:
                return _act(StepKind.START_MACHINE, master, f"{master.id} is stopped and {self._trouble()}")
        return held

    def unclear(self) -> Hold:
        """The API server answers, so etcd does, but its members could not be asked."""
        return Hold(
            reason=f"the API server answers, but of etcd no quorum could be seen ({self._trouble()}); look "
            "whether the masters' Cloud Assistants answer",
            condition="EtcdUnknown",
        )

    def lost(self) -> Hold | QuorumLost | None:
        """Whether too few voters can come back at all."""
        if self._quorate:
            return None
        votes = voters(self._observation.members or ())
        alive = [each for each in votes if not self._beyond_return(each)]
        enough = len(alive) >= quorum(len(votes)) if votes else bool(self._masters)
        if enough:
            return None
        if self._at - self._since < LOST_AFTER:
            reason = f"{len(alive)} of {len(votes)} voters can come back, {quorum(len(votes))} are needed"
            return Hold(reason=reason, until=self._since + LOST_AFTER, condition="QuorumAtRisk")
        return self._verdict(f"{len(alive)} of {len(votes)} voters can come back")

    def reachable(self) -> Act | None:
        """Put masters behind the load balancer when none of them is: then nothing else may be wrong."""
        backends = self._observation.backends
        able = tuple(each.id for each in self._masters if each.running and each.votes)
        if not self._quorate or backends is None or not able or set(able) & set(backends):
            return None
        reason = "no master is behind the load balancer"
        return Act(step=StepKind.SET_BACKENDS, target=Target(instance_ids=able), reason=reason)

    def restarted(self) -> Act | Hold | None:
        """Restart the services on every master that may be the reason."""
        if self._at - self._since < ILL_AFTER:
            return Hold(reason=self._trouble(), until=self._since + ILL_AFTER, condition="ApiUnreachable")
        return self._climbed(StepKind.RESTART_SERVICES, self._suspects())

    def rebooted(self) -> Act | Hold | None:
        """Reboot masters whose member is not healthy. With a quorum none is: an API server that does not
        answer although etcd does may be out of reach only, and nothing destructive helps there."""
        return None if self._quorate else self._climbed(StepKind.REBOOT, self._suspects())

    def exhausted(self) -> Hold | QuorumLost:
        """Everything was tried."""
        if not self._quorate:
            return self._verdict("machines were started, services restarted, machines rebooted, in vain")
        tried = [
            each.finished
            for master in self._masters
            for each in self._memory.tried(master.id, (StepKind.RESTART_SERVICES,), self._at - RECENT)
        ]
        return Hold(
            reason="etcd is well, but the API server does not answer, even after a restart of services; "
            "look at the load balancer and at kubelet's log on a master, or run `wdrip recover`",
            until=min(tried, default=self._at) + RECENT,
            condition="ApiUnreachable",
        )

    def _climbed(self, rung: StepKind, masters: Sequence[Master]) -> Act | Hold | None:
        last = self._since
        for master in masters:
            tried = self._memory.tried(master.id, (rung,), self._at - RECENT)
            if not tried and rung is StepKind.REBOOT and self._at < last + PATIENCE[rung]:
                break
            if not tried:
                return _act(rung, master, self._trouble())
            last = max(last, tried[-1].finished)
        if masters and self._at < last + PATIENCE[rung]:
            reason = f"{self._trouble()}; waiting for what {rung.value} brings"
            return Hold(reason=reason, until=last + PATIENCE[rung], condition="ApiUnreachable")
        return None

    def _suspects(self) -> list[Master]:
        running = [each for each in self._masters if each.running]
        return running if self._quorate else [each for each in running if not each.etcd_healthy]

    def _failed(self, master: Master, step: StepKind) -> bool:
        return failures(self._memory, master.id, step, self._at) >= MOST_TRIES

    def _trouble(self) -> str:
        members = self._observation.members or ()
        if self._quorate:
            return "the API server does not answer"
        return f"etcd has no quorum: {standing(members)}" if members else "no master answers"

    def _beyond_return(self, member: EtcdMember) -> str:
        """Why the voter cannot come back as itself; empty when it can."""
        if member.data_missing:
            return "its data is gone"
        if not member.started:
            return "it never started"
        master = next((each for each in self._masters if belongs(member, each.machine)), None)
        if master is None:
            return "its machine is gone"
        if not master.running and self._failed(master, StepKind.START_MACHINE):
            return "its machine does not start"
        return ""

    def _verdict(self, reason: str) -> QuorumLost:
        members = self._observation.members or ()
        evidence = [
            f"{each.name or each.id}: {self._beyond_return(each) or f'{each.health.value}, machine there'}"
            for each in voters(members)
        ]
        survivors = [
            (each.member.revision or 0, each.id)
            for each in self._masters
            if each.member is not None and each.votes and not self._beyond_return(each.member)
        ]
        return QuorumLost(
            reason=f"etcd has lost its quorum: {reason}",
            evidence=tuple(evidence) or ("no member is known and no master's machine exists",),
            members=members,
            survivors=tuple(instance for _, instance in sorted(survivors, reverse=True)),
        )


def _act(step: StepKind, master: Master, reason: str) -> Act:
    return Act(step=step, target=target_of(master), reason=reason, group=MASTERS)
