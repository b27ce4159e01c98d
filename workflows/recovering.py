"""Recoveries as the `Cluster` workflow sees them: offered, consented to, carried out, remembered."""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.backups import Backups
    from activities.index import Index
    from activities.recovery.identity import RecoveryIdentity
    from activities.recovery.offers import RecoveryOffers
    from activities.recovery.old_machines import OldMachines
    from activities.tasks import BackupTask, OfferTask, Recovered, RecoverTask, RetireTask
    from wdrip import names
    from wdrip.failures import BACKUP_REFUSED, PERMANENT
    from wdrip.models.cluster import ClusterRecord, Phase
    from wdrip.models.observation import Health, Outcome
    from wdrip.models.operation import Operation
    from wdrip.models.recovery import ApproveRequest, Offer, Offered, RecoverRequest
    from wdrip.planning.decision import Decision, Hold, QuorumLost
    from wdrip.planning.quorum_loss import consent
    from wdrip.planning.recovery import KEPT_LATER, retirement_due
from workflows.board import Board, StepPlan
from workflows.calls import act, to_its_end
from workflows.decide import Verdict
from workflows.failures import failure_type, reason
from workflows.recover import Recover
from workflows.recovery_plans import RECOVERY_PLANS
from workflows.refusals import refusal
from workflows.state import ClusterState, Retiring

OPERATION = "recover"
"""`Progress.operation` while a cluster is recovered."""

BY_ITSELF = "wdrip"
"""Who asked for an offer that nobody asked for: a lost quorum did."""

_LATEST = timedelta(minutes=2)
"""For a backup of what is there now; a cluster that is lost has nothing to wait for."""
_OFFER = timedelta(minutes=1)
_SAVE = timedelta(minutes=5)
_AGAIN = timedelta(minutes=10)
"""Pause after an offer or a retirement that did not come about."""

_BACK_UP = StepPlan(
    "back-up-result",
    "Back up the recovered cluster",
    "a backup of the recovered cluster",
    timedelta(minutes=30),
    "the old machines stay as they are, and wdrip tries again",
)
_RETIRE = StepPlan(
    "retire-old-machines",
    "Delete the old machines",
    "the machines that were set aside to be gone",
    timedelta(minutes=15),
    "wdrip tries again",
)


