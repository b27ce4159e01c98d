"""How long a cluster of one master takes to come back in place, against the same by hand."""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.clusters import Row, running
from tests.e2e.kept import NAME, Kept
from tests.e2e.stack import BIN
from wdrip.clients.backup_store import BackupStore
from wdrip.clients.oss import Bucket

_BARE = Path(__file__).parent / "bare" / "create.sh"


def measure(folder: Path) -> list[Row]:
    """The figure, on a stack of its own below the folder."""
    with running(folder) as cluster:
        bare = _bare_seconds(_backed_up(cluster, folder / "snapshot.db"))
        recovered = _recovered_seconds(cluster)
    words = f"recover in place, proof included ({recovered:.0f} s) / by hand ({bare:.0f} s)"
    return [(words, recovered / bare, 1.8, "ratio")]


def _backed_up(cluster: Kept, file: Path) -> Path:
    """The snapshot of a backup, in that file."""
    cluster.stack.wdrip("backup", "-n", NAME)
    bucket = Bucket(cluster.stack.provider)
    content = bucket.get(BackupStore(bucket, NAME).index().entries[0].path)
    if content is None:
        raise RuntimeError("the backup has no snapshot")
    file.write_bytes(content)
    return file


def _bare_seconds(snapshot: Path) -> float:
    """Boot, install, `snapshot restore` and kubeadm by a shell script, until the Node is Ready."""
    rootfs = _last_line([sys.executable, "-m", "localcloud.images", "prepare"])
    package = _last_line([str(BIN / "wdrip"), "build"])
    said = _last_line([str(_BARE), rootfs, package, str(snapshot)])
    return float(said.removeprefix("seconds: "))


def _recovered_seconds(cluster: Kept) -> float:
    """From the command to the end that it tells, after the only master was deleted."""
    for master in cluster.masters():
        cluster.ecs.delete_instance(master.instance_id)
    began = time.monotonic()
    cluster.stack.wdrip("recover", "-n", NAME, "--yes")
    return time.monotonic() - began


def _last_line(command: list[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1]
