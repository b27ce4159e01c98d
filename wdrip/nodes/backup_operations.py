"""What is done on a machine for backups and recovery: see `operations` for what an operation is.

A snapshot never passes through the worker: the machine takes it, uploads it by pre-signed URLs, fetches it
again. Those that find something out print it as a line of JSON; `taken`, `arrived_parts`, `verdict_of` and
`restored` read it.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from math import ceil
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, TypeAdapter

from wdrip.models.backup import BackupEntry, ObjectFacts, SnapshotFacts, Verdict, VerdictKind
from wdrip.models.recovery import Restored
from wdrip.nodes.operations import NodeOperation, curl_config, render

SNAPSHOT_CORRUPTED = 67
"""Exit code: the snapshot's hash or structure is wrong, it does not restore, or it is not on this machine."""

NO_SPACE = 73
"""Exit code (EX_CANTCREAT): the disk has not the room that was asked for; nothing was written."""

UPLOAD_FAILED = 74
"""Exit code (EX_IOERR): the upload was refused or did not arrive whole; try again with a new URL."""

DATA_IN_THE_WAY = 77
"""Exit code: the machine has etcd data that did not come from this snapshot; they were not touched."""

WRONG_KEY = 78
"""Exit code (EX_CONFIG): the machine has not the key that the backup was encrypted with; says nothing against
the backup."""

MARKER_KEY = "/wdrip/backup-marker"
"""etcd key, outside of Kubernetes' own, whose value tells which backup a database was restored from."""

PART_BYTES = 512 * 1024 * 1024
"""Part size of uploads: what is sent again when one breaks off. 2 GiB, etcd's default limit of a database, go
with one command; OSS allows 10 000 parts of 100 KB to 5 GB, of which the last may be smaller."""

PARTS_PER_COMMAND = 4
"""Parts that one RunCommand can have URLs for: a URL has up to 1.6 KB with temporary credentials, and the
command 18 KB before base64, 9 KB of which are scripts."""

PARTS_AHEAD = 3
"""The same for the command that takes the snapshot, whose scripts have 13 KB."""

REVISION_BUMP = 1_000_000_000
"""How far restored revisions are raised: a billion, which etcd's own documentation advises, is years of
changes."""

_ETAGS = TypeAdapter(dict[int, str])
_RESULT = re.compile(r"^wdrip-result (\{.*\})$", re.MULTILINE)
_PARTS = re.compile(r"^wdrip-parts (\{.*\})$", re.MULTILINE)