class Recovering:
    """The recoveries of one cluster, upon the state of its `Cluster` workflow."""

    def __init__(self, state: ClusterState, board: Board) -> None:
        self._state = state
        self._board = board
        self._next_offer: datetime | None = None
        self._refusal = ""

    @property
    def due(self) -> bool:
        """Whether a recovery has consent and waits for its turn."""
        return self._state.offer is not None and bool(self._state.offer.approved_by)

    # --- offered and consented to -----------------------------------------------------------------

    async def offer(self, request: RecoverRequest) -> Offered:
        """Work out a recovery; nothing is touched. In place, what etcd holds now is backed up first if it can
        be. Raises ActivityError when there is nothing to recover from, ApplicationError when another recovery
        got consent meanwhile."""
        notes: tuple[str, ...] = ()
        if not request.source and request.date is None:
            notes = await self._save_what_is_there()
        offer = await self._worked_out(request)
        if self._state.progress.phase is Phase.RECOVERING:
            raise refusal("name", f"cluster {self._record.name} is Recovering", "see `wdrip watch`")
        self._lay_before(offer)
        return Offered(offer=self._state.offer, notes=notes)

    async def _worked_out(self, request: RecoverRequest) -> Offer:
        plan = await act(
            RecoveryOffers.offer_recovery,
            OfferTask(
                record=self._record,
                request=request,
                wanted_masters=self._wanted_masters(),
                last_revision=self._last_revision(),
            ),
            summary=f"Work out a recovery of {self._record.name}",
            deadline=_OFFER,
        )
        return Offer(request=request, plan=plan, at=workflow.now())

    def _lay_before(self, offer: Offer) -> None:
        self._state.offer = offer
        if offer.request.consented:
            self._consent(offer, offer.request.requested_by or "--yes")

    def approve(self, request: ApproveRequest) -> None:
        """Take a person's consent to what is offered."""
        offer = self._state.offer
        if offer is not None:
            self._consent(offer, request.approved_by or "somebody")

    def withdraw(self) -> None:
        """Forget what is offered. A lost quorum brings another offer."""
        self._state.offer, self._next_offer = None, workflow.now() + _AGAIN

    async def answer(self, verdict: Verdict) -> Decision:
        """What the loop does after a look. A lost quorum is offered a recovery, which waits for consent or
        the policy's time. Any other decision stays."""
        lost = verdict.chosen
        if not isinstance(lost, QuorumLost):
            self._end_of_loss()
            return verdict.chosen
        now = workflow.now()
        since = self._state.lost_since = self._state.lost_since or now
        await self._offer_by_itself(now)
        offer = self._state.offer
        if offer is None:
            words = f"{lost.reason}; no recovery can be offered: {self._refusal}"
            return Hold(reason=words, until=self._next_offer, condition="QuorumLost")
        last = self._state.recovered_by_itself
        found = consent(self._record.config.quorum_loss, lost, since, offer.plan, now, last_automatic=last)
        if isinstance(found, Hold):
            return found
        if not self.due:
            self._consent(offer, found.by)
            self._state.recovered_by_itself = now
        return Hold(reason=f"a recovery to begin, by {found.by}", condition="QuorumLost")

    def _end_of_loss(self) -> None:
        """An answering API server ends a loss, and the offer that only the loss had brought. A look that sees
        nothing ends neither."""
        observed = self._state.keeping.observed
        if observed is None or observed.observation.api is not Health.HEALTHY:
            return
        self._state.lost_since = self._next_offer = None
        if self._state.offer and self._state.offer.request.requested_by == BY_ITSELF and not self.due:
            self._state.offer = None

    async def _offer_by_itself(self, now: datetime) -> None:
        if self._state.offer is not None or (self._next_offer is not None and now < self._next_offer):
            return
        self._next_offer = now + _AGAIN
        try:
            await self.offer(RecoverRequest(requested_by=BY_ITSELF))
        except FailureError as error:
            self._refusal = reason(error)

    def _consent(self, offer: Offer, by: str) -> None:
        """From here on nothing else is taken on, though a step that runs still comes to its end."""
        self._state.offer = offer.model_copy(update={"approved_by": by})
        self._state.progress.operation, self._state.progress.phase = OPERATION, Phase.RECOVERING
        self._state.progress.failure = ""

    async def _save_what_is_there(self) -> tuple[str, ...]:
        task = BackupTask(
            record=self._record,
            reason="before a recovery",
            attempt_id=workflow.uuid4().hex,
            from_survivor=True,
        )
        try:
            await act(
                Backups.take_backup,
                task,
                summary="Back up what etcd still holds, if it holds more than the newest backup",
                deadline=_LATEST,
            )
        except FailureError as error:
            return (f"of what etcd holds now no backup could be taken: {reason(error)}",)
        return ()

    # --- carried out ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Carry out the recovery that has consent, and remember what came of it."""
        offer, started = self._state.offer, workflow.now()
        if offer is None:
            return
        self._state.offer = None
        progress = self._state.progress
        progress.operation, progress.phase, progress.failure = OPERATION, Phase.RECOVERING, ""
        self._board.hold("", None, "")
        self._board.lay_out([RECOVERY_PLANS[each] for each in offer.plan.steps if each not in KEPT_LATER])
        await self._save(self._amended(phase=Phase.RECOVERING), "Mark the cluster as being recovered")
        attempt_id = workflow.uuid4().hex[:16]
        try:
            recovered: Recovered = await to_its_end(
                await workflow.start_child_workflow(
                    Recover.run,
                    RecoverTask(record=self._record, plan=offer.plan, attempt_id=attempt_id),
                    id=names.recovery_workflow_id(self._record.name),
                    static_summary=f"Recover {offer.plan.target} from backup {offer.plan.backup.date}",
                )
            )
        except FailureError as error:
            await self._after_failure(offer, started, error)
            return
        await self._after_success(offer, started, recovered, attempt_id)

    async def _after_success(
        self, offer: Offer, started: datetime, recovered: Recovered, attempt_id: str
    ) -> None:
        told = f"recovered from backup {offer.plan.backup.date} of {offer.plan.source}"
        self._state.keeping.forget()
        if recovered.old:
            self._state.retiring = Retiring(attempt_id=attempt_id, instance_ids=recovered.old)
        self._state.record = recovered.record.model_copy(
            update={
                "phase": Phase.RUNNING,
                "machines": [recovered.machine],
                "notes": [*recovered.record.notes, told, *recovered.notes],
                "updated": workflow.now(),
            }
        )
        await self._save(self._record, "Record the recovered cluster in the index")
        self._remember(offer, started, "; ".join(recovered.notes), failed=False)
        self._state.progress.phase = Phase.RUNNING

    async def _after_failure(self, offer: Offer, started: datetime, error: FailureError) -> None:
        self._board.skip_pending()
        failure = reason(error)
        self._remember(offer, started, failure, failed=True)
        if failure_type(error) == BACKUP_REFUSED:
            failure = f"{failure}; {await self._next_offered(offer)}"
        await self._save(self._amended(phase=Phase.RUNNING), "Record that the recovery did not come about")
        self._state.progress.failure = failure
        self._state.progress.phase = Phase.RUNNING

    async def _next_offered(self, offer: Offer) -> str:
        """Offer the next good backup, in words. More is lost with it, so consent counts on only where it was
        given for whatever restores."""
        named = offer.request.date is not None
        request = offer.request.model_copy(
            update={"date": None, "consented": offer.request.consented and not named}
        )
        try:
            following = await self._worked_out(request)
        except FailureError as error:
            return reason(error)
        self._lay_before(following)
        if self.due:
            return "the next good one is taken instead"
        return (
            f"backup {following.plan.backup.date} is offered instead, which loses {following.plan.loss}: "
            f"`wdrip approve -n {self._record.name}`"
        )

    # --- and what comes after it ------------------------------------------------------------------

    async def retire(self, verdict: Verdict) -> bool:
        """Delete the machines that a recovery set aside, once all masters stand and the recovered cluster has
        been backed up; whether it did anything."""
        retiring, now = self._state.retiring, workflow.now()
        if retiring is None or not retirement_due(verdict.masters, retiring.after, now):
            return False
        try:
            await self._retire(retiring)
        except FailureError as error:
            later = retiring.model_copy(update={"after": workflow.now() + _AGAIN})
            self._state.retiring, failure = later, reason(error)
        else:
            self._state.retiring, failure = None, ""
        self._state.keeping.remember(
            Operation(
                what="retire",
                subject=", ".join(retiring.instance_ids),
                why="the recovered cluster stands",
                started=now,
                finished=workflow.now(),
                outcome=Outcome.FAILED if failure else Outcome.DONE,
                detail=failure,
            )
        )
        return True

    async def _retire(self, retiring: Retiring) -> None:
        record = self._record
        async with self._board.step(_BACK_UP):
            await act(
                Backups.take_backup,
                BackupTask(record=record, reason="after a recovery", attempt_id=workflow.uuid4().hex),
                summary=f"Back up the recovered {record.name}",
                deadline=_BACK_UP.deadline,
            )
        task = RetireTask(record=record, instance_ids=retiring.instance_ids, attempt_id=retiring.attempt_id)
        async with self._board.step(_RETIRE):
            await act(
                OldMachines.retire_old_machines,
                task,
                summary=f"Delete {', '.join(retiring.instance_ids)}"[:180],
                deadline=_RETIRE.deadline,
            )
            await act(
                RecoveryIdentity.forget_former,
                task,
                summary="Delete the secrets that the recovery replaced",
                deadline=_SAVE,
            )

    # --- memory -----------------------------------------------------------------------------------

    def _remember(self, offer: Offer, started: datetime, detail: str, *, failed: bool) -> None:
        plan = offer.plan
        self._state.keeping.remember(
            Operation(
                what=OPERATION,
                subject=f"from backup {plan.backup.date} of {plan.source}",
                why=f"approved by {offer.approved_by}",
                started=started,
                finished=workflow.now(),
                outcome=Outcome.FAILED if failed else Outcome.DONE,
                detail=detail,
            )
        )

    def _wanted_masters(self) -> int:
        observed = self._state.keeping.observed
        asked = (
            observed.observation.master_set.replicas if observed and observed.observation.master_set else 0
        )
        return max(asked, sum(each.role == names.ROLE_MASTER for each in self._record.machines), 1)

    def _last_revision(self) -> int | None:
        known = (each.revision for each in self._state.keeping.memory.last_members)
        return max((each for each in known if each is not None), default=None)

    def _amended(self, **changes: object) -> ClusterRecord:
        return self._record.model_copy(update={**changes, "updated": workflow.now()})

    async def _save(self, record: ClusterRecord, summary: str) -> None:
        """A bucket that is away must end neither the recovery nor the workflow: without its machines the
        record is another than what the next look sees, which then writes it anew."""
        self._state.record = record
        try:
            await act(Index.save_record, record, summary=summary, deadline=_SAVE)
        except FailureError as error:
            workflow.logger.warning("the index was not brought up to date: %s", reason(error))
            self._state.record = record.model_copy(update={"machines": []})

    @property
    def _record(self) -> ClusterRecord:
        if self._state.record is None:
            raise ApplicationError("no cluster has been accepted", type=PERMANENT, non_retryable=True)
        return self._state.record
