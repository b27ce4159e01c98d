"""Snapshots of a real etcd: taken, looked at when whole and when damaged in every way, restored."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from localcloud.images import default_cache
from tests.wdrip.nodes.etcd_machine import LEADERS_LEASE, EtcdMachine
from tests.wdrip.nodes.put_server import PutServer, put_server
from tests.wdrip.nodes.sandbox import Result
from wdrip import names
from wdrip.models.backup import BackupEntry, SnapshotFacts, Verdict, VerdictKind
from wdrip.nodes import backup_operations as backups
from wdrip.nodes import operations
from wdrip.nodes.operations import launch
from wdrip.nodes.package import DEFAULT_VERSION, build_package
from wdrip.nodes.package.extract import extract_program
from wdrip.security.bundle import SecretsBundle

# They need the software package.
pytestmark = pytest.mark.machines

DATE = "20211002-1024"
NOW = datetime(2021, 10, 2, 10, 24, tzinfo=UTC)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    built = build_package(default_cache(), DEFAULT_VERSION, print)
    for program in ("etcd", "etcdctl"):
        extract_program(built, program, folder / program)
    return folder


@pytest.fixture(scope="module")
def bundle() -> SecretsBundle:
    return SecretsBundle.new("abcdef.0123456789abcdef")


@pytest.fixture(scope="module")
def master(
    tmp_path_factory: pytest.TempPathFactory, programs: Path, bundle: SecretsBundle
) -> Iterator[EtcdMachine]:
    """A machine with a running etcd."""
    with closing(EtcdMachine(tmp_path_factory.mktemp("master"), programs, bundle)) as machine:
        machine.start_etcd()
        yield machine


@pytest.fixture(scope="module")
def snapshot(master: EtcdMachine) -> tuple[bytes, SnapshotFacts]:
    """A good snapshot and what the machine said of it."""
    result = master.launch(backups.take_snapshot(DATE, master.ip, "uid"))
    assert result.code == 0, result.output
    facts = backups.taken(result.output)
    return master.path(f"/var/lib/wdrip/snapshots/{DATE}/snapshot.db").read_bytes(), facts


@pytest.fixture
def fresh(tmp_path: Path, programs: Path, bundle: SecretsBundle) -> Iterator[EtcdMachine]:
    """A machine whose etcd was never started."""
    with closing(EtcdMachine(tmp_path, programs, bundle)) as machine:
        yield machine


def entry(facts: SnapshotFacts, **changes: object) -> BackupEntry:
    return BackupEntry.model_validate(
        {
            **facts.model_dump(),
            "name": "kubernetes-id-001",
            "cluster_uid": "uid",
            "date": DATE,
            "path": names.backup_key("kubernetes-id-001", DATE),
            "kubernetes_version": "v1.20.2",
            "taken_at": NOW,
            "member": "m",
            "uploaded_at": NOW,
            **changes,
        }
    )


def served(folder: Path, content: bytes) -> str:
    path = folder / "object"
    path.write_bytes(content)
    return f"file://{path}"


def looked_at(machine: EtcdMachine, content: bytes, claims: BackupEntry) -> Verdict:
    result = machine.launch(backups.verify_snapshot(claims, served(machine.folder, content)))
    assert result.code == 0, result.output
    return backups.verdict_of(result.output, NOW)


def test_the_facts_are_those_of_the_member(
    master: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts]
) -> None:
    content, facts = snapshot
    assert facts.sha256 == hashlib.sha256(content).hexdigest()
    assert facts.size == len(content)
    assert facts.etcd_version == "3.4.23"
    # Four pods are left of five, a lease and the marker.
    assert facts.live_keys == 6
    assert facts.marker == f"uid/{DATE}"
    # Six puts, one deletion and the marker after revision 1.
    assert facts.revision == 9


def test_a_snapshot_is_for_root_only(master: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts]) -> None:
    folder = master.path(f"/var/lib/wdrip/snapshots/{DATE}")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "snapshot.db").stat().st_mode & 0o077 == 0


def test_a_lost_reply_gives_the_same_snapshot(
    master: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts]
) -> None:
    again = master.launch(backups.take_snapshot(DATE, master.ip, "uid"))
    assert backups.taken(again.output) == snapshot[1]


def test_a_survivor_gives_a_snapshot_without_writing(master: EtcdMachine) -> None:
    before = master.etcdctl("get", backups.MARKER_KEY, "--print-value-only")
    result = master.launch(backups.take_snapshot("20211002-1100", master.ip, "uid", quorum=False))
    facts = backups.taken(result.output)
    assert (facts.marker, facts.live_keys) == ("", None)
    assert master.etcdctl("get", backups.MARKER_KEY, "--print-value-only") == before


# Saves the snapshot elsewhere, and writes what lies behind its first part when that has been sent.
_SLOW_SAVE = """#!/bin/bash
real={programs}/etcdctl
[[ "$*" == *"snapshot save"* ]] || exec $real "$@"
for word; do [[ $word == */snapshot.db ]] && file=$word; done
$real "${{@/#$file/$file.whole}}" >&2 || exit
head -c {part} $file.whole >$file.part
for _ in {{1..200}}; do
    [[ -s ${{file%/*}}/sent.upload-1.1 ]] && break
    sleep 0.1
done
[[ -s ${{file%/*}}/sent.upload-1.1 ]] || exit 1
tail -c +{behind} $file.whole | {damage} >>$file.part
rm $file.whole
mv $file.part $file
"""
PART = 8192


@contextmanager
def slow_save(master: EtcdMachine, programs: Path, damage: str = "cat") -> Iterator[None]:
    """`etcdctl snapshot save` that writes the first part, and goes on when that has arrived."""
    program = master.path("/usr/local/sbin/etcdctl")
    text = program.read_text()
    master.program("etcdctl", _SLOW_SAVE.format(programs=programs, part=PART, behind=PART + 1, damage=damage))
    try:
        yield
    finally:
        master.program("etcdctl", text)


def taken_in_parts(master: EtcdMachine, server: PutServer, date: str) -> Result:
    urls = {number: server.url(f"/{number}") for number in range(1, 20)}
    return master.launch(
        backups.take_snapshot(date, master.ip, "uid", upload_id="upload-1", urls=urls, part_bytes=PART)
    )


def test_parts_are_sent_while_it_is_written(master: EtcdMachine, programs: Path) -> None:
    with put_server() as server, slow_save(master, programs):
        result = taken_in_parts(master, server, "20211002-1400")
    assert result.code == 0, result.output
    content = master.path("/var/lib/wdrip/snapshots/20211002-1400/snapshot.db").read_bytes()
    assert backups.taken(result.output).sha256 == hashlib.sha256(content).hexdigest()
    parts = {1 + start // PART: content[start : start + PART] for start in range(0, len(content), PART)}
    assert len(parts) > 2
    assert server.objects == {f"/{number}": part for number, part in parts.items()}
    md5 = {number: hashlib.md5(part).hexdigest() for number, part in parts.items()}
    assert backups.arrived_parts(result.output) == md5


def test_a_bucket_that_refuses_does_not_hinder_it(master: EtcdMachine) -> None:
    with put_server() as server:
        server.statuses = [403] * 9
        result = taken_in_parts(master, server, "20211002-1410")
    assert result.code == 0, result.output
    assert backups.arrived_parts(result.output) == {}
    assert backups.taken(result.output).size > 0


def test_what_was_written_wrong_is_told(master: EtcdMachine, programs: Path) -> None:
    with put_server() as server, slow_save(master, programs, damage="tr r R"):
        result = taken_in_parts(master, server, "20211002-1420")
    assert result.code == backups.SNAPSHOT_CORRUPTED
    assert "does not have the hash that etcd gave it" in result.output


def test_one_that_breaks_off_is_told(master: EtcdMachine) -> None:
    real = master.path("/usr/local/sbin/etcdctl").read_text()
    master.program("etcdctl", real.replace("exec", '[[ "$*" != *"snapshot save"* ]] || exit 1\nexec'))
    try:
        with put_server() as server:
            result = taken_in_parts(master, server, "20211002-1430")
    finally:
        master.program("etcdctl", real)
    assert result.code == operations.NOT_IN_TIME
    assert "no snapshot" in result.output
    assert server.objects == {}


def test_a_dead_member_is_told(fresh: EtcdMachine) -> None:
    result = fresh.launch(backups.take_snapshot(DATE, fresh.ip, "uid"))
    assert result.code == operations.NOT_IN_TIME
    assert "does not answer" in result.output


def test_a_full_disk_is_told_before_anything_is_written(master: EtcdMachine) -> None:
    master.program("df", "#!/bin/bash\necho Avail\necho 1000\n")
    try:
        result = master.launch(backups.take_snapshot("20211002-1200", master.ip, "uid"))
    finally:
        master.path("/usr/local/sbin/df").unlink()
    assert result.code == backups.NO_SPACE
    assert "1000 are free" in result.output


def test_discarded_means_gone(master: EtcdMachine) -> None:
    master.launch(backups.take_snapshot("20211002-1300", master.ip, "uid"))
    folder = master.path("/var/lib/wdrip/snapshots/20211002-1300")
    assert folder.exists()
    assert [master.launch(backups.discard_snapshot("20211002-1300")).code for _ in range(2)] == [0, 0]
    assert not folder.exists()


def test_a_good_backup_passes(fresh: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts]) -> None:
    content, facts = snapshot
    expected = Verdict(verified_at=NOW, kind=VerdictKind.DRILL, ok=True)
    assert looked_at(fresh, content, entry(facts)) == expected


def test_a_drill_leaves_nothing_behind(fresh: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts]) -> None:
    looked_at(fresh, snapshot[0], entry(snapshot[1]))
    assert list(fresh.path("/var/lib/wdrip/snapshots").iterdir()) == []
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [line for line in running if b"unix://client:1" in line]


def own_hash_mended(content: bytes) -> bytes:
    return content[:-32] + hashlib.sha256(content[:-32]).digest()


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def pages_zeroed(content: bytes) -> bytes:
    """Everything behind the database's first two pages, which name the others."""
    return own_hash_mended(content[:8192] + bytes(len(content) - 8192))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flipped, "its sha256 is not the one of the index"),
        (lambda content: content[:-512], "bytes, not "),
        (lambda content: b"", "it has 0 bytes, not "),
    ],
    ids=["a byte flipped", "truncated", "empty"],
)
def test_a_damaged_object_is_bad(
    fresh: EtcdMachine,
    snapshot: tuple[bytes, SnapshotFacts],
    damage: Callable[[bytes], bytes],
    reason: str,
) -> None:
    content, facts = snapshot
    verdict = looked_at(fresh, damage(content), entry(facts))
    assert not verdict.ok
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("damage", "reason"),
    [(flipped, "the hash that etcd gave it"), (pages_zeroed, "its structure is damaged")],
    ids=["before it was hashed", "inside"],
)
def test_damage_that_the_index_does_not_know_of_is_bad(
    fresh: EtcdMachine,
    snapshot: tuple[bytes, SnapshotFacts],
    damage: Callable[[bytes], bytes],
    reason: str,
) -> None:
    content, facts = damage(snapshot[0]), snapshot[1]
    claims = entry(facts, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    verdict = looked_at(fresh, content, claims)
    assert not verdict.ok
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        # etcd may have taken a write twice: it is told again when its answer was late.
        ({"revision": 99}, ", not 99"),
        ({"live_keys": 7}, "it has 6 keys, not 7"),
        ({"marker": "another/20211002-1024"}, "lacks the marker"),
    ],
)
def test_another_database_than_the_index_says_is_bad(
    fresh: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts], claim: dict[str, object], reason: str
) -> None:
    content, facts = snapshot
    verdict = looked_at(fresh, content, entry(facts, **claim))
    assert not verdict.ok
    assert reason in verdict.reason


def test_a_missing_object_is_no_verdict(fresh: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts]) -> None:
    fresh.program("sleep", "#!/bin/bash\n[[ $1 == 0.* ]] && exec /bin/sleep $1; exit 0\n")
    url = f"file://{fresh.folder}/missing"
    result = fresh.launch(backups.verify_snapshot(entry(snapshot[1]), url))
    assert result.code == operations.DOWNLOAD_FAILED


def test_restored_is_a_new_cluster_with_the_old_keys(
    master: EtcdMachine, fresh: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts]
) -> None:
    content, facts = snapshot
    url = served(fresh.folder, content)
    fresh.launch(backups.verify_snapshot(entry(facts), url, keep=True))
    # What was proven is what is restored: nothing is fetched a second time.
    (fresh.folder / "object").unlink()
    operation = backups.restore_etcd(entry(facts), url, fresh.name, fresh.ip, "token-2")
    result = fresh.launch(operation)
    assert result.code == 0, result.output
    found = backups.restored(result.output)
    assert found.revision >= facts.revision
    assert (found.live_keys, found.bumped) == (6, False)
    assert fresh.etcdctl("get", "/registry/pods/p3", "--print-value-only") == "value 3\n"
    # Nobody waits for a leader that is not there.
    assert fresh.etcdctl("get", LEADERS_LEASE) == ""
    members = fresh.etcdctl("member", "list").splitlines()
    assert len(members) == 1
    assert members[0].split(", ")[0] not in master.etcdctl("member", "list")


def test_restoring_again_takes_nothing_back(
    fresh: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts]
) -> None:
    content, facts = snapshot
    url = served(fresh.folder, content)
    assert fresh.launch(backups.restore_etcd(entry(facts), url, fresh.name, fresh.ip, "token-2")).code == 0
    fresh.etcdctl("put", "/registry/pods/new", "written since")
    # Another digest, as after an update of wdrip in the middle of a recovery.
    operation = backups.restore_etcd(entry(facts, marker=""), url, fresh.name, fresh.ip, "token-2")
    again = fresh.launch(operation)
    assert again.code == 0, again.output
    assert "restored here before" in again.output
    assert fresh.etcdctl("get", "/registry/pods/new", "--print-value-only") == "written since\n"


def test_data_from_elsewhere_are_left_alone(
    fresh: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts]
) -> None:
    content, facts = snapshot
    fresh.start_etcd()
    fresh.etcdctl("put", "/registry/pods/own", "precious")
    operation = backups.restore_etcd(
        entry(facts), served(fresh.folder, content), fresh.name, fresh.ip, "token-2"
    )
    result = fresh.launch(operation)
    assert result.code == backups.DATA_IN_THE_WAY
    assert fresh.etcdctl("get", "/registry/pods/own", "--print-value-only") == "precious\n"


def test_a_restore_cut_short_begins_anew(fresh: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts]) -> None:
    content, facts = snapshot
    left = fresh.path("/var/lib/etcd/member-data.restoring")
    left.mkdir(parents=True)
    (left / "half").write_text("of a database")
    operation = backups.restore_etcd(
        entry(facts), served(fresh.folder, content), fresh.name, fresh.ip, "token-2"
    )
    result = fresh.launch(operation)
    assert result.code == 0, result.output
    assert not left.exists()


def test_a_damaged_object_is_not_restored(fresh: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts]) -> None:
    content, facts = snapshot
    url = served(fresh.folder, flipped(content))
    result = fresh.launch(backups.restore_etcd(entry(facts), url, fresh.name, fresh.ip, "token-2"))
    assert result.code == backups.SNAPSHOT_CORRUPTED
    assert not fresh.path("/var/lib/etcd/member-data").exists()


@pytest.fixture(scope="module")
def encrypted(master: EtcdMachine, snapshot: tuple[bytes, SnapshotFacts]) -> tuple[bytes, BackupEntry]:
    """That snapshot as its machine encrypts it, and the entry of it."""
    result = master.launch(backups.encrypt_snapshot(DATE))
    assert result.code == 0, result.output
    content = master.path(f"/var/lib/wdrip/snapshots/{DATE}/snapshot.enc").read_bytes()
    return content, entry(snapshot[1], ciphertext=backups.sealed(result.output))


def test_an_encrypted_one_tells_nothing_and_its_facts_are_right(
    snapshot: tuple[bytes, SnapshotFacts], encrypted: tuple[bytes, BackupEntry], bundle: SecretsBundle
) -> None:
    content, claims = encrypted
    assert b"/registry/pods/p3" in snapshot[0]
    assert b"/registry/pods" not in content
    assert bundle.backup_key.encode() not in content
    assert claims.stored.sha256 == hashlib.sha256(content).hexdigest()
    assert claims.stored.size == len(content)
    assert claims.sha256 == hashlib.sha256(snapshot[0]).hexdigest()


def test_an_encrypted_one_passes_on_any_master_of_the_cluster(
    fresh: EtcdMachine, encrypted: tuple[bytes, BackupEntry]
) -> None:
    assert looked_at(fresh, *encrypted).ok
    assert list(fresh.path("/var/lib/wdrip/snapshots").iterdir()) == []


def test_an_encrypted_one_is_restored(fresh: EtcdMachine, encrypted: tuple[bytes, BackupEntry]) -> None:
    content, claims = encrypted
    url = served(fresh.folder, content)
    result = fresh.launch(backups.restore_etcd(claims, url, fresh.name, fresh.ip, "token-2"))
    assert result.code == 0, result.output
    assert fresh.etcdctl("get", "/registry/pods/p3", "--print-value-only") == "value 3\n"
    assert list(fresh.path("/var/lib/wdrip/snapshots").iterdir()) == []


def test_a_damaged_encrypted_one_is_bad(fresh: EtcdMachine, encrypted: tuple[bytes, BackupEntry]) -> None:
    content, claims = encrypted
    verdict = looked_at(fresh, flipped(content), claims)
    assert (verdict.ok, verdict.reason) == (False, "its sha256 is not the one of the index")


@pytest.mark.parametrize("key", ["0" * 64, ""], ids=["another", "none"])
def test_a_wrong_key_says_nothing_against_the_backup(
    fresh: EtcdMachine, encrypted: tuple[bytes, BackupEntry], key: str
) -> None:
    content, claims = encrypted
    fresh.path("/etc/wdrip/backup.key").write_text(key)
    url = served(fresh.folder, content)
    for operation in (
        backups.verify_snapshot(claims, url),
        backups.restore_etcd(claims, url, fresh.name, fresh.ip, "token-2"),
    ):
        result = fresh.launch(operation)
        assert result.code == backups.WRONG_KEY, result.output
        assert "wdrip-result" not in result.output
    assert list(fresh.path("/var/lib/wdrip/snapshots").glob("*.db")) == []


def test_the_key_is_in_no_script_log_or_argument(master: EtcdMachine, bundle: SecretsBundle) -> None:
    assert bundle.backup_key not in launch(backups.encrypt_snapshot(DATE), 30)
    logs = master.path("/var/lib/wdrip/operations").rglob("*")
    assert not [path for path in logs if path.is_file() and bundle.backup_key in path.read_text()]
