"""What was done to a cluster, when and why: asked of its workflow."""

from collections.abc import Iterable

from starters.temporal import connect, require_worker, rpc_errors_in_words
from wdrip import names
from wdrip.models.operation import Operation, Operations
from wdrip.models.provider_config import WdripConfig

QUERY = "operations"


async def ask_operations(config: WdripConfig, name: str) -> list[Operation]:
    """The cluster's latest operations, oldest first.

    Raises InvalidInput when there is no such cluster, PermanentError when nobody answers.
    """
    client = await connect(config.temporal.address, config.temporal.namespace)
    await require_worker(client)
    handle = client.get_workflow_handle(names.cluster_workflow_id(name))
    with rpc_errors_in_words(name):
        answer: Operations = await handle.query(QUERY, result_type=Operations)
    return answer.operations


def operations_table(operations: Iterable[Operation]) -> str:
    """A line for each: when, for how long, what, to what, how it ended, and why."""
    rows = [("TIME", "SECONDS", "OPERATION", "SUBJECT", "OUTCOME", "WHY")]
    rows += [
        (
            each.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            f"{(each.finished - each.started).total_seconds():.0f}",
            each.what,
            each.subject,
            str(each.outcome),
            f"{each.why}: {each.detail}" if each.detail else each.why,
        )
        for each in operations
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "   ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    )
