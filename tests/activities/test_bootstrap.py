"""What goes to a machine on its way to a control plane: nothing secret, nothing left behind."""

import pytest

from activities.bootstrap import Bootstrap
from activities.secrets import Secrets
from activities.tasks import HandoverTask, NodeTask, SecretsTask
from tests.activities.conftest import Run
from tests.world.cloud import MemoryCloud, answer
from wdrip import names
from wdrip.errors import PermanentError, TemporaryError
from wdrip.models.cluster import ClusterRecord, Machine
from wdrip.nodes.operations import SECRETS_CORRUPTED


@pytest.fixture
def bootstrap(cloud: MemoryCloud) -> Bootstrap:
    return Bootstrap(cloud.clients())


@pytest.fixture
def task(record: ClusterRecord, machine: Machine) -> NodeTask:
    return NodeTask(record=record, machine=machine)


@pytest.fixture
def handover(cloud: MemoryCloud, run: Run, task: NodeTask) -> HandoverTask:
    """The cluster has its secrets, and the machine has shown its certificate."""
    run(Secrets(cloud.clients()).issue_secrets, SecretsTask(record=task.record, token_reference=None))
    return HandoverTask(record=task.record, machine=task.machine, certificate=cloud.machines.certificate)


def transit(cloud: MemoryCloud) -> list[str]:
    return [key for key in cloud.oss.objects if key.startswith(names.TRANSIT_PREFIX)]


def test_the_machines_certificate_is_read_out_of_its_log(
    cloud: MemoryCloud, run: Run, bootstrap: Bootstrap, task: NodeTask
) -> None:
    cloud.machines.answers = [answer(0, f"made a key\n{cloud.machines.certificate}done")]
    assert run(bootstrap.prepare_identity, task) == cloud.machines.certificate


def test_a_machine_that_shows_no_certificate_is_told_with_its_log(
    cloud: MemoryCloud, run: Run, bootstrap: Bootstrap, task: NodeTask
) -> None:
    cloud.machines.answers = [answer(0, "openssl: not found")]
    with pytest.raises(PermanentError, match="i-1 showed no certificate: openssl: not found"):
        run(bootstrap.prepare_identity, task)


def test_secrets_leave_transit_once_the_machine_has_them(
    cloud: MemoryCloud, run: Run, bootstrap: Bootstrap, handover: HandoverTask
) -> None:
    run(bootstrap.hand_over_secrets, handover)
    assert any(key.startswith(names.TRANSIT_PREFIX) for key in cloud.oss.deleted)
    assert transit(cloud) == []


@pytest.mark.parametrize(("code", "error"), [(SECRETS_CORRUPTED, PermanentError), (None, TemporaryError)])
def test_secrets_leave_transit_also_when_the_machine_did_not_take_them(
    code: int | None,
    error: type[Exception],
    cloud: MemoryCloud,
    run: Run,
    bootstrap: Bootstrap,
    handover: HandoverTask,
) -> None:
    cloud.machines.answers = [answer(code, "no", status="Failed")]
    with pytest.raises(error):
        run(bootstrap.hand_over_secrets, handover)
    assert transit(cloud) == []


def test_nothing_secret_is_in_the_command(
    cloud: MemoryCloud, run: Run, bootstrap: Bootstrap, handover: HandoverTask
) -> None:
    run(bootstrap.hand_over_secrets, handover)
    ((_, _, content),) = cloud.machines.commands
    assert "PRIVATE KEY" not in content
    assert "100.118.0.1" in content, "the machine fetches over the internal address"


def test_diagnostics_that_cannot_be_had_do_not_hide_the_failure_they_explain(
    cloud: MemoryCloud, run: Run, bootstrap: Bootstrap, task: NodeTask
) -> None:
    cloud.machines.answers = [answer(1, "journalctl: broken")]
    assert "journalctl: broken" in run(bootstrap.collect_diagnostics, task)
