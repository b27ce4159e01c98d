"""Backups of a real cluster: taken, restored as a drill, damaged, interrupted, and what stays of them."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from tests.e2e.conftest import GuideConfig
from tests.e2e.stack import BIN, Output, Stack
from wdrip import names
from wdrip.clients.backup_store import BackupStore
from wdrip.clients.oss import Bucket
from wdrip.security.bundle import SecretsBundle
from wdrip.security.sealing import load_key, unseal

pytestmark = [pytest.mark.machines, pytest.mark.timeout(600)]

NAME = "backed-up"
POLICY = "backup:\n  intervalSeconds: 86400\n  keep: 4\n  encrypt: true\n"
"""Rarely, so that no backup but the tests' own is likely to come."""

WHOLE = {"backup.json", "claim.json", "cluster.json", "secrets.sealed", "snapshot.db"}


class Cluster:
    """The cluster, and its backups as they lie in the bucket."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.bucket = Bucket(stack.provider)

    def back_up(self) -> str:
        """Take a backup; its date."""
        (row,) = _rows(self.stack.wdrip("backup", "-n", NAME))
        return row[2]

    def verify(self, date: str, fails: int = 0) -> Output:
        """Restore that one as a drill."""
        return self.stack.wdrip("backup", "verify", "-n", NAME, "--backup", date, fails=fails)

    def listed(self) -> dict[str, str]:
        """Date and VERIFIED of each backup, the newest first."""
        return {row[2]: row[-1] for row in _rows(self.list())}

    def list(self) -> Output:
        """`wdrip get -r backup`."""
        return self.stack.wdrip("get", "-r", "backup", "-n", NAME)

    def objects(self) -> dict[str, set[str]]:
        """Names of the objects of each date."""
        found: dict[str, set[str]] = {}
        for key in BackupStore(self.bucket, NAME).sizes():
            date, _, name = key.removeprefix(names.backup_folder(NAME)).partition("/")
            if name:
                found.setdefault(date, set()).add(name)
        return found

    def begin(self) -> "Popen[bytes]":
        """`wdrip backup` in the background, once the backup is under way."""
        before = set(self.objects())
        command = [str(BIN / "wdrip"), "backup", "-n", NAME]
        running = Popen(command, env=self.stack.environment, cwd=self.stack.home)
        self.stack.until(lambda: set(self.objects()) > before, 30, "the backup to have its date")
        return running


def _rows(output: Output) -> list[list[str]]:
    head, *rows = [line.split() for line in output.out.splitlines()]
    assert head[:4] == ["NAME", "PREFIX", "DATE", "PATH"]
    return rows


@pytest.fixture(scope="module")
def cluster(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running cluster without a backup. When it is deleted, its backups stay."""
    config = GuideConfig(stack, tmp_path_factory.mktemp("backups")).write(NAME)
    config.write_text(config.read_text() + POLICY)
    stack.wdrip("create", "--wait", "--config", str(config))
    cluster = Cluster(stack)
    yield cluster
    stack.admin.clear_faults()
    listed = cluster.listed()
    stack.wdrip("delete", "-n", NAME, "--keep-backups", "--yes", "--wait")
    assert cluster.listed() == listed


@pytest.fixture(scope="module")
def taken(cluster: Cluster) -> str:
    """The date of a backup that the schedule took."""
    cluster.stack.temporal("schedule", "trigger", "--schedule-id", names.backup_schedule_id(NAME))
    store = BackupStore(cluster.bucket, NAME)
    cluster.stack.until(lambda: bool(store.index().entries), 60, "the schedule's backup")
    return store.index().entries[0].date


def test_the_schedules_first_backup_is_restored_as_a_drill(cluster: Cluster, taken: str) -> None:
    cluster.stack.until(lambda: cluster.listed() == {taken: "restored"}, 60, "the drill")
    assert cluster.objects() == {taken: WHOLE}


def test_the_list_is_the_guides(cluster: Cluster, taken: str) -> None:
    output = cluster.list()
    assert output.out.splitlines()[0].split() == [
        *("NAME", "PREFIX", "DATE", "PATH"),
        *("SIZE", "REVISION", "VERIFIED"),
    ]
    row = _rows(output)[-1]
    path = f"wdrip/backup/{NAME}/{taken}/snapshot.db"
    assert row[:4] == [NAME, "wdrip/backup", taken, path]
    assert cluster.bucket.head(path) is not None
    assert re.fullmatch(r"\d+\.\d[KM]iB \d+ restored", " ".join(row[4:]))
    assert "warning" not in output.err


def test_a_drill_reads_what_was_written(cluster: Cluster, taken: str) -> None:
    said = cluster.verify(taken)
    assert re.search(
        rf"backup {taken} restores: it has revision \d+, \d+ keys, the marker that was written", said.err
    )


def test_what_lies_in_the_bucket_tells_nothing(cluster: Cluster, taken: str) -> None:
    content = cluster.bucket.get(names.backup_key(NAME, taken))
    assert content is not None
    assert b"/registry/" not in content
    provider, where = cluster.stack.provider, names.secrets_key(NAME)
    sealed = cluster.bucket.get(where)
    assert sealed is not None
    key = SecretsBundle.from_bytes(unseal(sealed, load_key(provider), where)).backup_key
    assert key not in cluster.stack.history(names.backup_workflow_id(NAME))
    logs = [path for path in cluster.stack.state.rglob("*.log") if path.is_file()]
    assert logs
    assert [path for path in logs if key.encode() in path.read_bytes()] == []


