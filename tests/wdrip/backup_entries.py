"""Backup entries for tests, by date and standing."""

from datetime import UTC, datetime

from wdrip import names
from wdrip.models.backup import DATE_FORMAT, BackupEntry, Standing, Verdict, VerdictKind

CLUSTER = "kubernetes-id-001"

_VERDICTS = {
    Standing.BAD: [(VerdictKind.DRILL, False)],
    Standing.UNVERIFIED: [],
    Standing.SOUND: [(VerdictKind.STRUCTURE, True)],
    Standing.VERIFIED: [(VerdictKind.STRUCTURE, True), (VerdictKind.DRILL, True)],
}


def moment(date: str) -> datetime:
    """The time that a date stands for."""
    return datetime.strptime(date, DATE_FORMAT).replace(tzinfo=UTC)


def entry(date: str, standing: Standing = Standing.SOUND, **changes: object) -> BackupEntry:
    """A backup of CLUSTER; `standing` decides its verdicts."""
    name = str(changes.get("name", CLUSTER))
    verdicts = [
        Verdict(verified_at=moment(date), kind=kind, ok=ok, reason="" if ok else "it does not restore")
        for kind, ok in _VERDICTS[standing]
    ]
    return BackupEntry.model_validate(
        {
            "name": name,
            "cluster_uid": "uid",
            "date": date,
            "path": names.backup_key(name, date),
            "sha256": "0" * 64,
            "size": 20_512,
            "revision": 100,
            "total_keys": 50,
            "live_keys": 40,
            "marker": f"uid/{date}",
            "etcd_version": "3.4.23",
            "kubernetes_version": "v1.20.2",
            "taken_at": moment(date),
            "member": "192.168.0.77.i-a",
            "uploaded_at": moment(date),
            "verdicts": verdicts,
            **changes,
        }
    )
