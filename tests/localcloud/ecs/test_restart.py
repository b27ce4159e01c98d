"""A cloud that was killed finds its machines and its commands again."""

from __future__ import annotations

from pathlib import Path

from localcloud.machines.runtime import Outcome
from tests.localcloud.ecs.cloud import running_ecs
from tests.localcloud.ecs.runtime import InMemoryRuntime


def test_running_machines_are_found_and_not_booted_again(tmp_path: Path) -> None:
    runtime = InMemoryRuntime()
    with running_ecs(tmp_path / "cloud", runtime) as ecs:
        instance_id = ecs.running()
    with running_ecs(tmp_path / "cloud", runtime) as ecs:
        assert ecs.get(instance_id).status == "Running"
    assert len(runtime.booted) == 1


def test_a_boot_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    runtime = InMemoryRuntime()
    runtime.allow_boot.clear()
    with running_ecs(tmp_path / "cloud", runtime) as ecs:
        instance_id = ecs.run(client_token="token-1")[0]
    runtime.allow_boot.set()
    with running_ecs(tmp_path / "cloud", runtime) as ecs:
        ecs.await_status(instance_id, "Running")
        assert ecs.run(client_token="token-1") == [instance_id]
        assert len(ecs.find()) == 1


def test_a_machine_that_was_lost_with_its_host_boots_again(tmp_path: Path) -> None:
    runtime = InMemoryRuntime()
    with running_ecs(tmp_path / "cloud", runtime) as ecs:
        instance_id = ecs.running()
    runtime.on.clear()
    with running_ecs(tmp_path / "cloud", runtime) as ecs:
        ecs.await_status(instance_id, "Running")
    assert len(runtime.booted) == 2


def test_a_command_that_ended_meanwhile_has_its_result(tmp_path: Path) -> None:
    runtime = InMemoryRuntime()
    with running_ecs(tmp_path / "cloud", runtime) as ecs:
        invoke_id = ecs.command(ecs.running())
        task = ecs.task(invoke_id)
        ecs.await_result(invoke_id, "Running")
    runtime.end(task, Outcome.EXITED, 0, b"meanwhile")
    with running_ecs(tmp_path / "cloud", runtime) as ecs:
        assert ecs.await_result(invoke_id, "Success").output == "meanwhile"


def test_an_accepted_command_is_delivered_after_the_restart(tmp_path: Path) -> None:
    runtime = InMemoryRuntime()
    runtime.deaf = True
    with running_ecs(tmp_path / "cloud", runtime) as ecs:
        invoke_id = ecs.command(ecs.running())
    runtime.deaf = False
    with running_ecs(tmp_path / "cloud", runtime) as ecs:
        ecs.await_result(invoke_id, "Running")
