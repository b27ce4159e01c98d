"""`wdrip backup`, `wdrip backup verify`, `wdrip get -r backup`: what a person reads, and the exit codes."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from starters import backup, get
from tests.starters.conftest import Person
from tests.wdrip.backup_entries import entry
from tests.world.guide import guide_config
from tests.world.world import Fault
from wdrip import names
from wdrip.clients.backup_store import BackupStore
from wdrip.models.backup import DATE_FORMAT, BackupEntry, Standing, Verdict, VerdictKind
from wdrip.models.cluster import ClusterRecord, Phase, Versions

Output = pytest.CaptureFixture[str]

NEWEST, OLDER = "20211002-1024", "20211002-1014"


@pytest.fixture
def cluster(person: Person, name: str) -> str:
    """The name of a running cluster."""
    versions = Versions(kubernetes="1.20.2", etcd="3.4.23", runtime="containerd 1.6.20")
    long_ago = datetime(2021, 10, 1, tzinfo=UTC)
    record = ClusterRecord(
        name=name,
        uid="u1",
        provider="alibaba.test",
        region="cn-hangzhou",
        phase=Phase.RUNNING,
        config=guide_config(name),
        asked=versions,
        created=long_ago,
        updated=long_ago,
    )
    person.bucket.ensure()
    person.bucket.put(names.cluster_key(name), record.model_dump_json(by_alias=True).encode())
    person.world.index[name] = record
    return name


def stored(person: Person, cluster: str, *entries: BackupEntry) -> None:
    """Entries with objects of the right length."""
    for each in entries:
        person.bucket.put(each.path, bytes(each.size))
        BackupStore(person.bucket, cluster).enter(each)


def rows(capsys: Output) -> tuple[list[list[str]], str]:
    """The table's rows in words, and what stands on stderr."""
    captured = capsys.readouterr()
    head, *body = [line.split() for line in captured.out.splitlines()]
    assert head == ["NAME", "PREFIX", "DATE", "PATH", "SIZE", "REVISION", "VERIFIED"]
    return body, captured.err


def test_a_backup_now_is_shown_as_the_guide_lists_them(cluster: str, capsys: Output) -> None:
    assert backup.main(["-n", cluster]) == 0
    (row,), _ = rows(capsys)
    assert row[0] == cluster
    assert row[3] == f"wdrip/backup/{cluster}/{row[2]}/snapshot.db"


def test_a_backup_that_restores(cluster: str, capsys: Output) -> None:
    assert backup.main(["verify", "-n", cluster]) == 0
    (row,), err = rows(capsys)
    assert (row[2], row[-1]) == (NEWEST, "restored")
    assert f"backup {NEWEST} restores: it has revision 100, 40 keys, the marker" in err


def test_one_that_does_not_restore_is_bad_and_the_exit_code_says_so(
    person: Person, cluster: str, capsys: Output
) -> None:
    person.world.bad_backups.add(OLDER)
    assert backup.main(["verify", "-n", cluster, "--backup", OLDER]) == 1
    (row,), err = rows(capsys)
    assert (row[2], row[-1]) == (OLDER, "bad")
    assert err.splitlines()[-1] == f"wdrip: backup {OLDER} of {cluster} is bad: it does not restore"


def test_a_drill_that_could_not_be_done_says_nothing_of_the_backup(
    person: Person, cluster: str, capsys: Output
) -> None:
    person.world.fail("verify_backup", Fault.REFUSED)
    assert backup.main(["verify", "-n", cluster]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == "wdrip: verify_backup was refused by the simulated cloud"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "wdrip: Missing option '-n' / '--name'; see `wdrip backup -h`"),
        (["verify"], "wdrip: Missing option '-n' / '--name'; see `wdrip backup verify -h`"),
        (["-n", "c", "verify", "-n", "c"], "wdrip: write `-n c` behind `verify`; see `wdrip backup -h`"),
        (["restore", "-n", "c"], "wdrip: No such command 'restore'; see `wdrip backup -h`"),
    ],
)
def test_wrong_usage(arguments: list[str], line: str, capsys: Output) -> None:
    assert backup.main(arguments) == 2
    assert capsys.readouterr().err.splitlines() == [line]


@pytest.mark.parametrize("verb", [[], ["verify"]])
def test_no_such_cluster(verb: list[str], person: Person, name: str, capsys: Output) -> None:
    person.bucket.ensure()
    assert backup.main([*verb, "-n", name]) == 2
    assert f"wdrip: --name: there is no cluster `{name}`" in capsys.readouterr().err


def test_the_list_is_the_guides(person: Person, cluster: str, capsys: Output) -> None:
    stored(
        person,
        cluster,
        entry(NEWEST, Standing.SOUND, name=cluster),
        entry(OLDER, Standing.VERIFIED, name=cluster),
    )
    assert get.main(["-r", "backup", "-n", cluster]) == 0
    found, err = rows(capsys)
    path = f"wdrip/backup/{cluster}/{NEWEST}/snapshot.db"
    assert found[0] == [cluster, "wdrip/backup", NEWEST, path, "20.0KiB", "100", "structure"]
    assert (found[1][2], found[1][-1]) == (OLDER, "restored")
    assert "is bad" not in err
    assert re.search(
        rf"warning: BackupTooOld: \d+ missed; the last good backup is {NEWEST}, \d+ d( \d+ h)? old$",
        err,
        re.MULTILINE,
    )


def test_nothing_is_said_while_backups_come(person: Person, cluster: str, capsys: Output) -> None:
    now = datetime.now(UTC)
    restored = Verdict(verified_at=now, kind=VerdictKind.DRILL, ok=True)
    stored(
        person,
        cluster,
        entry(now.strftime(DATE_FORMAT), Standing.VERIFIED, name=cluster, taken_at=now, verdicts=[restored]),
    )
    assert get.main(["-r", "backup", "-n", cluster]) == 0
    assert "warning" not in rows(capsys)[1]


def test_the_list_names_what_is_wrong(person: Person, cluster: str, capsys: Output) -> None:
    three = [entry(date, name=cluster) for date in (NEWEST, OLDER, "20211002-1004")]
    stored(person, cluster, *three, entry("20211002-0954", Standing.BAD, name=cluster))
    person.bucket.delete(three[0].path)
    person.bucket.put(three[1].path, b"")
    person.bucket.put(names.backup_index_key(cluster), b"{")

    assert get.main(["-r", "backup", "-n", cluster]) == 0

    found, err = rows(capsys)
    assert [row[-1] for row in found] == ["bad", "bad", "structure", "bad"]
    assert f"warning: {names.backup_index_key(cluster)} is damaged; `wdrip backup verify -n {cluster}`" in err
    assert f"warning: backup {NEWEST} is bad: its object is missing from the bucket" in err
    assert f"warning: backup {OLDER} is bad: it has 0 bytes, not 20512" in err
    assert "warning: backup 20211002-0954 is bad: it does not restore" in err


def test_no_backups_yet(person: Person, cluster: str, tmp_path: Path, capsys: Output) -> None:
    assert get.main(["-r", "backup", "-n", cluster]) == 2
    assert f"wdrip: --name: cluster `{cluster}` has no backups yet; take one with" in capsys.readouterr().err
