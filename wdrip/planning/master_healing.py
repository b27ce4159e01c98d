"""Healing masters: one at a time, and never a rung that the quorum does not bear.

The last rung, a new machine, is not climbed here: `replacement.to_replace` names the master, and
`plan_masters` replaces it as it grows and shrinks.
"""

from collections.abc import Sequence
from datetime import timedelta

from wdrip.models.observation import MASTERS, ClusterObservation, Memory
from wdrip.models.step_kind import StepKind
from wdrip.planning import memory as symptoms
from wdrip.planning.decision import Act, Hold, Settled, Target
from wdrip.planning.ladder import SEEN_TWICE, Rung, tried_in_words
from wdrip.planning.replacement import (
    MOST_TRIES,
    given_time,
    is_begun_anew,
    is_complete,
    is_ill,
    leaves_now,
    rung_for,
    to_replace,
)
from wdrip.planning.retirement import lead_elsewhere, leave_etcd, target_of
from wdrip.planning.retries import RECENT, failures, pause_until
from wdrip.planning.roster import Master, in_words, masters_of
from wdrip.planning.safeguard import backup_first
from wdrip.planning.storm import is_storm, showing, throttled_until


def heal_masters(observation: ClusterObservation, memory: Memory) -> Act | Hold | Settled:
    """The next step for the master that needs it most; the API answers and etcd has its quorum."""
    masters = masters_of(observation)
    return (
        _out_of_service(observation, memory, masters)
        or _begun_anew(observation, memory, masters)
        or _started(observation, memory, masters)
        or _registered(observation, memory, masters)
        or _healed(observation, memory, masters)
        or Settled()
    )


def _out_of_service(observation: ClusterObservation, memory: Memory, masters: Sequence[Master]) -> Act | None:
    """Take a master whose member is ill from behind the load balancer, while another serves.

    Its API server knows only its own member: it takes connections, and answers none. The load balancer, which
    looks at the port alone, would go on sending it requests.
    """
    serving = [each.id for each in masters if each.behind and is_complete(observation, each)]
    sick = [
        each
        for each in masters
        if each.behind
        and each.running
        and not each.etcd_healthy
        and (since := symptoms.since(memory, symptoms.MEMBER_ILL, each.id)) is not None
        and observation.at - since >= SEEN_TWICE
    ]
    if not serving or not sick:
        return None
    left = tuple(each.id for each in masters if each.behind and each not in sick)
    reason = f"the etcd member of {in_words(sick)} does not answer, nor does the API server upon it"
    return Act(step=StepKind.SET_BACKENDS, target=Target(instance_ids=left), reason=reason)


def _begun_anew(observation: ClusterObservation, memory: Memory, masters: Sequence[Master]) -> Act | None:
    """Finish the rung that took a master out of etcd: without a member, nothing may look wrong with it."""
    for master in masters:
        if is_begun_anew(observation, memory, master):
            why = f"{master.id} has left etcd to begin anew"
            return _act(StepKind.REPLACE_SYSTEM_DISK, master, why)
    return None


def _started(observation: ClusterObservation, memory: Memory, masters: Sequence[Master]) -> Act | Hold | None:
    for master in masters:
        since = symptoms.since(memory, symptoms.STOPPED, master.id)
        if since is None or master.member is None:
            continue
        if failures(memory, master.id, StepKind.START_MACHINE, observation.at) >= MOST_TRIES:
            continue
        until = pause_until(memory, master.id, StepKind.START_MACHINE, observation.at)
        if until is not None:
            return Hold(reason=f"{master.id} could not be started and is tried again", until=until)
        if observation.at - since < SEEN_TWICE:
            return Hold(reason=f"{master.id} is stopped", until=since + SEEN_TWICE)
        return _act(StepKind.START_MACHINE, master, f"{master.id} was stopped")
    return None


