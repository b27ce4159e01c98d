"""Taking, verifying and removing backups, upon a cloud in memory whose machines do what scripts would."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.backups import Backups
from activities.drills import Drills
from activities.tasks import BackupTask, VerifyTask
from tests.activities.conftest import Run
from tests.activities.scripted import ScriptedCloud, ScriptedMachines
from tests.activities.test_steps import REPORT
from tests.wdrip.backup_entries import entry
from tests.world.cloud import MemoryBucket
from tests.world.stocked import stock
from wdrip import names
from wdrip.clients.backup_store import BackupStore
from wdrip.clients.ecs import CommandResult
from wdrip.errors import InvalidInput, PermanentError, TemporaryError
from wdrip.models.backup import BackupEntry, BackupPolicy, Standing
from wdrip.models.backup_request import BackupRequest, Retained, Verified
from wdrip.models.cluster import ClusterRecord, Phase
from wdrip.nodes.backup_operations import UPLOAD_FAILED

SNAPSHOT = b"a snapshot of etcd"
CIPHERTEXT = b"what nobody can read"
WITHOUT_QUORUM = REPORT.replace('"health": true', '"health": false').replace(
    '"member_id": 2, "revision": 5', '"member_id": 2, "revision": 7'
)
"""Both members answer, at revisions 5 and 7, and neither reaches the other."""
DAMAGED = "its sha256 is not the one of the index"


@dataclass
class BackupMachines(ScriptedMachines):
    """A machine whose snapshot is SNAPSHOT, and that takes what lies in the bucket for good only if it is."""

    oss: MemoryBucket = field(default_factory=MemoryBucket)
    behind: bool = False
    """What is sent while a snapshot is taken does not arrive."""
    refused: str = ""
    """The operation whose transfer the bucket refuses."""

    def command_result(self, invocation_id: str, instance_id: str) -> CommandResult | None:
        _, name, content = self.commands[int(invocation_id.removeprefix("t-")) - 1]
        found = re.search(r"wdrip-index/(wdrip/backup/[^?\"]+)", content)
        output = "done"
        if name == self.refused:
            return CommandResult("t-1", instance_id, "Failed", UPLOAD_FAILED, "503", 0, "", "")
        if name == "take-snapshot":
            ahead = "" if self.behind else self._sent(content, SNAPSHOT)
            output = f"wdrip-parts {{{ahead}}}\nwdrip-result {_facts(content)}"
        elif name == "encrypt-snapshot":
            digest = hashlib.sha256(CIPHERTEXT).hexdigest()
            output = "wdrip-result " + json.dumps({"sha256": digest, "size": len(CIPHERTEXT)})
        elif name == "upload-parts":
            sealed = "WDRIP_FILE=snapshot.enc" in content
            output = f"wdrip-parts {{{self._sent(content, CIPHERTEXT if sealed else SNAPSHOT)}}}"
        elif name == "verify-snapshot" and found:
            good = CIPHERTEXT if "WDRIP_ENCRYPTED=yes" in content else SNAPSHOT
            ok = self.oss.objects[found[1]] == good
            output = "wdrip-result " + json.dumps({"ok": ok, "reason": "" if ok else DAMAGED})
        else:
            return super().command_result(invocation_id, instance_id)
        return CommandResult("t-1", instance_id, "Success", 0, output, 0, "", "")

    def _sent(self, content: str, file: bytes) -> str:
        """The file arrives in the bucket as the one part that it has."""
        found = re.search(r"\?partNumber=1&uploadId=([\w-]+)", content)
        if found is None:
            return ""
        self.oss.uploads[found[1]][1] = file
        return f'"1":"{hashlib.md5(file).hexdigest()}"'


def _facts(content: str) -> str:
    marker = re.search(r"WDRIP_MARKER=(\S+)", content)
    assert marker
    writes = "WDRIP_QUORUM=yes" in content
    return json.dumps(
        {
            "sha256": hashlib.sha256(SNAPSHOT).hexdigest(),
            "size": len(SNAPSHOT),
            "revision": 100,
            "total_keys": 50,
            "live_keys": 40 if writes else None,
            "marker": marker[1] if writes else "",
            "etcd_version": "3.4.23",
        }
    )


@pytest.fixture
def cloud(tmp_path: Path) -> ScriptedCloud:
    made = ScriptedCloud(tmp_path)
    stock(made)
    made.machines = BackupMachines(report=REPORT, oss=made.oss)
    return made


@pytest.fixture
def record(cloud: ScriptedCloud, record: ClusterRecord) -> ClusterRecord:
    """A running cluster of two masters that keeps two backups."""
    config = record.config.model_copy(update={"backup": BackupPolicy(keep=2)})
    running = record.model_copy(update={"phase": Phase.RUNNING, "config": config})
    cloud.oss.objects[names.secrets_key(record.name)] = b"sealed"
    text = running.model_dump_json(by_alias=True).encode()
    cloud.oss.objects[names.cluster_key(record.name)] = text
    tags = {names.TAG_CLUSTER: record.name, names.TAG_CLUSTER_UID: record.uid}
    for name in ("i-m1", "i-m2"):
        cloud.machines.add(name, tags, names.ROLE_MASTER)
    return running


@dataclass
class Keeper:
    """The activities, as the workflows call them."""

    cloud: ScriptedCloud
    run: Run
    record: ClusterRecord

    @property
    def store(self) -> BackupStore:
        return BackupStore(self.cloud.bucket(""), self.record.name)

    @property
    def objects(self) -> dict[str, bytes]:
        return self.cloud.oss.objects

    def take(self, attempt: str, *, from_survivor: bool = False) -> BackupEntry:
        task = BackupTask(
            record=self.record, reason="by hand", attempt_id=attempt, from_survivor=from_survivor
        )
        entry: BackupEntry = self.run(Backups(self.cloud.clients()).take_backup, task)
        return entry

    def retain(self) -> Retained:
        retained: Retained = self.run(Backups(self.cloud.clients()).retain_backups, self.record)
        return retained

    def verify(self, date: str = "") -> Verified:
        task = VerifyTask(record=self.record, date=date)
        verified: Verified = self.run(Drills(self.cloud.clients()).verify_backup, task)
        return verified

    def due(self) -> str:
        request = BackupRequest(cluster=self.record.name, provider="alibaba.test", reason="on schedule")
        date: str = self.run(Drills(self.cloud.clients()).find_due_drill, request)
        return date

    def keys(self, date: str) -> list[str]:
        folder = f"{names.backup_folder(self.record.name)}{date}/"
        return [key.removeprefix(folder) for key in sorted(self.objects) if key.startswith(folder)]


@pytest.fixture
def keeper(cloud: ScriptedCloud, run: Run, record: ClusterRecord) -> Keeper:
    return Keeper(cloud, run, record)


EVERYTHING = ["backup.json", "claim.json", "cluster.json", "secrets.sealed", "snapshot.db"]


def test_a_backup_lies_whole_in_the_bucket_and_was_looked_at(keeper: Keeper) -> None:
    entry = keeper.take("first")
    assert keeper.keys(entry.date) == EVERYTHING
    assert keeper.objects[entry.path] == SNAPSHOT
    assert entry.standing is Standing.SOUND
    assert keeper.store.index().entries == (entry,)
    assert entry.member == "192.168.0.2.i-m2", "the follower"


def test_an_attempt_that_is_repeated_gives_the_same_backup(keeper: Keeper) -> None:
    assert keeper.take("first") == keeper.take("first")
    assert len(keeper.store.index().entries) == 1


def test_a_bucket_that_comes_back_gets_the_snapshot_that_was_taken(
    keeper: Keeper, cloud: ScriptedCloud
) -> None:
    assert isinstance(cloud.machines, BackupMachines)
    cloud.machines.behind, cloud.machines.refused = True, "upload-parts"
    with pytest.raises(TemporaryError, match="upload failed: 503"):
        keeper.take("first")
    assert keeper.store.index().entries == ()
    later = datetime.now(UTC)
    cloud.machines.refused = ""
    entry = keeper.take("first")
    assert entry.taken_at < later < entry.uploaded_at
    assert keeper.keys(entry.date) == EVERYTHING
    assert cloud.oss.uploads == {}


def commands(cloud: ScriptedCloud) -> list[str]:
    return [name for _, name, _ in cloud.machines.commands]


def test_what_arrived_while_it_was_taken_is_not_sent_again(keeper: Keeper, cloud: ScriptedCloud) -> None:
    keeper.take("first")
    assert commands(cloud) == ["list-etcd-members", "take-snapshot", "discard-snapshot"]


@pytest.mark.parametrize("completed", [False, True], ids=["sent", "put together"])
def test_a_machine_that_has_sent_it_is_needed_no_more(
    keeper: Keeper, cloud: ScriptedCloud, monkeypatch: pytest.MonkeyPatch, completed: bool
) -> None:
    complete = MemoryBucket.complete_parts

    def dies(self: MemoryBucket, *args: Any) -> None:
        if completed:
            complete(self, *args)
        raise TemporaryError("the worker's end")

    monkeypatch.setattr(MemoryBucket, "complete_parts", dies)
    with pytest.raises(TemporaryError, match="the worker's end"):
        keeper.take("first")
    monkeypatch.undo()
    cloud.machines.broken = {"i-m1", "i-m2"}
    entry = keeper.take("first")
    assert entry.standing is Standing.SOUND
    assert keeper.objects[entry.path] == SNAPSHOT
    assert keeper.keys(entry.date) == EVERYTHING


def test_an_upload_that_was_aborted_is_no_backup(
    keeper: Keeper, cloud: ScriptedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = MemoryBucket.complete_parts

    def too_late(self: MemoryBucket, key: str, upload_id: str, etags: Mapping[int, str]) -> None:
        self.abort_parts(key, upload_id)
        complete(self, key, upload_id, etags)

    monkeypatch.setattr(MemoryBucket, "complete_parts", too_late)
    with pytest.raises(PermanentError, match="did not arrive whole in the bucket; take another"):
        keeper.take("first")
    assert keeper.store.index().entries == ()


def test_another_machine_sends_its_own_snapshot_from_the_start(keeper: Keeper, cloud: ScriptedCloud) -> None:
    assert isinstance(cloud.machines, BackupMachines)
    cloud.machines.behind, cloud.machines.refused = True, "upload-parts"
    with pytest.raises(TemporaryError, match="upload failed: 503"):
        keeper.take("first")
    (begun,) = cloud.oss.uploads
    cloud.machines.refused = ""
    cloud.machines.machines["i-m2"] = replace(cloud.machines.machines["i-m2"], status="Stopped")
    entry = keeper.take("first")
    assert entry.member == "192.168.0.1.i-m1"
    assert cloud.oss.aborted == [(entry.path, begun)]


def test_one_that_is_to_be_encrypted_never_lies_in_clear_in_the_bucket(keeper: Keeper) -> None:
    policy = BackupPolicy(encrypt=True)
    config = keeper.record.config.model_copy(update={"backup": policy})
    keeper.record = keeper.record.model_copy(update={"config": config})
    entry = keeper.take("first")
    assert entry.encrypted
    assert entry.sha256 == hashlib.sha256(SNAPSHOT).hexdigest()
    assert entry.stored.size == len(CIPHERTEXT)
    assert keeper.objects[entry.path] == CIPHERTEXT
    assert SNAPSHOT not in keeper.objects.values()
    assert keeper.verify().entry.standing is Standing.VERIFIED
    keeper.objects[entry.path] = CIPHERTEXT[:-1]
    assert keeper.verify().entry.complaint == "it has 19 bytes, not 20"


def test_as_many_stay_as_the_policy_keeps(keeper: Keeper) -> None:
    dates = [keeper.take(str(number)).date for number in range(5)]
    assert keeper.retain() == Retained(removed=(dates[2], dates[1], dates[0]))
    assert [each.date for each in keeper.store.index().entries] == [dates[4], dates[3]]
    assert [keeper.keys(date) for date in dates] == [[], [], [], EVERYTHING, EVERYTHING]


def test_a_drill_restores_the_newest_and_its_verdict_stands_beside_it(keeper: Keeper) -> None:
    keeper.take("first")
    newest = keeper.take("second")
    verified = keeper.verify()
    assert (verified.entry.date, verified.entry.standing) == (newest.date, Standing.VERIFIED)
    assert keeper.store.entry(newest.date) == keeper.store.index().dated(newest.date) == verified.entry
    assert keeper.keys(newest.date) == EVERYTHING
    assert keeper.cloud.machines.commands[-1][1] == "verify-snapshot"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"A snapshot of etcd", DAMAGED),
        (SNAPSHOT[:-1], "it has 17 bytes, not 18"),
        (b"", "it has 0 bytes, not 18"),
        (None, "its object is missing from the bucket"),
    ],
    ids=["byte flipped", "truncated", "empty", "missing"],
)
def test_a_bad_one_is_found_and_stays_for_a_look(keeper: Keeper, content: bytes | None, reason: str) -> None:
    entry = keeper.take("first")
    if content is None:
        del keeper.objects[entry.path]
    else:
        keeper.objects[entry.path] = content
    found = keeper.verify(entry.date).entry
    assert (found.standing, found.complaint) == (Standing.BAD, reason)
    assert keeper.store.index().entries == (found,)
    assert keeper.objects.get(entry.path) == content


def test_a_bad_one_that_was_mended_is_good_again(keeper: Keeper) -> None:
    entry = keeper.take("first")
    keeper.objects[entry.path] = b"A snapshot of etcd"
    assert keeper.verify().entry.standing is Standing.BAD
    keeper.objects[entry.path] = SNAPSHOT
    assert keeper.verify().entry.standing is Standing.VERIFIED


@pytest.mark.parametrize("index", [b"{", None], ids=["damaged", "missing"])
def test_a_broken_index_is_told_and_written_anew(keeper: Keeper, index: bytes | None) -> None:
    dates = [keeper.take(str(number)).date for number in range(2)]
    key = names.backup_index_key(keeper.record.name)
    keeper.objects.pop(key)
    if index is not None:
        keeper.objects[key] = index
    assert keeper.verify(dates[0]).mended == f"{key} is {'damaged' if index else 'missing'}"
    assert keeper.verify().mended == ""
    assert [each.date for each in keeper.store.index().entries] == dates[::-1]


def test_an_entry_that_is_damaged_is_taken_from_the_index(keeper: Keeper) -> None:
    dates = [keeper.take(str(number)).date for number in range(2)]
    keeper.objects[names.backup_entry_key(keeper.record.name, dates[0])] = b"{"
    keeper.take("third")
    keeper.retain()
    assert keeper.store.index().dated(dates[0]) is None, "only two are kept"
    keeper.objects[names.backup_entry_key(keeper.record.name, dates[1])] = b"{"
    assert keeper.verify(dates[1]).entry.standing is Standing.VERIFIED
    entry = keeper.store.entry(dates[1])
    assert entry is not None
    assert entry.standing is Standing.VERIFIED


def test_one_whose_snapshot_is_gone_leaves_the_index_and_is_told(keeper: Keeper) -> None:
    dates = [keeper.take(str(number)).date for number in range(2)]
    del keeper.objects[names.backup_key(keeper.record.name, dates[0])]
    assert keeper.retain() == Retained(lost=(dates[0],))
    assert [each.date for each in keeper.store.index().entries] == [dates[1]]
    assert keeper.keys(dates[0]) == []


def test_the_parts_of_an_upload_that_was_given_up_go_with_it(keeper: Keeper, cloud: ScriptedCloud) -> None:
    date, claim = keeper.store.claim("given up", datetime.now(UTC))
    keeper.store.note(date, claim.model_copy(update={"upload_id": "upload-1"}))
    assert keeper.retain() == Retained()
    assert keeper.keys(date) == ["claim.json"], "it may still go on"
    keeper.store.delete(names.backup_claim_key(keeper.record.name, date))
    assert cloud.oss.aborted == [(names.backup_key(keeper.record.name, date), "upload-1")]
    assert keeper.keys(date) == []


def test_what_is_being_verified_is_not_removed(keeper: Keeper) -> None:
    entry = keeper.take("first")
    with keeper.store.held(entry.date):
        for number in range(4):
            keeper.take(str(number))
        assert entry.date not in keeper.retain().removed
    assert entry.date in keeper.retain().removed
    assert keeper.keys(entry.date) == []


def test_one_that_goes_while_it_is_looked_at_does_not_come_back(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = keeper.take("first")
    judge = BackupStore.judge

    def too_late(self: BackupStore, *args: Any) -> BackupEntry | None:
        for key in keeper.store.sizes():
            keeper.store.delete(key)
        return judge(self, *args)

    monkeypatch.setattr(BackupStore, "judge", too_late)
    with pytest.raises(PermanentError, match=f"backup {entry.date} of c1 was removed while it was looked at"):
        keeper.verify()
    assert keeper.keys(entry.date) == []


def test_what_is_not_there_cannot_be_verified(keeper: Keeper) -> None:
    with pytest.raises(InvalidInput, match="c1 has no backups; take one"):
        keeper.verify()
    keeper.take("first")
    with pytest.raises(InvalidInput, match="backup: c1 has no backup 20211002-1024; choose one of"):
        keeper.verify("20211002-1024")


def test_a_drill_is_due_when_the_policy_wants_one(keeper: Keeper) -> None:
    assert keeper.due() == ""
    entry = keeper.take("first")
    assert keeper.due() == entry.date
    keeper.verify()
    assert keeper.due() == ""


# --- before a recovery ----------------------------------------------------------------------------


@pytest.fixture
def survivors(keeper: Keeper) -> Keeper:
    """A cluster whose members have lost each other."""
    keeper.cloud.machines.report = WITHOUT_QUORUM
    return keeper


def enter(keeper: Keeper, date: str, standing: Standing, **facts: Any) -> None:
    keeper.store.enter(entry(date, standing, **{"name": "c1", "cluster_uid": "uid-1", **facts}))


def test_the_living_member_that_holds_most_is_saved_without_a_marker(survivors: Keeper) -> None:
    enter(survivors, "20211002-1014", Standing.SOUND, revision=6)
    saved = survivors.take("first", from_survivor=True)
    assert (saved.member, saved.marker, saved.live_keys) == ("192.168.0.2.i-m2", "", None)
    assert saved.standing is Standing.SOUND
    with pytest.raises(TemporaryError, match="no etcd member is healthy"):
        survivors.take("on schedule")


def test_what_is_backed_up_already_is_not_saved_again(survivors: Keeper) -> None:
    enter(survivors, "20211002-1014", Standing.SOUND, revision=7)
    with pytest.raises(PermanentError, match="no living member of etcd holds more than revision 7"):
        survivors.take("first", from_survivor=True)
    assert "take-snapshot" not in [name for _, name, _ in survivors.cloud.machines.commands]


@pytest.mark.parametrize(
    ("standing", "facts"),
    [
        (Standing.BAD, {}),
        (Standing.UNVERIFIED, {}),
        (Standing.SOUND, {"cluster_uid": "uid-former"}),
    ],
    ids=["bad", "not looked at", "of a former cluster of the name"],
)
def test_a_backup_that_could_not_be_restored_holds_nothing(
    survivors: Keeper, standing: Standing, facts: dict[str, Any]
) -> None:
    enter(survivors, "20211002-1024", standing, revision=99, **facts)
    assert survivors.take("first", from_survivor=True).good


def test_with_a_quorum_it_is_a_backup_as_ever(keeper: Keeper) -> None:
    enter(keeper, "20211002-1014", Standing.SOUND, revision=99)
    assert keeper.take("first", from_survivor=True).marker.startswith("uid-1/")


def test_what_no_master_tells_is_not_waited_for(keeper: Keeper) -> None:
    keeper.cloud.machines.broken = {"i-m1", "i-m2"}
    with pytest.raises(PermanentError, match="no master tells etcd's members"):
        keeper.take("first", from_survivor=True)
    with pytest.raises(TemporaryError, match="no master tells etcd's members"):
        keeper.take("second")
