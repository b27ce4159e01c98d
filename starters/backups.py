"""A cluster's backups as a person reads them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starters.log import log
from starters.session import find_record
from starters.temporal import no_such_cluster
from wdrip import names
from wdrip.errors import InvalidInput
from wdrip.models.backup import BackupEntry, Standing

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

    Raises InvalidInput when there are none, or no such cluster.
    """
    from wdrip.clients.backup_store import BackupStore

    log(f"oss get object from [oss://{bucket.name}/{names.backup_index_key(cluster)}]")
    entries = BackupStore(bucket, cluster).index().entries
    if entries:
        return entries
    if find_record(bucket, cluster) is None:
        raise no_such_cluster(cluster)
    raise InvalidInput(
        "--name", f"cluster `{cluster}` has no backups yet", f"take one with `wdrip backup -n {cluster}`"
    )


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
