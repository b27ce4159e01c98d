"""A cluster's backups as a person reads them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starters.log import log
from starters.session import find_record
from starters.temporal import no_such_cluster
from wdrip import names
from wdrip.errors import InvalidInput
from wdrip.models.backup import BackupEntry, BackupIndex, Standing, Verdict, VerdictKind
from wdrip.models.cluster import ClusterRecord, Phase
from wdrip.planning.backup_health import backup_health
from wdrip.planning.backup_schedule import in_words

if TYPE_CHECKING:
    from wdrip.clients.oss import Bucket

_WORDS = {
    Standing.BAD: "bad",
    Standing.UNVERIFIED: "no",
    Standing.SOUND: "structure",
    Standing.VERIFIED: "restored",
}


def read_backups(bucket: "Bucket", cluster: str) -> Sequence[BackupEntry]:
    """The cluster's backups, newest first; also of a cluster that was deleted and left some.

    One whose object is missing or has another length gets a verdict here. Warns of each bad one, of a broken
    index, and when the last good one is too old.

    Raises InvalidInput when there are none, or no such cluster.
    """
    from wdrip.clients.backup_store import BackupStore

    log(f"oss get object from [oss://{bucket.name}/{names.backup_index_key(cluster)}]")
    store = BackupStore(bucket, cluster)
    index, damage = store.inspected()
    if damage:
        log(f"warning: {damage}; `wdrip backup verify -n {cluster}` writes it anew")
    record = find_record(bucket, cluster)
    if index.entries:
        sizes = store.sizes()
        seen = BackupIndex.of(_seen(entry, sizes.get(entry.path)) for entry in index.entries)
        _warn(seen, record)
        return seen.entries
    if record is None:
        raise no_such_cluster(cluster)
    raise InvalidInput(
        "--name", f"cluster `{cluster}` has no backups yet", f"take one with `wdrip backup -n {cluster}`"
    )


def _seen(entry: BackupEntry, size: int | None) -> BackupEntry:
    misfit = entry.misfit(size)
    if not misfit:
        return entry
    return entry.with_verdict(
        Verdict(verified_at=datetime.now(UTC), kind=VerdictKind.STRUCTURE, ok=False, reason=misfit)
    )


def _warn(index: BackupIndex, record: ClusterRecord | None) -> None:
    """Name each bad backup, and say when backups of a running cluster do not come as they should."""
    for entry in index.entries:
        if entry.complaint:
            log(f"warning: backup {entry.date} is bad: {entry.complaint}")
    if record is None or record.phase is not Phase.RUNNING:
        return
    now = datetime.now(UTC)
    health = backup_health(index, record.config.backup, now, record.created)
    if not health.ok:
        age = f", {in_words(now - health.last_good)} old" if health.last_good else ""
        log(f"warning: {health.reason}: {health.message}{age}")


def verdict_line(entry: BackupEntry) -> str:
    """What a drill that went well has shown, in words."""
    found = [f"revision {entry.revision}"]
    if entry.live_keys is not None:
        found.append(f"{entry.live_keys} keys")
    if entry.marker:
        found.append("the marker that was written before it was taken")
    return f"backup {entry.date} restores: it has {', '.join(found)}"


def backup_table(entries: Sequence[BackupEntry]) -> str:
    """Columns of the guide, NAME PREFIX DATE PATH, then SIZE, REVISION and VERIFIED."""
    rows = [("NAME", "PREFIX", "DATE", "PATH", "SIZE", "REVISION", "VERIFIED")]
    rows += [
        (
            each.name,
            each.prefix,
            each.date,
            each.path,
            in_bytes(each.size),
            str(each.revision),
            _WORDS[each.standing],
        )
        for each in entries
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def in_bytes(size: int) -> str:
    """E.g. `812B` or `2.4MiB`: without a space, which would split the column."""
    amount, units = float(size), ["B", "KiB", "MiB", "GiB"]
    while amount >= 1024 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{amount:.1f}{units[0]}" if units[0] != "B" else f"{size}B"
