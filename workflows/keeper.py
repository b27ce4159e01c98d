"""The loop that keeps a running cluster as it shall be: look, decide, act, look again.

Nothing is carried from one turn to the next but what is remembered: a crash, a duplicate event or a person's
change in between costs another look. One step runs at a time.
"""

import hashlib
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from activities.backup_health import BackupHealths
    from activities.backup_schedules import BackupSchedules
    from activities.index import Index
    from activities.master_set import MasterSets
    from activities.observation import Observation
    from activities.status import Status
    from activities.tasks import Observed, ObserveTask, ScaleTask, StatusTask
    from wdrip.failures import PERMANENT
    from wdrip.models.backup_health import BackupHealth
    from wdrip.models.cluster import ClusterRecord, Machine, StepStatus
    from wdrip.models.observation import Attempt, ClusterObservation, Health, Outcome
    from wdrip.models.operation import Operation
    from wdrip.models.step_kind import StepKind
    from wdrip.planning.decision import Act, Decision, Hold
    from wdrip.planning.memory import refreshed
    from wdrip.planning.quorum_loss import APPROVAL_NEEDED
    from wdrip.planning.urgency import more_urgent
from workflows.alarm import Alarm
from workflows.board import Board
from workflows.calls import act as carry_out
from workflows.calls import together
from workflows.decide import Verdict, decide
from workflows.failures import reason
from workflows.recovering import Recovering
from workflows.state import ClusterState, Keeping
from workflows.steps import failed_attempts, perform, plan_of, subject_of
from workflows.underway import GivenUp, Underway

OPERATION = "keep"
"""`Progress.operation` of a cluster that has been created."""

_LOOK = timedelta(minutes=2)
_TELL = timedelta(seconds=30)
_WRITE = timedelta(seconds=30)
_BACKUPS = {True: timedelta(minutes=10), False: timedelta(minutes=2)}
"""Between two looks at the backups, by whether all was well with them."""
_LASTING = (StepKind.GROW_POOLS, StepKind.SHRINK_POOL)
"""Of these `kubectl get nodepool` shows how they go: machines as they come, whose budget holds a drain up."""
_MEANWHILE = {True: (10, 20), False: (20, 20)}
"""Seconds between the first looks during a step, by whether how it goes is told; then it is a minute."""
_SHOWN = 6
"""Steps that progress shows: the latest."""


