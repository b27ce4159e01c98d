"""The `Cluster` workflow: one per cluster, from its create to its delete."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.backup_schedules import BackupSchedules
    from activities.bootstrap import Bootstrap
    from activities.index import Index
    from activities.kubernetes import Kubernetes
    from activities.secrets import Secrets
    from activities.tasks import MachineTask, NodeTask, SecretsTask, TransitObject, Validated
    from activities.validation import Validation
    from wdrip import names
    from wdrip.failures import CREATE_CANCELLED, CREATE_FAILED, DELETE_FAILED, PERMANENT
    from wdrip.models.cluster import (
        Accepted,
        ClusterRecord,
        CreateRequest,
        DeleteRequest,
        Endpoints,
        InfrastructureOutputs,
        Machine,
        Phase,
        Progress,
        ScaleRequest,
    )
    from wdrip.models.operation import Operations
    from wdrip.models.recovery import ApproveRequest, Offered, RecoverRequest
    from wdrip.planning.masters import judge_target
from workflows import plans, teardown
from workflows.board import Board
from workflows.bootstrap_first_master import BootstrapFirstMaster
from workflows.calls import act, to_its_end, together
from workflows.create_infrastructure import CreateInfrastructure
from workflows.details import render
from workflows.failures import failure_type, plain, reason
from workflows.keeper import Keeper
from workflows.recovering import Recovering
from workflows.refusals import refusal
from workflows.state import ClusterState
from workflows.teardown import Undo, tear_down

FIRST_REQUEST = timedelta(seconds=30)
"""A run that nobody asked anything of ends after this long; update-with-start brings its request at once."""
SHORT = timedelta(minutes=5)
"""Deadline of bucket writes outside a step."""

_ATTRIBUTES = {name: SearchAttributeKey.for_keyword(name) for name in names.SEARCH_ATTRIBUTES}


@workflow.defn(name="Cluster")
class Cluster:
    """Owns every change made to one cluster: the lock, the visible queue and the memory of it.

    Updates only accept and note a request; the main loop in `run` carries requests out, one at a time.
    """

    @workflow.init
    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._attributes: dict[str, str] = {}
        self._board = Board(state.progress, self._show)
        self._validating = False
        self._refusal: ApplicationError | None = None
        self._recovering = Recovering(state, self._board)
        self._keeper = Keeper(state, self._board, self._recovering)
        self._creation: asyncio.Task[None] | None = None
        self._turn: asyncio.Task[None] | None = None
        self._made: list[Undo] = []
        self._outputs: InfrastructureOutputs | None = None

    # --- requests -------------------------------------------------------------------------------

    @workflow.update(description="Create the cluster: check it against the cloud, accept, then build it")
    async def create(self, request: CreateRequest) -> Accepted:
        """Returns when the configuration is accepted; the build goes on in the workflow.

        Fails with ApplicationError of type InvalidInput (details: field, problem, remedy).
        """
        # Before the first await: from here on the validator refuses a second create.
        self._validating = True
        self._state.progress.operation, self._state.progress.phase = "create", Phase.PENDING
        self._board.lay_out(plans.CREATE_STEPS)
        try:
            async with self._board.step(plans.VALIDATE):
                found = await act(
                    Validation.validate_cluster,
                    request,
                    summary=f"Check {request.config.clusterid} against the cloud",
                    deadline=plans.VALIDATE.deadline,
                )
        except FailureError as error:
            self._refusal = plain(error)
            raise self._refusal from error
        finally:
            self._validating = False
            # Also the token of a refused request is taken out of transit.
            self._state.create = request
        self._state.record = self._new_record(request, found)
        self._state.progress.phase = Phase.CREATING
        return Accepted(cluster=self._state.cluster, operation="create", notes=found.notes)

    @create.validator
    def _may_create(self, request: CreateRequest) -> None:
        if request.config.clusterid != self._state.cluster:
            raise refusal("clusterid", f"this is cluster {self._state.cluster}", "address its own workflow")
        if self._validating or self._state.create or self._state.record:
            raise refusal(
                "clusterid",
                f"cluster {self._state.cluster} already exists",
                f"choose another name, or `wdrip delete -n {self._state.cluster}` first",
            )

    @workflow.update(description="Delete the cluster and everything that it costs")
    async def delete(self, request: DeleteRequest) -> Accepted:
        """Returns at once; asked again while the delete is under way, it only confirms."""
        accepted = Accepted(cluster=self._state.cluster, operation="delete")
        if self._state.delete:
            accepted.notes.append("the delete is already under way")
            return accepted
        self._state.delete = request
        # At once, so that whoever follows it does not take the phase before for its end.
        self._state.progress.operation, self._state.progress.phase = "delete", Phase.DELETING
        if self._creation and not self._creation.done():
            accepted.notes.append("the create in progress is cancelled first")
            self._creation.cancel()
        if self._turn and not self._turn.done():
            # A step ends before anything is deleted; what it made is found by its tags.
            self._turn.cancel()
        return accepted

    @delete.validator
    def _may_delete(self, request: DeleteRequest) -> None:
        if self._state.delete:
            return
        if self._state.record is None:
            raise refusal("name", f"there is no cluster {self._state.cluster}", "see `wdrip get`")
        creating = self._creation is not None and not self._creation.done()
        if (self._state.create or creating) and not request.force:
            raise refusal(
                "name",
                f"cluster {self._state.cluster} is still being created",
                "wait until it is Running, or use --force to cancel the create and delete it",
            )

    @workflow.update(description="Set how many masters the cluster shall have")
    async def scale(self, request: ScaleRequest) -> Accepted:
        """Returns at once; the number is written to the MasterSet after the step that runs."""
        accepted = Accepted(cluster=self._state.cluster, operation="scale")
        warning = judge_target(request.target).message
        if warning:
            accepted.notes.append(warning)
        if self._state.keeping.scale:
            accepted.notes.append(f"this replaces the {self._state.keeping.scale.target} that waited")
        running = self._board.running_step()
        if running:
            accepted.notes.append(f"it is taken up after the step that runs: {running}")
        self._state.keeping.scale = request
        self._adopt()
        self._keeper.alarm.wake()
        return accepted

    @scale.validator
    def _may_scale(self, request: ScaleRequest) -> None:
        verdict = judge_target(request.target)
        if not verdict.accepted:
            raise refusal("target-count", verdict.message, "ask for 1 or more")
        self._require_kept()

    def _require_kept(self) -> None:
        """Refuse what only a cluster that is there and that nothing else changes can be asked for."""
        record, name = self._state.record, self._state.cluster
        if record is None:
            raise refusal("name", f"there is no cluster {name}", "see `wdrip get`")
        phase = Phase.DELETING if self._state.delete else record.phase
        if self._state.progress.phase is Phase.RECOVERING:
            phase = Phase.RECOVERING
        elif phase is Phase.RECOVERING:
            # The workflow that recovered it is gone; it may be asked for again.
            return
        if phase is not Phase.RUNNING:
            raise refusal("name", f"cluster {name} is {phase}", f"wait until it is {Phase.RUNNING}")

    def _adopt(self) -> None:
        """Keep the cluster from now on, if this run was started with no more than the index entry."""
        if self._state.progress.phase is Phase.PENDING:
            self._state.progress.phase = Phase.RUNNING

    @workflow.update(description="Work out a recovery from a backup; it begins when it is approved")
    async def recover(self, request: RecoverRequest) -> Offered:
        """What would be restored and lost. Nothing is touched before `approve`, unless the request consents.

        Fails with ApplicationError of type InvalidInput or PermanentError when nothing can be recovered.
        """
        self._adopt()
        try:
            offered = await self._recovering.offer(request)
        except FailureError as error:
            raise plain(error) from error
        self._keeper.alarm.wake()
        return offered

    @recover.validator
    def _may_recover(self, request: RecoverRequest) -> None:
        self._require_kept()
        if request.source == self._state.cluster:
            raise refusal(
                "from", f"is {request.source} itself", "leave it out to recover it on its own infrastructure"
            )

    @workflow.update(description="Consent to the recovery that is offered")
    async def approve(self, request: ApproveRequest) -> Accepted:
        """Returns at once; the recovery begins after the step that runs."""
        accepted = Accepted(cluster=self._state.cluster, operation="recover")
        if running := self._board.running_step():
            accepted.notes.append(f"it begins after the step that runs: {running}")
        self._recovering.approve(request)
        self._keeper.alarm.wake()
        return accepted

    @approve.validator
    def _may_approve(self, request: ApproveRequest) -> None:
        offer, name = self._state.offer, self._state.cluster
        if self._state.delete or offer is None or offer.approved_by:
            raise refusal("name", f"nothing of {name} waits for approval", f"see `wdrip watch --name {name}`")
        if offer.plan.backup.date != request.restores:
            raise refusal(
                "restores",
                f"backup {offer.plan.backup.date} is offered now, not {request.restores}",
                f"look at it with `wdrip approve -n {name}`",
            )

    @workflow.update(description="Forget the recovery that is offered")
    async def withdraw(self) -> Accepted:
        """Nothing was touched by the offer. One that was approved goes on."""
        if not self._recovering.due:
            self._recovering.withdraw()
        return Accepted(cluster=self._state.cluster, operation="recover")

    @workflow.query(description="The recovery that waits for consent or for its turn")
    def offer(self) -> Offered:
        """None when there is none."""
        return Offered(offer=self._state.offer)

    @workflow.query(description="What was done to the cluster, when and why")
    def operations(self) -> Operations:
        """The latest ones, oldest first."""
        return Operations(operations=self._state.keeping.operations)

    @workflow.query(description="Where the current operation stands, in words")
    def progress(self) -> Progress:
        """The steps with status and times, what is waited for until when, and why it failed."""
        return self._state.progress

    @workflow.query(description="The cluster's index entry as the workflow knows it")
    def record(self) -> ClusterRecord | None:
        """None until a create has been accepted."""
        return self._state.record

    @workflow.signal(description="A child workflow's progress")
    def report(self, progress: Progress) -> None:
        """Merged into the operation's progress."""
        self._board.merge(progress)

    # --- the loop -------------------------------------------------------------------------------

    @workflow.run
    async def run(self, state: ClusterState) -> str:  # noqa: ARG002 - `__init__` has it
        """Carry out requests one after the other until the cluster is gone; returns its last words."""
        self._show()
        if self._state.record is None:
            await self._first_request()
        while True:
            if not self._keeps():
                await workflow.wait_condition(self._has_work)
            if self._state.delete:
                return await self._delete()
            if self._state.create:
                request, self._state.create = self._state.create, None
                await self._run_creation(request)
            elif workflow.info().is_continue_as_new_suggested():
                # Accepted updates must have answered: a new run does not know them.
                await workflow.wait_condition(workflow.all_handlers_finished)
                if not self._has_request():
                    workflow.continue_as_new(self._state)
            elif self._recovering.due:
                await self._in_turn(self._recovered())
            elif self._keeps():
                await self._in_turn(self._keeper.turn(self._has_work))

    def _keeps(self) -> bool:
        return self._state.record is not None and self._state.progress.phase is Phase.RUNNING

    async def _recovered(self) -> None:
        # What the watch compares with is another cluster's from now on.
        self._keeper.alarm.unset()
        await self._recovering.run()

    async def _in_turn(self, work: Coroutine[Any, Any, None]) -> None:
        """One turn of the loop; a delete ends it at once, or when the step that runs has ended."""
        self._turn = asyncio.create_task(work)
        try:
            await self._turn
        except asyncio.CancelledError:
            if not self._state.delete or workflow.cancellation_reason() is not None:
                raise
        self._show()

    def _has_request(self) -> bool:
        return self._state.delete is not None or self._state.create is not None

    def _has_work(self) -> bool:
        return self._has_request() or self._recovering.due or workflow.info().is_continue_as_new_suggested()

    async def _first_request(self) -> None:
        """Wait for the request that started this run; end the run when it is refused or never comes."""
        try:
            await workflow.wait_condition(lambda: self._validating, timeout=FIRST_REQUEST)
        except TimeoutError:
            raise ApplicationError(
                "nothing was asked of this run", type=PERMANENT, non_retryable=True
            ) from None
        try:
            await workflow.wait_condition(lambda: not self._validating)
        except asyncio.CancelledError:
            await workflow.wait_condition(workflow.all_handlers_finished)
            await self._end_refused(ApplicationError("cancelled", type=CREATE_CANCELLED, non_retryable=True))
        if self._refusal:
            await self._end_refused(self._refusal)

    async def _end_refused(self, refusal: ApplicationError) -> None:
        self._state.progress.phase = Phase.FAILED
        self._state.progress.failure = refusal.message
        self._board.skip_pending()
        if self._state.create:
            await self._discard_token(self._state.create)
        await workflow.wait_condition(workflow.all_handlers_finished)
        raise refusal

    # --- create ---------------------------------------------------------------------------------

    def _new_record(self, request: CreateRequest, found: Validated) -> ClusterRecord:
        return ClusterRecord(
            name=self._state.cluster,
            uid=workflow.uuid4().hex,
            provider=request.provider,
            region=request.config.iaas.region,
            phase=Phase.CREATING,
            config=request.config,
            asked=found.asked,
            actual=found.actual,
            package=found.package,
            created=workflow.now(),
            updated=workflow.now(),
            notes=found.notes,
        )

    async def _run_creation(self, request: CreateRequest) -> None:
        self._creation = asyncio.create_task(self._create(request))
        try:
            await self._creation
        except (FailureError, asyncio.CancelledError) as error:
            await self._after_failed_create(request, error)

    async def _create(self, request: CreateRequest) -> None:
        """Each undo is noted before its action: a failed action may have had its effect."""
        self._made.append(teardown.ENTRY)
        async with self._board.step(plans.REGISTER):
            await act(
                Index.claim_name,
                self._record,
                summary=f"Claim the name {self._record.name} in the index",
                deadline=plans.REGISTER.deadline,
            )
        self._made += [teardown.CONFIRM, teardown.SECRETS, teardown.STACK]
        await together(self._issue_secrets(request), self._create_infrastructure())
        self._made.append(teardown.MACHINES)
        outputs = self._outputs
        machine: Machine = await to_its_end(
            await workflow.start_child_workflow(
                BootstrapFirstMaster.run,
                MachineTask(record=self._record, outputs=outputs),
                id=f"{self._record.name}/first-master/{self._record.uid}",
                static_summary=f"First master of {self._record.name}",
            )
        )
        self._amend(machines=[machine])
        await self._see_ready(machine)
        async with self._board.step(plans.OBJECTS):
            await act(
                Kubernetes.define_objects,
                self._record,
                summary="Define MasterSet and NodePool, and create the default objects",
                deadline=plans.OBJECTS.deadline,
            )
        self._made.append(teardown.SCHEDULE)
        async with self._board.step(plans.SCHEDULE):
            await act(
                BackupSchedules.schedule_backups,
                self._record,
                summary=f"Schedule the backups of {self._record.name}",
                deadline=plans.SCHEDULE.deadline,
            )
        async with self._board.step(plans.RECORD):
            self._amend(phase=Phase.RUNNING)
            await self._save("Record endpoints and machines in the index")
        self._state.progress.phase = Phase.RUNNING
        self._show()

    async def _issue_secrets(self, request: CreateRequest) -> None:
        async with self._board.step(plans.SECRETS):
            await act(
                Secrets.issue_secrets,
                SecretsTask(record=self._record, token_reference=request.token_reference),
                summary="Issue certificate authorities and keys, sealed into the bucket",
                deadline=plans.SECRETS.deadline,
            )

    async def _create_infrastructure(self) -> None:
        outputs: InfrastructureOutputs = await to_its_end(
            await workflow.start_child_workflow(
                CreateInfrastructure.run,
                self._record,
                id=f"{self._record.name}/infrastructure/{self._record.uid}",
                static_summary=f"Network and load balancer of {self._record.name}",
            )
        )
        self._outputs = outputs
        self._amend(
            stack_id=outputs.stack_id,
            vpc_id=outputs.vpc_id,
            endpoints=Endpoints(public=outputs.public_endpoint, private=outputs.private_endpoint),
        )

    async def _see_ready(self, machine: Machine) -> None:
        node = NodeTask(record=self._record, machine=machine)
        try:
            async with self._board.step(plans.READY):
                await act(
                    Kubernetes.await_node_ready,
                    node,
                    summary=f"Wait until the node of {machine.instance_id} is Ready",
                    deadline=plans.READY.deadline,
                )
        except FailureError as error:
            logs = await act(
                Bootstrap.collect_diagnostics,
                node,
                summary=f"Read the logs of {machine.instance_id}",
                deadline=SHORT,
            )
            raise ApplicationError(
                f"{reason(error)}\n{logs}", type=failure_type(error), non_retryable=True
            ) from error

    async def _after_failed_create(self, request: CreateRequest, error: BaseException) -> None:
        """Undo what was made, unless it is to be kept or a delete waits to do it; then end the run."""
        cancelled = is_cancelled_exception(error)
        where = self._board.broken_step()
        why = "cancelled" if cancelled else reason(error)
        self._state.progress.failure = f"{where}: {why}" if where else why
        self._state.progress.phase = Phase.FAILED
        self._board.skip_pending()
        if request.token_reference:
            await self._discard_token(request)
        if self._state.delete:
            return
        outcome = await self._leave(request)
        await workflow.wait_condition(workflow.all_handlers_finished)
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError
        raise ApplicationError(
            f"{self._state.progress.failure}\n{outcome}",
            type=CREATE_CANCELLED if cancelled else CREATE_FAILED,
            non_retryable=True,
        )

    async def _leave(self, request: CreateRequest) -> str:
        """Keep or remove what a failed create made; returns in words how things were left."""
        if request.keep_on_failure:
            left = f"what was made is kept, as asked; `wdrip delete -n {self._record.name}` removes it"
        else:
            problems = await tear_down(self._board, self._record, self._made)
            if not problems:
                return "everything that it made has been removed"
            left = "not everything could be removed: " + "; ".join(problems)
            left += f"; `wdrip delete -n {self._record.name}` tries again"
        self._amend(phase=Phase.FAILED, notes=[*self._record.notes, self._state.progress.failure, left])
        await self._save("Record the failure in the index")
        return left

    async def _discard_token(self, request: CreateRequest) -> None:
        if request.token_reference:
            await act(
                Secrets.discard_transit,
                TransitObject(provider=request.provider, key=request.token_reference),
                summary="Take the kubeadm token out of transit",
                deadline=SHORT,
            )

    # --- delete ---------------------------------------------------------------------------------

    async def _delete(self) -> str:
        self._keeper.alarm.unset()
        self._keeper.word = ""
        self._board.hold("", None, "")
        self._state.progress.operation, self._state.progress.phase = "delete", Phase.DELETING
        self._state.progress.failure = ""
        self._board.lay_out([plans.MARK_DELETING])
        request, self._state.create = self._state.create, None
        if request:
            await self._discard_token(request)
        self._amend(phase=Phase.DELETING)
        async with self._board.step(plans.MARK_DELETING):
            await self._save("Mark the cluster as being deleted")
        problems = await tear_down(self._board, self._record, self._doomed())
        await workflow.wait_condition(workflow.all_handlers_finished)
        if problems:
            await self._fail_delete(problems)
        self._state.progress.phase = Phase.DELETED
        self._amend(phase=Phase.DELETED)
        self._show()
        return f"cluster {self._record.name} is deleted"

    def _doomed(self) -> list[Undo]:
        """All that a delete removes; backups only when it was asked to."""
        wanted = self._state.delete is not None and self._state.delete.delete_backups
        entry, *rest = teardown.EVERYTHING
        return [entry, teardown.BACKUPS, *rest] if wanted else [entry, *rest]

    async def _fail_delete(self, problems: list[str]) -> None:
        self._state.progress.failure = "; ".join(problems)
        self._state.progress.phase = Phase.FAILED
        self._amend(phase=Phase.FAILED, notes=[*self._record.notes, self._state.progress.failure])
        await self._save("Record the failure in the index")
        self._show()
        raise ApplicationError(
            f"{self._state.progress.failure}; `wdrip delete -n {self._record.name}` tries again",
            type=DELETE_FAILED,
            non_retryable=True,
        )

    # --- memory ---------------------------------------------------------------------------------

    @property
    def _record(self) -> ClusterRecord:
        if self._state.record is None:
            raise ApplicationError("no cluster has been accepted", type=PERMANENT, non_retryable=True)
        return self._state.record

    def _amend(self, **changes: object) -> None:
        self._state.record = self._record.model_copy(update={**changes, "updated": workflow.now()})

    async def _save(self, summary: str) -> None:
        await act(Index.save_record, self._record, summary=summary, deadline=SHORT)

    def _show(self) -> None:
        """Say in the Web UI where the cluster stands."""
        progress = self._state.progress
        headline = f"Cluster {self._state.cluster}: {progress.phase}"
        backups = self._state.keeping.backups
        if backups is not None and not backups.ok:
            headline += f"; {backups.reason}: {backups.message}"
        workflow.set_current_details(render(progress, headline))
        wanted = {
            names.SEARCH_CLUSTER: self._state.cluster,
            names.SEARCH_REGION: self._state.record.region if self._state.record else "",
            names.SEARCH_PHASE: str(progress.phase),
            names.SEARCH_OPERATION: self._keeper.word or progress.operation,
            names.SEARCH_BACKUP: backups.reason if backups else "",
        }
        changed = {name: value for name, value in wanted.items() if self._attributes.get(name, "") != value}
        if changed:
            self._attributes |= changed
            workflow.upsert_search_attributes(
                [_ATTRIBUTES[name].value_set(value) for name, value in changed.items()]
            )
