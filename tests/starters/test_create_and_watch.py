"""create, watch and delete by their `main(argv)`: outcomes, one line per failure, no secret on the way."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from starters import create, delete, temporal, watch
from tests.starters.conftest import TOKEN, Person
from tests.world.world import Fault
from wdrip import names

Output = pytest.CaptureFixture[str]


def _error(capsys: Output) -> str:
    """The one line that a failed command leaves beside its log lines."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("wdrip: ")]
    assert len(lines) == 1
    return lines[0]


def _transit(person: Person) -> list[str]:
    return [entry.key for entry in person.bucket.list(names.TRANSIT_PREFIX)]


def test_create_returns_when_accepted_and_names_the_watch_command(
    person: Person, name: str, capsys: Output
) -> None:
    assert create.main(["--config", person.cluster_file(name)]) == 0

    captured = capsys.readouterr()
    assert f"[ wdrip watch --name {name} ]" in captured.err
    assert "note: a note" in captured.err
    assert watch.main(["--name", name]) == 0


def test_watch_prints_every_step_once_done(person: Person, name: str, capsys: Output) -> None:
    create.main(["--config", person.cluster_file(name)])
    assert watch.main(["--name", name]) == 0

    out = capsys.readouterr().out
    assert "(Start etcd with TLS) [Done, " in out
    assert "(Record the endpoints) [Done, " in out
    assert "\x1b" not in out


def test_wait_follows_to_the_end(person: Person, name: str, capsys: Output) -> None:
    assert create.main(["--config", person.cluster_file(name), "--wait"]) == 0
    assert f"cluster {name}: create done, Running" in capsys.readouterr().err


def test_failed_create_tells_why_and_exits_1(person: Person, name: str, capsys: Output) -> None:
    person.world.fail("start_first_etcd", Fault.REFUSED)

    assert create.main(["--config", person.cluster_file(name), "--wait"]) == 1

    assert "start_first_etcd was refused by the simulated cloud" in _error(capsys)
    assert watch.main(["--name", name]) == 1
    assert "Start etcd with TLS" in _error(capsys)


async def _history(address: str, name: str) -> str:
    client = await Client.connect(address)
    history = await client.get_workflow_handle(name).fetch_history()
    return "".join(str(event) for event in history.events)


def test_token_is_sealed_in_the_bucket_and_nowhere_else(person: Person, name: str, capsys: Output) -> None:
    before = set(_transit(person))
    person.world.fail("issue_secrets", Fault.HANGS)

    assert create.main(["--config", person.cluster_file(name)]) == 0

    (reference,) = set(_transit(person)) - before
    assert TOKEN.encode() not in (person.bucket.get(reference) or b"")
    history = asyncio.run(_history(person.temporal_address, name))
    assert reference in history
    assert TOKEN not in history
    assert TOKEN not in capsys.readouterr().err
    person.world.lift_faults()
    assert watch.main(["--name", name]) == 0


def test_existing_cluster_is_refused_and_the_token_taken_back(
    person: Person, name: str, capsys: Output
) -> None:
    assert create.main(["--config", person.cluster_file(name), "--wait"]) == 0
    capsys.readouterr()
    before = _transit(person)

    assert create.main(["--config", person.cluster_file(name)]) == 2

    assert _error(capsys).startswith(f"wdrip: clusterid: cluster {name} already exists; ")
    assert _transit(person) == before


def test_what_the_cloud_refuses_is_one_line(person: Person, name: str, capsys: Output) -> None:
    def elsewhere(document: dict[str, Any]) -> None:
        document["iaas"].update(region="cn-nowhere", zoneid="cn-nowhere-k")

    assert create.main(["--config", person.cluster_file(name, elsewhere)]) == 2
    assert _error(capsys) == "wdrip: iaas.region: there is no region cn-nowhere; use cn-hangzhou"


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("networks", {}, "networks"),
        ("network.podcidr", "172.16.0.300/16", "network.podcidr"),
        ("network.svccidr", "172.16.8.0/20", "podcidr"),
        ("network.netMask", "25", "network.netMask"),
        ("network.netMask", 16, "netMask"),
        ("kubernetes.kubeadmToken", "secret", "kubernetes.kubeadmToken"),
        ("clusterid", "Bad_Name", "clusterid"),
        ("iaas.zoneid", "cn-beijing-h", "iaas.zoneid"),
        ("iaas.disk.type", "floppy", "iaas.disk.type"),
        ("iaas.disk.size", "1T", "iaas.disk.size"),
    ],
)
def test_bad_cluster_file_is_one_line_with_the_field(
    path: str, value: object, field: str, person: Person, name: str, capsys: Output
) -> None:
    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            document = document[parent]
        document[last] = value

    assert create.main(["--config", person.cluster_file(name, change)]) == 2

    line = _error(capsys)
    assert field in line.split(": ")[1]
    assert line.count("; ") >= 1
    assert "secret" not in line