class _Finding(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ok: bool
    reason: str


def take_snapshot(
    date: str,
    ip: str,
    cluster_uid: str,
    *,
    quorum: bool = True,
    upload_id: str = "",
    urls: Mapping[int, str] = MappingProxyType({}),
    part_bytes: int = PART_BYTES,
) -> NodeOperation:
    """Take and check a snapshot of this machine's own member; it stays there until `discard_snapshot`.

    quorum: False for a survivor of a lost quorum, whose member answers but cannot write: then no marker is
    written and live keys are not counted. urls: pre-signed, by number, of parts of an upload, which are sent
    while the snapshot is written; numbers beyond its end do no harm. That one does not arrive is no failure:
    `upload_parts` sends it again. Read the output with `taken` and `arrived_parts`. Fails with NOT_IN_TIME,
    NO_SPACE or SNAPSHOT_CORRUPTED.
    """
    return render(
        "take-snapshot",
        {
            "DATE": date,
            "IP": ip,
            "QUORUM": "yes" if quorum else "no",
            "MARKER_KEY": MARKER_KEY,
            "MARKER": f"{cluster_uid}/{date}",
            **_sending(upload_id, urls, part_bytes),
        },
        parts=("etcd", "snapshot", "upload"),
        private=_parts_private(urls),
    )


def encrypt_snapshot(date: str) -> NodeOperation:
    """Encrypt the snapshot, beside itself, with the cluster's key for backups; `sealed` reads the output.

    On a master: only masters have that key. Fails with NO_SPACE, WRONG_KEY when there is no key, or
    SNAPSHOT_CORRUPTED when the machine has no such snapshot.
    """
    return render("encrypt-snapshot", {"DATE": date}, parts=("snapshot",))


def upload_parts(
    date: str,
    upload_id: str,
    urls: Mapping[int, str],
    size: int,
    *,
    encrypted: bool = False,
    part_bytes: int = PART_BYTES,
) -> NodeOperation:
    """Upload parts of a snapshot of `size` bytes, by pre-signed URL each; at most PARTS_PER_COMMAND of them.

    encrypted: what `encrypt_snapshot` made of it. A part that has arrived is not sent again, so a machine or
    worker that was restarted goes on where it was. Read the output with `arrived_parts`. Fails with
    UPLOAD_FAILED, or SNAPSHOT_CORRUPTED when the machine has no such file.
    """
    return render(
        "upload-parts",
        {
            "DATE": date,
            "FILE": "snapshot.enc" if encrypted else "snapshot.db",
            "SIZE": str(size),
            **_sending(upload_id, urls, part_bytes),
        },
        parts=("snapshot", "upload"),
        private=_parts_private(urls),
    )


def parts_left(size: int, arrived: Collection[int], part_bytes: int = PART_BYTES) -> list[int]:
    """The numbers of the parts of a snapshot of `size` bytes, but for those that have arrived."""
    return [number for number in range(1, ceil(size / part_bytes) + 1) if number not in arrived]


def discard_snapshot(date: str) -> NodeOperation:
    """Remove this machine's copy of a snapshot; one that is not there counts as removed."""
    return render("discard-snapshot", {"DATE": date}, parts=("snapshot",), keeps_success=False)


def verify_snapshot(entry: BackupEntry, url: str, *, keep: bool = False) -> NodeOperation:
    """Fetch a backup, prove that it restores, on any machine with the software installed; see `verdict_of`.

    Compares size, both hashes, the database's structure and revision; then restores it into an etcd of its
    own that only root can reach, and compares revision, number of keys and marker. keep: leave a good one for
    `restore_etcd`. One that is encrypted needs a machine that `receive_secrets` made a
    master. Fails with DOWNLOAD_FAILED, NO_SPACE or WRONG_KEY, which say nothing about the backup.
    """
    return render(
        "verify-snapshot",
        {
            **_claims(entry),
            "LIVE_KEYS": "" if entry.live_keys is None else str(entry.live_keys),
            "KEEP": "yes" if keep else "no",
        },
        parts=("fetch", "snapshot"),
        url=url,
        keeps_success=False,
    )


def restore_etcd(
    entry: BackupEntry, url: str, member_name: str, ip: str, cluster_token: str
) -> NodeOperation:
    """Start etcd as a new cluster of one from a backup; read the output with `restored`.

    cluster_token: a new one, so that no old member takes this one for its own. Needs `install_package` and
    `receive_secrets`. Other etcd data of the machine are never replaced (DATA_IN_THE_WAY). The revision is
    raised where the etcd tools can; the leases of the former leaders are removed. Fails with NOT_IN_TIME,
    NO_SPACE, DOWNLOAD_FAILED, WRONG_KEY or SNAPSHOT_CORRUPTED.
    """
    return render(
        "restore-etcd",
        {
            **_claims(entry),
            "MEMBER_NAME": member_name,
            "IP": ip,
            "CLUSTER_TOKEN": cluster_token,
            "BUMP": str(REVISION_BUMP),
        },
        parts=("etcd", "fetch", "snapshot"),
        url=url,
    )


def clean_after_restore(
    node_name: str, ip: str, gone: Sequence[str] = (), *, all_others: bool = False
) -> NodeOperation:
    """Remove what a restored cluster believes of machines that are gone.

    On the new master, whose API server runs. Fails with NOT_IN_TIME.
    gone: Nodes whose machines are no more (the old masters). all_others: every Node but `node_name`, after a
    recovery onto another cluster. With them go their leases and volume attachments; further the API servers'
    entries but this one's, and every bootstrap token but this machine's: one that was revoked after the
    backup would be valid again.
    """
    return render(
        "clean-after-restore",
        {
            "NODE_NAME": node_name,
            "IP": ip,
            "NODES": " ".join(gone),
            "ALL_OTHERS": "yes" if all_others else "no",
        },
        parts=("etcd",),
        keeps_success=False,
    )


def taken(output: str) -> SnapshotFacts:
    """The facts in the output of `take_snapshot`. Raises ValueError when there are none."""
    return SnapshotFacts.model_validate_json(_result(output))


def sealed(output: str) -> ObjectFacts:
    """What `encrypt_snapshot` made. Raises ValueError when its output does not tell."""
    return ObjectFacts.model_validate_json(_result(output))


def arrived_parts(output: str) -> dict[int, str]:
    """ETag (MD5, hex) by number of the parts that have arrived. Raises ValueError when it does not tell."""
    return _ETAGS.validate_json(_last(_PARTS, output))


def verdict_of(output: str, at: datetime) -> Verdict:
    """The verdict in the output of `verify_snapshot`. Raises ValueError when there is none."""
    finding = _Finding.model_validate_json(_result(output))
    return Verdict(verified_at=at, kind=VerdictKind.DRILL, ok=finding.ok, reason=finding.reason)


def restored(output: str) -> Restored:
    """What `restore_etcd` found. Raises ValueError when its output does not tell."""
    return Restored.model_validate_json(_result(output))


def _claims(entry: BackupEntry) -> dict[str, str]:
    """What the index says of a backup."""
    return {
        "SHA256": entry.sha256,
        "SIZE": str(entry.size),
        "ENCRYPTED": "yes" if entry.encrypted else "no",
        "OBJECT_SHA256": entry.stored.sha256,
        "OBJECT_SIZE": str(entry.stored.size),
        "REVISION": str(entry.revision),
        "MARKER_KEY": MARKER_KEY,
        "MARKER": entry.marker,
    }


def _sending(upload_id: str, urls: Mapping[int, str], part_bytes: int) -> dict[str, str]:
    return {
        "UPLOAD": upload_id,
        "PARTS": " ".join(str(number) for number in sorted(urls)),
        "PART_BYTES": str(part_bytes),
    }


def _parts_private(urls: Mapping[int, str]) -> dict[str, str]:
    return {f"part-{number}": curl_config(url) for number, url in urls.items()}


def _result(output: str) -> str:
    return _last(_RESULT, output)


def _last(line: re.Pattern[str], output: str) -> str:
    found: list[str] = line.findall(output)
    if not found:
        raise ValueError("the machine printed no result")
    return found[-1]