def test_the_cluster_itself_says_how_well_it_is_backed_up(cluster: Cluster, tmp_path: Path) -> None:
    stack, kubeconfig = cluster.stack, tmp_path / "config.txt"
    stack.wdrip("get", "-r", "kubeconfig", "-n", NAME, "-w", str(kubeconfig))

    def condition() -> dict[str, Any]:
        found = json.loads(stack.kubectl(kubeconfig, "get", "masterset", "masterset", "-o", "json"))
        conditions = found.get("status", {}).get("conditions", ())
        return next((each for each in conditions if each["type"] == "BackedUp"), {})

    stack.until(lambda: condition().get("status") == "True", 60, "the condition")
    assert condition()["reason"] in ("BackupExpected", "BackupRecent")


def test_each_damage_is_named_and_nothing_is_removed(cluster: Cluster, taken: str) -> None:
    path = names.backup_key(NAME, taken)
    content = cluster.bucket.get(path)
    assert content is not None
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    for damaged, reason in (
        (flipped, "its sha256 is not the one of the index"),
        (content[:-1], f"it has {len(content) - 1} bytes, not {len(content)}"),
        (b"", f"it has 0 bytes, not {len(content)}"),
        (None, "its object is missing from the bucket"),
    ):
        if damaged is None:
            cluster.bucket.delete(path)
        else:
            cluster.bucket.put(path, damaged)
        assert f"wdrip: backup {taken} of {NAME} is bad: {reason}" in cluster.verify(taken, fails=1).err
        assert cluster.bucket.get(path) == damaged
        said = cluster.list()
        assert f"warning: backup {taken} is bad: {reason}" in said.err
        assert _rows(said)[-1][-1] == "bad"
    cluster.bucket.put(path, content)
    cluster.verify(taken)
    assert cluster.listed()[taken] == "restored"


def test_a_damaged_index_is_named_and_mended(cluster: Cluster, taken: str) -> None:
    key = names.backup_index_key(NAME)
    listed = cluster.listed()
    cluster.bucket.put(key, b"{")
    assert f"warning: {key} is damaged" in cluster.list().err
    assert cluster.listed() == listed
    assert f"warning: {key} is damaged; it was written anew" in cluster.verify(taken).err
    assert key not in cluster.list().err.replace(f"[oss://{cluster.bucket.name}/{key}]", "")


def test_what_is_not_there_is_refused(cluster: Cluster, taken: str) -> None:
    said = cluster.verify("20211002-1024", fails=2).err
    assert f"wdrip: backup: {NAME} has no backup 20211002-1024; choose one of `wdrip get -r backup" in said


def test_two_at_once_are_one(cluster: Cluster, taken: str) -> None:
    before = set(cluster.listed())
    with ThreadPoolExecutor() as together:
        first, second = (together.submit(cluster.back_up) for _ in range(2))
        assert first.result() == second.result()
    assert set(cluster.listed()) - before == {first.result()}


def test_a_bucket_that_fails_for_a_while_only_delays_a_backup(cluster: Cluster, taken: str) -> None:
    admin, before = cluster.stack.admin, set(cluster.listed())
    away: dict[str, Any] = {"effect": "error", "count": None, "code": "ServiceUnavailable", "status": 503}

    def refused(action: str) -> bool:
        return any(call["status"] == 503 for call in admin.calls("oss", action))

    admin.add_fault("oss", "UploadPart", match={"key": "snapshot.db$"}, **away)
    try:
        running = cluster.begin()
        cluster.stack.until(lambda: refused("UploadPart"), 60, "the machine's upload to be refused")
        admin.add_fault("oss", "*", **away)
        cluster.stack.until(lambda: refused("ListObjectsV2"), 60, "the worker to be refused")
    finally:
        admin.clear_faults()
    assert running.wait(120) == 0
    assert len(set(cluster.listed()) - before) == 1
    assert set(map(frozenset, cluster.objects().values())) == {frozenset(WHOLE)}


@pytest.mark.parametrize("program", ["worker", "localcloud", "temporal"])
def test_a_crash_only_delays_a_backup(cluster: Cluster, taken: str, program: str) -> None:
    stack, before = cluster.stack, set(cluster.listed())
    running = cluster.begin()
    stack.kill(program)
    stack.wdrip("up")
    stack.until(lambda: set(cluster.listed()) != before, 120, "the backup")
    running.wait(120)
    stack.until(lambda: set(cluster.objects()) == set(cluster.listed()), 60, "what is too old to go")
    assert set(map(frozenset, cluster.objects().values())) == {frozenset(WHOLE)}
    assert len(set(cluster.listed()) - before) == 1


def test_four_stay_and_the_newest_that_was_restored(cluster: Cluster, taken: str) -> None:
    while taken in list(cluster.listed())[:4]:
        cluster.back_up()
    assert list(cluster.listed().values()) == ["structure"] * 4 + ["restored"]
    newest = cluster.back_up()
    cluster.verify(newest)
    cluster.back_up()
    listed = cluster.listed()
    assert list(listed.values()) == ["structure", "restored", "structure", "structure"]
    assert cluster.objects() == dict.fromkeys(listed, WHOLE)