def _registered(
    observation: ClusterObservation, memory: Memory, masters: Sequence[Master]
) -> Act | Hold | None:
    """Let kubelets register their Nodes again when many are missing at once.

    That is no person's wish but a store that went back in time: after a recovery the Nodes that joined since
    the backup are not there.
    """
    missing = [each for each in masters if symptoms.since(memory, symptoms.NODE_MISSING, each.id)]
    at_once = showing(memory, [each.id for each in masters], (symptoms.NODE_MISSING,))
    if not is_storm(len(at_once), len(masters)):
        return None
    for master in missing:
        if not memory.tried(master.id, (StepKind.RESTART_SERVICES,), observation.at - RECENT):
            return _act(StepKind.RESTART_SERVICES, master, f"{len(at_once)} masters lost their Nodes at once")
    return Hold(
        reason=f"{len(missing)} of {len(masters)} masters have no Node, also after kubelet was restarted; "
        "look at kubelet's log",
        until=observation.at + timedelta(minutes=1),
        condition="StormBrake",
    )


def _healed(observation: ClusterObservation, memory: Memory, masters: Sequence[Master]) -> Act | Hold | None:
    at = observation.at
    replaced = to_replace(observation, memory, masters)
    ill = [each for each in masters if is_ill(observation, memory, each) and each.id not in replaced]
    if not ill or leaves_now(observation, masters, replaced) is not None:
        # While one leaves, the others wait: one master at a time.
        return None
    for master in masters:
        # Also one that rejoins: the next master's turn comes when this one is well, or its time is over.
        until = given_time(memory, master, at)
        if until is not None and not is_complete(observation, master):
            return Hold(
                reason=f"{master.id} is given time {tried_in_words(memory, master.id, at)}", until=until
            )
    # What has no healthy member first: it is what the next failure would turn into a lost quorum.
    master = min(ill, key=lambda each: (each.etcd_healthy, each.machine.created, each.id))
    return _climb(observation, memory, masters, master, rung_for(observation, memory, master))


def _climb(
    observation: ClusterObservation, memory: Memory, masters: Sequence[Master], master: Master, rung: Rung
) -> Act | Hold:
    why = f"{master.id} is unwell {tried_in_words(memory, master.id, observation.at)}".rstrip()
    if not rung.due(observation.at):
        return Hold(reason=f"{why}; next {rung.step.value}", until=rung.ready_at)
    step: Act | Hold | None = None
    match rung.step:
        case StepKind.DELETE_MACHINE:
            # Were it free to go, `to_replace` would have named it.
            return _throttled(observation, memory, masters, master, why)
        case StepKind.REBOOT:
            step = _before_reboot(observation, memory, masters, master, why)
        case StepKind.REPLACE_SYSTEM_DISK:
            throttle = throttled_until(memory, MASTERS, len(masters), master.id, observation.at)
            if throttle is not None:
                return _throttled(observation, memory, masters, master, why)
            step = leave_etcd(observation, memory, masters, master, why, MASTERS)
    return step or _act(rung.step, master, why)


def _before_reboot(
    observation: ClusterObservation, memory: Memory, masters: Sequence[Master], master: Master, why: str
) -> Act | Hold | None:
    if master.node is not None and not memory.tried(master.id, (StepKind.DRAIN,), observation.at - RECENT):
        return _act(StepKind.DRAIN, master, why)
    return backup_first(observation, memory, master.id, f"rebooting {master.id}") or lead_elsewhere(
        observation, memory, masters, master, why
    )


def _throttled(
    observation: ClusterObservation, memory: Memory, masters: Sequence[Master], master: Master, why: str
) -> Hold:
    return Hold(
        reason=f"{why}; too many masters were replaced within an hour",
        until=throttled_until(memory, MASTERS, len(masters), master.id, observation.at),
        condition="Throttled",
    )


def _act(step: StepKind, master: Master, reason: str) -> Act:
    return Act(step=step, target=target_of(master), reason=reason, group=MASTERS)
