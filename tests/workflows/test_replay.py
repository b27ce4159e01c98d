"""Workflow code and history must agree: histories of older code are replayed by today's.

`python -m tests.workflows.histories` writes the stored histories anew, after a change that no running
cluster can see (before the first release) or that `workflow.patched` guards.
"""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from worker import WORKFLOWS, sandbox

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_stored_history_replays(path: Path) -> None:
    replayer = Replayer(
        workflows=WORKFLOWS, data_converter=pydantic_data_converter, workflow_runner=sandbox()
    )
    await replayer.replay_workflow(WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8")))


def test_there_are_histories_of_every_workflow() -> None:
    assert {path.stem for path in HISTORIES} >= {
        "cluster-created-and-deleted",
        "cluster-failed-and-undone",
        "cluster-scaled",
        "cluster-gave-way",
        "create-infrastructure",
        "bootstrap-first-master",
        "cluster-recovered",
        "recover",
    }
