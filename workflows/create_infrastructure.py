"""Child workflow: everything of a cluster that is not a machine, as one ROS stack."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.infrastructure import Infrastructure
    from wdrip.models.cluster import ClusterRecord, InfrastructureOutputs
from workflows import plans
from workflows.calls import act
from workflows.children import ReportingBoard


@workflow.defn(name="CreateInfrastructure")
class CreateInfrastructure:
    """Creates the stack and waits until it is complete. Undoing it is the parent's business."""

    @workflow.init
    def __init__(self, record: ClusterRecord) -> None:  # noqa: ARG002 - the SDK wants it as `run`
        self._board = ReportingBoard(plans.INFRASTRUCTURE_STEPS)

    @workflow.run
    async def run(self, record: ClusterRecord) -> InfrastructureOutputs:
        """What the complete stack gives to the steps after it."""
        async with self._board.reporting(), self._board.step(plans.STACK):
            stack_id = await act(
                Infrastructure.create_stack,
                record,
                summary=f"Create ROS stack {record.name}",
                deadline=plans.STACK.deadline,
            )
            self._board.progress.stack_id = stack_id
            return await act(
                Infrastructure.await_stack,
                record.model_copy(update={"stack_id": stack_id}),
                summary=f"Wait until stack {record.name} is complete",
                deadline=plans.STACK.deadline,
            )