def test_missing_cluster_file(person: Person, capsys: Output) -> None:
    assert create.main(["--config", str(person.home / "none.yaml")]) == 2
    assert _error(capsys).startswith("wdrip: --config: ")


def test_missing_configuration_file(
    person: Person, name: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("WDRIP_CONFIG", str(person.home / "none"))
    assert create.main(["--config", person.cluster_file(name)]) == 2
    assert "there is no configuration file" in _error(capsys)


def test_configuration_that_others_can_read_is_a_warning(person: Person, name: str, capsys: Output) -> None:
    person.config.chmod(0o644)
    assert create.main(["--config", person.cluster_file(name), "--wait"]) == 0
    assert f"run `chmod 600 {person.config}`" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["create", "watch", "delete"])
def test_unreachable_temporal(
    verb: str, person: Person, name: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    outcome = {
        "create": lambda: create.main(["--config", person.cluster_file(name)]),
        "watch": lambda: watch.main(["--name", name]),
        "delete": lambda: delete.main(["--name", name, "--yes"]),
    }[verb]()
    assert outcome == 2
    line = _error(capsys)
    assert line.startswith("wdrip: temporal.address: no Temporal server answers at 127.0.0.1:1; ")
    assert "wdrip up" in line


def test_no_worker_is_told_before_anything_is_made(
    person: Person, name: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(temporal, "_WORKER_SECONDS", 0.1)
    monkeypatch.setattr(names, "TASK_QUEUE", "nobody-polls-this")
    before = _transit(person)

    assert create.main(["--config", person.cluster_file(name)]) == 2

    assert "temporal.address: no worker takes tasks from queue `nobody-polls-this`" in _error(capsys)
    assert _transit(person) == before


def test_watch_of_an_unknown_cluster(person: Person, name: str, capsys: Output) -> None:
    assert watch.main(["--name", name]) == 2
    assert f"there is no cluster `{name}`" in _error(capsys)


def test_delete_removes_the_cluster(person: Person, name: str, capsys: Output) -> None:
    assert create.main(["--config", person.cluster_file(name), "--wait"]) == 0
    capsys.readouterr()

    assert delete.main(["--name", name, "--yes", "--wait"]) == 0

    assert f"cluster {name}: delete done, Deleted" in capsys.readouterr().err
    assert name not in person.world.index


@pytest.mark.parametrize(
    ("flags", "removed"), [([], False), (["--keep-backups"], False), (["--delete-backups"], True)]
)
def test_backups_stay_unless_they_are_to_go(
    person: Person, name: str, flags: list[str], removed: bool
) -> None:
    assert create.main(["--config", person.cluster_file(name), "--wait"]) == 0
    assert delete.main(["--name", name, "--yes", "--wait", *flags]) == 0
    assert ("remove_backups" in person.world.calls) is removed


def test_delete_by_the_index_entry_alone(person: Person, name: str, capsys: Output) -> None:
    assert create.main(["--config", person.cluster_file(name), "--wait"]) == 0
    asyncio.run(_terminate(person.temporal_address, name))
    entry = person.world.index[name].model_dump_json(by_alias=True)
    person.bucket.put(names.cluster_key(name), entry.encode())

    assert delete.main(["--name", name, "--yes", "--wait"]) == 0

    assert name not in person.world.index


async def _terminate(address: str, name: str) -> None:
    """As if the Temporal server had lost the cluster's workflow."""
    client = await Client.connect(address)
    await client.get_workflow_handle(name).terminate()


def test_delete_during_create_needs_force(person: Person, name: str, capsys: Output) -> None:
    person.world.fail("init_control_plane", Fault.HANGS)
    assert create.main(["--config", person.cluster_file(name)]) == 0
    capsys.readouterr()

    assert delete.main(["--name", name, "--yes"]) == 2
    assert "is still being created" in _error(capsys)
    assert delete.main(["--name", name, "--yes", "--force", "--wait"]) == 0
    assert name not in person.world.index


def test_delete_of_an_unknown_cluster(person: Person, name: str, capsys: Output) -> None:
    assert delete.main(["--name", name, "--yes"]) == 2
    assert f"there is no cluster `{name}`" in _error(capsys)


def test_delete_without_a_terminal_wants_yes(person: Person, name: str, capsys: Output) -> None:
    assert delete.main(["--name", name]) == 2
    assert "add --yes" in _error(capsys)
