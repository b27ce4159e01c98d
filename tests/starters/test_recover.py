"""recover and approve by their `main(argv)`: what is shown, what is asked, and what comes of it."""

import io

import pytest

from starters import approve, create, recover
from starters.offers import describe
from tests.starters.conftest import Person
from tests.wdrip.backup_entries import entry
from tests.world.world import Fault
from wdrip.models.backup import Standing
from wdrip.models.recovery import RecoveryPlan
from wdrip.planning.recovery import recovery_steps

Output = pytest.CaptureFixture[str]

NEWEST, OLDER = "20211002-1024", "20211002-1014"


class Terminal(io.StringIO):
    """A person who answers, and then says no more."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def cluster(person: Person, name: str, capsys: Output) -> str:
    """The name of a cluster that runs and has two good backups."""
    assert create.main(["--config", person.cluster_file(name), "--wait"]) == 0
    record = person.world.index[name]
    person.bucket.put(f"wdrip/clusters/{name}.json", record.model_dump_json(by_alias=True).encode())
    person.world.store = [entry(date, Standing.SOUND, name=name) for date in (NEWEST, OLDER)]
    capsys.readouterr()
    return name


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(text))


def _error(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith("wdrip: ")]
    assert len(lines) == 1
    return lines[0]


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["-f", "x", "--yes"], "wdrip: --from: is x itself; leave it out to recover x in place"),
        (["--backup", "yesterday", "--yes"], "wdrip: --backup: `yesterday` is not a date; write it as"),
        ([], "wdrip: --yes: there is no terminal to ask for a consent; add --yes"),
        (["--yes"], "wdrip: --name: there is no cluster `x`; list the clusters with `wdrip get`"),
    ],
)
def test_what_cannot_be_is_one_line(
    person: Person, arguments: list[str], line: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    person.bucket.ensure()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert recover.main(["-n", "x", *arguments]) == 2
    assert _error(capsys.readouterr().err).startswith(line)


def test_a_backup_that_is_not_there_is_refused_and_nothing_begins(
    cluster: str, person: Person, capsys: Output
) -> None:
    before = len(person.world.calls)
    assert recover.main(["-n", cluster, "--backup", "20200101-0000", "--yes"]) == 2
    assert "--backup: 20200101-0000: " in _error(capsys.readouterr().err)
    assert person.world.calls[before:] == []


def test_nothing_to_recover_from_is_told(cluster: str, person: Person, capsys: Output) -> None:
    person.world.store = []
    person.world.fail("take_backup", Fault.REFUSED)
    assert recover.main(["-n", cluster, "--yes"]) == 1
    assert f"{cluster} has no backups" in _error(capsys.readouterr().err)


def test_nothing_to_approve(cluster: str, capsys: Output) -> None:
    assert approve.main(["-n", cluster, "--yes"]) == 2
    assert f"--name: nothing of {cluster} waits for approval" in _error(capsys.readouterr().err)


def test_no_such_cluster_to_approve(person: Person, name: str, capsys: Output) -> None:
    assert approve.main(["-n", name, "--yes"]) == 2
    assert f"there is no cluster `{name}`" in _error(capsys.readouterr().err)


# --- asked ----------------------------------------------------------------------------------------


def test_the_plan_is_shown_and_no_changes_nothing(
    cluster: str, person: Person, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    before = len(person.world.calls)
    answer(monkeypatch, "n\n")
    assert recover.main(["-n", cluster, "--backup", OLDER]) == 0

    shown = capsys.readouterr()
    assert f"{cluster} is recovered from backup {OLDER} of {cluster} (20512 bytes, revision 100" in shown.out
    assert "what is lost: every change after 2021-10-02 10:14 UTC" in shown.out
    assert f"Recover {cluster}?" in shown.err
    assert "nothing was changed" in shown.err
    assert person.world.calls[before:] == []
    assert approve.main(["-n", cluster, "--yes"]) == 2, "the offer is withdrawn"


def test_yes_lets_it_begin_and_it_is_followed(
    cluster: str, person: Person, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    answer(monkeypatch, "y\n")
    assert recover.main(["-n", cluster, "--backup", OLDER]) == 0
    shown = capsys.readouterr()
    assert f"cluster {cluster}: recover done, Running" in shown.err
    assert f"recovered from backup {OLDER} of {cluster}" in person.world.index[cluster].notes


def test_what_nobody_answered_waits_for_approval(
    cluster: str, person: Person, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    answer(monkeypatch, "")
    assert recover.main(["-n", cluster, "--backup", OLDER]) == 130
    plan = capsys.readouterr().out

    answer(monkeypatch, "n\n")
    assert approve.main(["-n", cluster]) == 0
    shown = capsys.readouterr()
    assert shown.out == plan
    assert "nothing was changed; the offer stays" in shown.err
    assert "pause_backups" not in person.world.calls

    assert approve.main(["-n", cluster, "--yes"]) == 0
    assert f"cluster {cluster}: recover done, Running" in capsys.readouterr().err


# --- followed -------------------------------------------------------------------------------------


def test_a_recovery_that_fails_says_why_and_exits_1(cluster: str, person: Person, capsys: Output) -> None:
    person.world.fail("build_recovery_master", Fault.REFUSED)
    assert recover.main(["-n", cluster, "--yes"]) == 1
    line = _error(capsys.readouterr().err)
    assert line.startswith(f"wdrip: recover of {cluster} failed: ")
    assert line.endswith("everything is as it was before")


def test_consent_to_whatever_restores_is_followed_to_the_one_that_does(
    cluster: str, person: Person, capsys: Output
) -> None:
    person.world.bad_backups = {NEWEST}
    assert recover.main(["-n", cluster, "--yes"]) == 0
    assert f"recovered from backup {OLDER} of {cluster}" in person.world.index[cluster].notes
    assert f"cluster {cluster}: recover done, Running" in capsys.readouterr().err


def test_without_waiting_the_watch_command_is_named(cluster: str, capsys: Output) -> None:
    assert recover.main(["-n", cluster, "--yes", "--no-wait"]) == 0
    assert f"[ wdrip watch --name {cluster} ]" in capsys.readouterr().err


# --- the words ------------------------------------------------------------------------------------


def test_onto_another_cluster_it_is_said_what_is_replaced() -> None:
    plan = RecoveryPlan(
        target="new",
        source="old",
        backup=entry(OLDER, Standing.VERIFIED, name="old"),
        fallbacks=("20211002-1004",),
        refused=(f"backup {NEWEST} is not used: it is bad",),
        loss="every change after 10:14",
        wanted_masters=3,
        steps=recovery_steps(in_place=False),
    )
    assert describe(plan).splitlines() == [
        f"new becomes old: it is recovered from backup {OLDER} of old (20512 bytes, revision 100, "
        "verified: drill)",
        "what is lost: every change after 10:14",
        f"backup {NEWEST} is not used: it is bad",
        "what new holds now is backed up first, and then replaced",
        "older good backups: 20211002-1004",
        "a new master is built and proven beside the old machines; they are deleted last, when it serves and "
        "was backed up",
    ]
