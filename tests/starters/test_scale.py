"""scale and get -r operations by their `main(argv)`, upon real servers and a simulated world."""

import json
import time

import pytest

from starters import create, get, scale
from tests.starters.conftest import Person

Output = pytest.CaptureFixture[str]

_SECONDS = 60


@pytest.fixture
def cluster(person: Person, name: str, capsys: Output) -> str:
    """The name of a cluster that runs, in the index, too."""
    assert create.main(["--config", person.cluster_file(name), "--wait"]) == 0
    record = person.world.index[name]
    person.bucket.put(f"wdrip/clusters/{name}.json", record.model_dump_json(by_alias=True).encode())
    capsys.readouterr()
    return name


def _error(capsys: Output) -> str:
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("wdrip: ")]
    assert len(lines) == 1
    return lines[0]


def test_masters_come_and_what_was_done_is_listed(cluster: str, person: Person, capsys: Output) -> None:
    assert scale.main(["--name", cluster, "--target-count", "2"]) == 0
    assert "an odd number is better" in capsys.readouterr().err

    until = time.monotonic() + _SECONDS
    while person.world.cluster.voting() < 2 and time.monotonic() < until:
        time.sleep(0.1)
    assert get.main(["-r", "operations", "-n", cluster, "-o", "json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert [each["what"] for each in done[:5]] == [
        "scale",
        "LaunchMaster",
        "BackUp",
        "JoinEtcd",
        "PromoteMember",
    ]
    assert get.main(["-r", "operations", "-n", cluster]) == 0
    head, first, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["TIME", "SECONDS", "OPERATION", "SUBJECT", "OUTCOME", "WHY"]
    assert "masters to 2" in first


def test_a_cluster_to_which_nothing_was_done_yet(cluster: str, capsys: Output) -> None:
    assert get.main(["-r", "operations", "-n", cluster]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert f"nothing yet since its create, which `wdrip watch -n {cluster}` shows" in captured.err


@pytest.mark.parametrize("target", ["0", "-3", "three"])
def test_a_number_that_cannot_be(person: Person, target: str, capsys: Output) -> None:
    assert scale.main(["--name", "x", "--target-count", target]) == 2
    assert "target-count" in _error(capsys)


def test_no_such_cluster(person: Person, name: str, capsys: Output) -> None:
    person.bucket.ensure()
    assert scale.main(["--name", name, "--target-count", "3"]) == 2
    assert f"there is no cluster `{name}`" in _error(capsys)


def test_operations_belong_to_one_cluster(person: Person, capsys: Output) -> None:
    assert get.main(["-r", "operations"]) == 2
    assert _error(capsys).startswith("wdrip: --name: operations belong to one cluster")


def test_operations_of_no_such_cluster(person: Person, name: str, capsys: Output) -> None:
    assert get.main(["-r", "operations", "-n", name]) == 2
    assert f"there is no cluster `{name}`" in _error(capsys)
