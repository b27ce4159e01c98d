"""What the small workflows around backups show of themselves in the Web UI."""

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from wdrip import names
    from wdrip.models.backup_request import BackupRequest
    from wdrip.models.cluster import ClusterRecord


def tell(request: BackupRequest, operation: str, words: str) -> None:
    """Say where the workflow stands. operation: its value of the search attribute `WdripOperation`."""
    workflow.set_current_details(words)
    workflow.upsert_search_attributes(
        [
            _attribute(names.SEARCH_CLUSTER).value_set(request.cluster),
            _attribute(names.SEARCH_OPERATION).value_set(operation),
        ]
    )


def place(record: ClusterRecord) -> None:
    """Say where the cluster stands."""
    workflow.upsert_search_attributes([_attribute(names.SEARCH_REGION).value_set(record.region)])


def _attribute(name: str) -> "SearchAttributeKey[str]":
    return SearchAttributeKey.for_keyword(name)
