"""How progress is shown: rows, counts, times, what is waited for."""

import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from starters.progress import Row, changed_lines, line, step_rows, summary, table
from tests.world.guide import guide_config
from wdrip.infrastructure.template import stack_template
from wdrip.models.cluster import Phase, Progress, Step, StepStatus

_BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_clock() -> Iterator[None]:
    """A person eight hours east of Greenwich (in POSIX' form, which needs no time zone database)."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", "CST-8")
        time.tzset()
        yield
    time.tzset()


def _at(seconds: float) -> datetime:
    return _BEGIN + timedelta(seconds=seconds)


def _progress() -> Progress:
    return Progress(
        phase=Phase.CREATING,
        waiting_for="etcd to be healthy",
        waiting_since=_at(40),
        waiting_until=_at(640),
        then="the create fails",
        steps=[
            Step(
                name="stack", title="Create network", status=StepStatus.DONE, started=_at(0), finished=_at(30)
            ),
            Step(name="etcd", title="Start etcd with TLS", status=StepStatus.RUNNING, started=_at(40)),
            Step(name="ready", title="See the node Ready"),
        ],
    )


def test_line_has_the_guides_form() -> None:
    rows = step_rows(_progress())
    kind, _, rest = line(rows[0], rows, _at(60)).partition("】")
    assert kind.rstrip() == "✓ 【WDRIP::STEP"
    assert rest == "(Create network) [Done, 1/3] 2026-01-02T11:04:05 2026-01-02T11:04:35 30s"
    assert line(rows[1], rows, _at(60)).endswith("[Running, 1/3] 2026-01-02T11:04:45 20s")


def test_lines_of_every_resource_type_of_the_stack_stand_below_each_other() -> None:
    resources = stack_template(guide_config("kubernetes-id-001"))["Resources"]
    kinds = {resource["Type"] for resource in resources.values()}
    rows = [Row(kind, "it", "CREATE_COMPLETE", "done") for kind in [*kinds, "WDRIP::STEP"]]
    assert len({line(row, rows, _at(0)).index("】") for row in rows}) == 1


def test_failed_row_tells_why() -> None:
    row = Row("WDRIP::STEP", "etcd", "Failed", "failed", _at(0), _at(1), "disk full")
    assert line(row, [row], _at(2)).endswith("1s disk full")


def test_summary_answers_what_is_waited_for() -> None:
    progress = _progress()
    assert summary(progress, _at(60)) == (
        "create: Creating, 60s; waits for etcd to be healthy since 11:04:45, until 11:14:45 at most, "
        "then the create fails"
    )


def test_a_deletes_time_is_its_own_not_that_of_the_old_resources() -> None:
    deleting = Progress(
        operation="delete",
        phase=Phase.DELETING,
        steps=[Step(name="machines", title="Delete machines", status=StepStatus.RUNNING, started=_at(1000))],
    )
    screen = io.StringIO()
    rows = [Row("ALIYUN::ECS::VPC", "Vpc", "CREATE_COMPLETE", "done", _at(0), _at(1)), *step_rows(deleting)]
    Console(file=screen, width=200).print(table(deleting, rows, _at(1003)))
    assert screen.getvalue().splitlines()[-1] == "delete: Deleting, 3s"


def test_only_changes_are_printed_and_nothing_pending() -> None:
    before = step_rows(_progress())
    progress = _progress()
    progress.steps[1].status = StepStatus.DONE
    progress.steps[1].finished = _at(50)
    after = step_rows(progress)

    assert [each.split("】")[1].split(" [")[0] for each in changed_lines([], before, _at(60))] == [
        "(Create network)",
        "(Start etcd with TLS)",
    ]
    (changed,) = changed_lines(before, after, _at(60))
    assert "(Start etcd with TLS) [Done, 2/3]" in changed


def test_table_shows_every_row_and_the_count() -> None:
    progress = _progress()
    output = io.StringIO()
    Console(file=output, width=160).print(table(progress, step_rows(progress), _at(60)))
    text = output.getvalue()
    assert "STATUS [1/3]" in text
    for step in progress.steps:
        assert step.title in text
    assert "waits for etcd to be healthy" in text


def test_times_are_the_persons_own() -> None:
    row = Row("ALIYUN::ECS::VPC", "vpc", "CREATE_COMPLETE", "done", _at(0), _at(3))
    assert "2026-01-02T11:04:05 2026-01-02T11:04:08 3s" in line(row, [row], _at(9))
