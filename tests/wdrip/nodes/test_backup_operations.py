"""Backup operations as they are sent, and uploads to a server that is well or ill."""

import base64
import hashlib
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wdrip.backup_entries import entry, moment
from tests.wdrip.nodes.put_server import PutServer, put_server
from tests.wdrip.nodes.sandbox import Result, Sandbox
from wdrip.nodes import backup_operations as backups
from wdrip.nodes.backup_operations import PARTS_AHEAD, PARTS_PER_COMMAND
from wdrip.nodes.operations import MAX_COMMAND_BYTES, NodeOperation, curl_config, launch

DATE = "20211002-1024"
NODE = "192.168.0.77.i-bp12a2wcmbrd4383cai3"
IP = "192.168.0.77"
# As long as they come: a V4 signature with a temporary credential's security token.
LONG_URL = "http://bucket.example/snapshot?x-oss-signature=" + "a" * 1600
UPLOAD = "0004B9894A22E5B1888A1E29F8236E2D"
UID = "3f2c7a52-0f6f-4c0e-9f5e-0123456789ab"


def every_operation() -> list[NodeOperation]:
    one = entry(DATE, ciphertext={"sha256": "1" * 64, "size": 20_528})
    masters = [f"192.168.0.{number}.i-bp12a2wcmbrd4383cai3" for number in range(7)]
    ahead = dict.fromkeys(range(1, PARTS_AHEAD + 1), LONG_URL)
    parts = {9_000 + number: LONG_URL for number in range(PARTS_PER_COMMAND)}
    return [
        backups.take_snapshot(DATE, IP, UID, upload_id=UPLOAD, urls=ahead),
        backups.upload_parts(DATE, UPLOAD, parts, 2**42),
        backups.encrypt_snapshot(DATE),
        backups.discard_snapshot(DATE),
        backups.verify_snapshot(one, LONG_URL),
        backups.restore_etcd(one, LONG_URL, NODE, IP, UID),
        backups.clean_after_restore(NODE, IP, masters),
    ]


EVERY_OPERATION = pytest.mark.parametrize(
    "operation", every_operation(), ids=lambda operation: operation.name
)


@EVERY_OPERATION
def test_the_command_fits_into_run_command(operation: NodeOperation) -> None:
    assert len(base64.b64encode(launch(operation, 3600).encode())) <= MAX_COMMAND_BYTES