class Keeper:
    """Keeps one cluster, upon the state of its `Cluster` workflow."""

    def __init__(self, state: ClusterState, board: Board, recovering: Recovering) -> None:
        self._state = state
        self._board = board
        self._recovering = recovering
        self.alarm = Alarm(state.keeping)
        self.word = ""
        """What the loop is at, in one word for a search attribute; empty when all is well."""

    async def turn(self, interrupted: Callable[[], bool]) -> None:
        """Look once; carry out a step, or wait until another look makes sense.

        interrupted: whether something else than keeping is to be done; it ends the wait.
        """
        await self.alarm.set(self._record)
        await self._write_target()
        verdict = await self._look()
        verdict = Verdict(await self._recovering.answer(verdict), verdict.masters)
        chosen = verdict.chosen
        self._say(chosen)
        if isinstance(chosen, Act):
            await self._act(chosen, verdict)
            return
        await self._look_at_backups()
        await self._tell(verdict)
        if await self._recovering.retire(verdict):
            return
        until = chosen.until if isinstance(chosen, Hold) else None
        settled = chosen.kind == "settled" and self._keeping.scale is None
        await self.alarm.wait(until, settled, interrupted)

    # --- look -----------------------------------------------------------------------------------

    async def _look(self) -> Verdict:
        try:
            observed = await self._observe()
        except FailureError as error:
            return _held(f"the cluster could not be looked at: {reason(error)}", "NotSeen")
        await self._record_machines(observed.observation)
        return self._decide(observed)

    async def _observe(self) -> Observed:
        keeping = self._keeping
        observed = await carry_out(
            Observation.observe,
            ObserveTask(record=self._record, memory=keeping.memory, previous=keeping.observed),
            summary=f"Look at {self._record.name}",
            deadline=_LOOK,
            cancellation=ActivityCancellationType.TRY_CANCEL,
        )
        keeping.observed = observed
        keeping.memory = refreshed(keeping.memory, observed.observation)
        return observed

    def _decide(self, observed: Observed) -> Verdict:
        try:
            verdict = decide(observed, self._keeping.memory, self._record.config)
        except Exception as error:  # noqa: BLE001
            # A fault in a decision must not keep a delete away, as a failing workflow task would.
            workflow.logger.exception("no decision")
            return _held(f"wdrip cannot decide: {type(error).__name__}: {error}", "Fault")
        keeping = self._keeping
        if not isinstance(verdict.chosen, Act) or keeping.last_step != _key(verdict.chosen):
            keeping.last_step, keeping.repeated = "", 0
        elif keeping.quiet < keeping.repeated:
            words = f"{verdict.chosen.step.value} was carried out, and what it changed is not seen yet"
            return Verdict(Hold(reason=words, condition="NotSeenYet"), verdict.masters)
        return verdict

    async def _record_machines(self, observation: ClusterObservation) -> None:
        """Bring the index entry up to date when machines came or went."""
        machines = [
            Machine(
                instance_id=each.instance_id,
                private_ip=each.private_ip,
                zone_id=each.zone_id,
                role=each.role,
            )
            for each in sorted(observation.machines, key=lambda each: (each.created, each.instance_id))
            if each.private_ip
        ]
        # A cluster without any machine is more likely a list that lags behind.
        if not machines or machines == self._record.machines:
            return
        record = self._record.model_copy(update={"machines": machines, "updated": workflow.now()})
        try:
            await carry_out(
                Index.save_record, record, summary="Record the machines in the index", deadline=_WRITE
            )
        except FailureError as error:
            # The next look tries again: the record says only what the index says.
            workflow.logger.warning("the index was not brought up to date: %s", reason(error))
            return
        self._state.record = record

    async def _look_at_backups(self) -> None:
        """See how well the cluster is backed up, now and then; make its schedule anew when it is gone."""
        keeping = self._keeping
        seen, found = keeping.backups_seen, keeping.backups
        if seen is not None and found is not None and workflow.now() < seen + _BACKUPS[found.ok]:
            return
        try:
            keeping.backups = await carry_out(
                BackupHealths.look_at_backups,
                self._record,
                summary=f"Look at the backups of {self._record.name}",
                deadline=_TELL,
                cancellation=ActivityCancellationType.TRY_CANCEL,
            )
            if not keeping.backups.scheduled:
                await self._schedule_backups()
        except FailureError as error:
            keeping.backups = BackupHealth(ok=False, reason="BackupsUnknown", message=reason(error))
        keeping.backups_seen = workflow.now()
        self._board.show()

    async def _schedule_backups(self) -> None:
        started = workflow.now()
        await carry_out(
            BackupSchedules.schedule_backups,
            self._record,
            summary=f"Schedule the backups of {self._record.name} anew",
            deadline=_WRITE,
        )
        self._remember("schedule", "backups", "the schedule was gone", started, "")

    # --- act ------------------------------------------------------------------------------------

    async def _act(self, step: Act, verdict: Verdict) -> None:
        """Carry the step out, tell that it began, and look meanwhile whether it has to be given up."""
        self._state.progress.failure = ""
        self._board.keep_last(_SHOWN - 1)
        underway = Underway()
        await together(self._meanwhile(verdict, step, underway), self._to_the_end(step, underway))

    async def _to_the_end(self, step: Act, underway: Underway) -> None:
        """See the step end, and remember what became of it."""
        started, keeping = workflow.now(), self._keeping
        try:
            attempts = await self._attempts(step, underway)
        except GivenUp as error:
            # Nothing was found to be wrong with what it was done to: it is begun anew when its turn comes.
            keeping.last_step, keeping.repeated, keeping.quiet = "", 0, 0
            self._remember(step.step.value, subject_of(step), step.reason, started, f"given up: {error}")
            return
        for attempt in attempts:
            keeping.memory = keeping.memory.record(attempt)
        keeping.untold = [*keeping.untold, *attempts]
        keeping.last_step, keeping.repeated = _key(step), keeping.repeated + 1
        keeping.quiet = 0
        self._remember(step.step.value, subject_of(step), step.reason, started, _failures(attempts))

    async def _attempts(self, step: Act, underway: Underway) -> tuple[Attempt, ...]:
        """What the step's attempts came to; a failure of whatever kind is an attempt that failed."""
        started, attempt_id = workflow.now(), workflow.uuid4().hex[:12]
        observed, memory = self._keeping.observed, self._keeping.memory
        plan = plan_of(step, observed.observation if observed else None, attempt_id)
        try:
            async with self._board.step(plan) as shown:
                work = perform(self._record, step, attempt_id, plan, memory)
                result = await underway.carry_out(work)
        except FailureError as error:
            return failed_attempts(step, started, workflow.now(), reason(error))
        failed = _failures(result.attempts)
        if failed:
            shown.status, shown.detail = StepStatus.FAILED, failed
        return result.attempts

    async def _write_target(self) -> None:
        """Carry out a `scale` that was accepted; one that cannot be written now stays for the next turn."""
        request = self._keeping.scale
        if request is None:
            return
        started = workflow.now()
        try:
            await carry_out(
                MasterSets.set_replicas,
                ScaleTask(record=self._record, replicas=request.target),
                summary=f"Set the MasterSet to {request.target} replicas",
                deadline=_WRITE,
            )
        except FailureError as error:
            workflow.logger.warning("the MasterSet was not written: %s", reason(error))
            return
        if self._keeping.scale is request:
            # Nobody has asked for another number meanwhile.
            self._keeping.scale = None
        self._keeping.quiet = 0
        why = f"asked for by {request.requested_by or 'somebody'}"
        self._remember("scale", f"masters to {request.target}", why, started, "")

    # --- tell -----------------------------------------------------------------------------------

    async def _meanwhile(self, verdict: Verdict, step: Act, underway: Underway) -> None:
        """Tell what is begun and, of a step on whole pools, how it goes; give it up for what cannot wait."""
        await self._tell(verdict)
        # Workflows whose code did not do so yet are replayed, too.
        if step.step not in _LASTING and not workflow.patched("looks-during-every-step"):
            return
        for pause in itertools.chain(_MEANWHILE[step.step in _LASTING], itertools.repeat(60)):
            try:
                await workflow.wait_condition(lambda: underway.ended, timeout=timedelta(seconds=pause))
            except TimeoutError:
                await self._look_at(step, underway)
            else:
                return

    async def _look_at(self, step: Act, underway: Underway) -> None:
        try:
            observed = await self._observe()
            memory = self._keeping.memory
            masters = decide(observed, memory, self._record.config).masters
            urgent = more_urgent(step, observed.observation, memory)
        except Exception as error:  # noqa: BLE001
            # Nothing depends on it: the turn after the step looks and decides for itself.
            workflow.logger.warning("how the step goes is not known: %s", error)
            return
        if urgent:
            underway.give_up(urgent)
        elif step.step in _LASTING:
            await self._tell(Verdict(step, masters), going=step.target.instance_ids)

    async def _tell(self, verdict: Verdict, going: tuple[str, ...] = ()) -> None:
        """Write the status into the cluster's own objects when it says something new.

        going: machines that are being drained; whose budget holds them may have changed in any case.
        """
        keeping, observed = self._keeping, self._keeping.observed
        if observed is None or observed.observation.api is not Health.HEALTHY:
            return
        words = _digest(observed.observation, verdict, keeping.backups)
        if words == keeping.told and not keeping.untold and not going:
            return
        task = StatusTask(
            record=self._record,
            observed=observed,
            memory=keeping.memory,
            masters=verdict.masters,
            done=tuple(keeping.untold),
            backups=keeping.backups,
            going=going,
        )
        try:
            await carry_out(
                Status.write_status,
                task,
                summary="Write the status of MasterSet and NodePools",
                deadline=_TELL,
                cancellation=ActivityCancellationType.TRY_CANCEL,
            )
        except FailureError as error:
            workflow.logger.warning("the status was not written: %s", reason(error))
            return
        # Steps may have ended meanwhile.
        keeping.told, keeping.untold = words, keeping.untold[len(task.done) :]

    def _say(self, decision: Decision) -> None:
        """What the loop is at, for progress, details and search attributes."""
        scale = self._keeping.scale
        if isinstance(decision, Act):
            self.word, waits = decision.step.value, ""
        elif isinstance(decision, Hold):
            self.word, waits = decision.condition, decision.reason
        else:
            self.word, waits = "", ""
        if scale is not None:
            waits = f"the API server, to ask it for {scale.target} masters; {waits}".removesuffix("; ")
        # What failed is shown under its own name until there is something to do again.
        if (self.word or waits) and not self._state.progress.failure:
            self._state.progress.operation = OPERATION
        until = decision.until if isinstance(decision, Hold) else None
        alone = self.word != APPROVAL_NEEDED or until is not None
        then = "wdrip looks again" if alone else "nothing happens by itself"
        self._board.hold(waits, until, then)

    def _remember(self, what: str, subject: str, why: str, started: datetime, failure: str) -> None:
        operation = Operation(
            what=what,
            subject=subject,
            why=why,
            started=started,
            finished=workflow.now(),
            outcome=Outcome.FAILED if failure else Outcome.DONE,
            detail=failure,
        )
        self._keeping.remember(operation)

    @property
    def _keeping(self) -> Keeping:
        return self._state.keeping

    @property
    def _record(self) -> ClusterRecord:
        if self._state.record is None:
            raise ApplicationError("no cluster has been accepted", type=PERMANENT, non_retryable=True)
        return self._state.record


def _held(why: str, condition: str) -> Verdict:
    hold = Hold(reason=why, condition=condition)
    return Verdict(hold, hold)


def _key(step: Act) -> str:
    return f"{step.step.value} {step.target.model_dump_json(exclude_defaults=True)}"


def _failures(attempts: tuple[Attempt, ...]) -> str:
    """Why attempts failed, each reason once; empty when none did."""
    words = [each.detail or "no reason given" for each in attempts if each.outcome is Outcome.FAILED]
    return "; ".join(dict.fromkeys(words))


def _digest(observation: ClusterObservation, verdict: Verdict, backups: BackupHealth | None) -> str:
    """What a status says that may change from one look to the next."""
    told = (
        (backups.reason, backups.message) if backups else "",
        verdict.masters.model_dump_json(),
        verdict.chosen.model_dump_json(),
        sorted((each.instance_id, each.status) for each in observation.machines),
        sorted((each.name, each.ready, each.unschedulable) for each in observation.nodes or ()),
        sorted((each.id, each.learner, each.leader, each.health) for each in observation.members or ()),
        observation.master_set.model_dump_json() if observation.master_set else "",
        [each.model_dump_json() for each in observation.node_pools or ()],
        observation.backends,
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()