@EVERY_OPERATION
def test_the_whole_command_is_valid_bash(operation: NodeOperation) -> None:
    for text in (operation.script, launch(operation, 30)):
        done = subprocess.run(["/bin/bash", "-n"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@EVERY_OPERATION
def test_a_url_stands_in_no_argument_and_in_no_digest(operation: NodeOperation) -> None:
    assert LONG_URL not in operation.script


def test_a_url_cannot_smuggle_in_options() -> None:
    with pytest.raises(ValueError, match="a URL has no white space"):
        curl_config('http://a/"\noutput = "/etc/passwd')


def test_another_upload_of_the_same_parts_is_another_operation() -> None:
    one, other = (backups.upload_parts(DATE, upload, {1: LONG_URL}, 10) for upload in "ab")
    assert one.digest != other.digest


@given(size=st.integers(1, 10_000), part=st.integers(1, 700), arrived=st.sets(st.integers(1, 20)))
def test_parts_cover_what_is_missing_and_nothing_else(size: int, part: int, arrived: set[int]) -> None:
    everything = backups.parts_left(size, (), part)
    assert everything == list(range(1, len(everything) + 1))
    assert (len(everything) - 1) * part < size <= len(everything) * part
    assert backups.parts_left(size, arrived, part) == [each for each in everything if each not in arrived]


def test_results_are_read_from_the_end_of_a_log() -> None:
    log = '10:24:00 verifying\nwdrip-result {"ok":false,"reason":"it has 0 bytes, not 20512"}\n'
    found = backups.verdict_of(log, moment(DATE))
    assert (found.ok, found.reason) == (False, "it has 0 bytes, not 20512")
    with pytest.raises(ValueError, match="no result"):
        backups.taken("10:24:00 taking a snapshot")


@pytest.fixture
def server() -> Iterator[PutServer]:
    with put_server() as server:
        yield server


@pytest.fixture
def machine(sandbox: Sandbox) -> Sandbox:
    """A machine that has taken a snapshot of 3 MiB and a bit."""
    file = sandbox.path(f"/var/lib/wdrip/snapshots/{DATE}/snapshot.db")
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    sandbox.program("sleep", "#!/bin/bash\n[[ $1 == 0.* ]] && exec /bin/sleep $1; exit 0\n")
    return sandbox


MEBIBYTE = 1024 * 1024
CONTENT = bytes(range(256)) * 4096 * 3 + b"the rest"


def uploaded(machine: Sandbox, server: PutServer) -> Result:
    urls = {1: server.url("/object")}
    result = machine.launch(backups.upload_parts(DATE, "upload-1", urls, len(CONTENT)))
    assert "secret" not in result.output
    return result


def test_an_upload_arrives_whole_with_no_header_that_was_not_signed(
    machine: Sandbox, server: PutServer
) -> None:
    result = uploaded(machine, server)
    assert result.code == 0
    assert server.objects == {"/object": CONTENT}
    assert backups.arrived_parts(result.output) == {1: hashlib.md5(CONTENT).hexdigest()}
    # These would have to be part of the signature.
    sent = {name for name in server.headers[0] if name.startswith(("content-", "x-oss-", "transfer-"))}
    assert sent == {"content-length"}


def test_a_server_that_is_ill_for_a_while_is_asked_again(machine: Sandbox, server: PutServer) -> None:
    server.statuses = [503, 500, 429]
    assert uploaded(machine, server).code == 0
    assert len(server.headers) == 4


def test_a_refusal_is_told_at_once(machine: Sandbox, server: PutServer) -> None:
    server.statuses = [403] * 9
    result = uploaded(machine, server)
    assert result.code == backups.UPLOAD_FAILED
    assert "HTTP status 403" in result.output
    assert len(server.headers) == 1


def test_a_server_that_stays_ill_is_given_up(machine: Sandbox, server: PutServer) -> None:
    server.statuses = [503] * 9
    assert uploaded(machine, server).code == backups.UPLOAD_FAILED
    assert len(server.headers) == 5


def test_content_that_changed_on_the_way_is_seen(machine: Sandbox, server: PutServer) -> None:
    server.spoil = True
    result = uploaded(machine, server)
    assert result.code == backups.UPLOAD_FAILED
    assert "what arrived has MD5" in result.output


def test_a_snapshot_that_is_gone_is_told(sandbox: Sandbox, server: PutServer) -> None:
    result = uploaded(sandbox, server)
    assert result.code == backups.SNAPSHOT_CORRUPTED
    assert "take another" in result.output


def test_parts_make_the_whole_and_leave_no_copies(machine: Sandbox, server: PutServer) -> None:
    numbers = backups.parts_left(len(CONTENT), (), MEBIBYTE)
    for batch in (numbers[:3], numbers[3:]):
        urls = {number: server.url(f"/part-{number}") for number in batch}
        operation = backups.upload_parts(DATE, "upload-1", urls, len(CONTENT), part_bytes=MEBIBYTE)
        result = machine.launch(operation)
        assert result.code == 0, result.output
    assert list(backups.arrived_parts(result.output)) == numbers == [1, 2, 3, 4]
    assert b"".join(server.objects[f"/part-{number}"] for number in numbers) == CONTENT
    left = {
        path.name: path.stat().st_size for path in machine.path(f"/var/lib/wdrip/snapshots/{DATE}").iterdir()
    }
    assert left.pop("snapshot.db") == len(CONTENT)
    # Beside it only which parts have arrived, as their MD5.
    assert left == {f"sent.upload-1.{number}": 33 for number in numbers}


def test_a_snapshot_of_another_size_is_not_sent(machine: Sandbox, server: PutServer) -> None:
    urls = {1: server.url("/part-1")}
    result = machine.launch(backups.upload_parts(DATE, "upload-1", urls, len(CONTENT) + 1))
    assert result.code == backups.SNAPSHOT_CORRUPTED
    assert server.objects == {}


_KUBECTL = """#!/bin/bash
echo "$*" >>/run/kubectl.calls
case "$*" in
    *"get nodes"*) printf 'node/%s\\n' old-1 old-2 new ;;
    *"get volumeattachments"*) printf '%s\\n' 'old-1 csi-1' 'new csi-2' ;;
    *"get secrets"*) printf '%s\\n' bootstrap-token-abcdef bootstrap-token-revoked ;;
esac
"""
_ETCDCTL = """#!/bin/bash
echo "$*" >>/run/etcdctl.calls
[[ $* == *"--keys-only"* ]] && printf '/registry/masterleases/%s\\n\\n' 192.168.0.7 192.168.0.77
exit 0
"""


def cleaned(sandbox: Sandbox, operation: NodeOperation) -> tuple[set[str], set[str]]:
    """What kubectl and etcdctl are told to delete."""
    sandbox.program("kubectl", _KUBECTL)
    sandbox.program("etcdctl", _ETCDCTL)
    token = sandbox.path("/etc/wdrip/bootstrap-token")
    token.parent.mkdir(exist_ok=True)
    token.write_text("abcdef.0123456789abcdef\n")
    result = sandbox.launch(operation)
    assert result.code == 0, result.output
    by_kubectl = {
        " ".join(line.split(" delete ")[1].split()[:2])
        for line in sandbox.path("/run/kubectl.calls").read_text().splitlines()
        if " delete " in line
    }
    by_etcdctl = {
        line.split(" del ")[1]
        for line in sandbox.path("/run/etcdctl.calls").read_text().splitlines()
        if " del " in line
    }
    return by_kubectl, by_etcdctl


ALWAYS = {"secret bootstrap-token-revoked"}


def test_named_nodes_go_with_what_hangs_on_them(sandbox: Sandbox) -> None:
    found = cleaned(sandbox, backups.clean_after_restore("new", IP, ["old-1"]))
    assert found == (
        ALWAYS | {"node old-1", "lease old-1", "volumeattachment csi-1"},
        {"/registry/masterleases/192.168.0.7"},
    )


def test_onto_another_cluster_every_other_node_goes(sandbox: Sandbox) -> None:
    by_kubectl, _ = cleaned(sandbox, backups.clean_after_restore("new", IP, all_others=True))
    assert {each for each in by_kubectl if each.startswith("node ")} == {"node old-1", "node old-2"}
