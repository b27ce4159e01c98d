"""How long a cluster of one master takes to come back in place, against the same by hand."""

import subprocess
import sys
import time
from pathlib import Path

from tests.abandoned import told
from tests.e2e.stack import BIN, Stack
from tests.world.guide import guide_yaml
from wdrip import names
from wdrip.clients.backup_store import BackupStore
from wdrip.clients.ecs import EcsClient
from wdrip.clients.oss import Bucket

Row = tuple[str, float, float, str]

_NAME = "bench-recovered"
_BARE = Path(__file__).parent / "bare" / "create.sh"


def measure(folder: Path) -> list[Row]:
    """The figure, on a stack of its own below the folder."""
    folder.mkdir()
    stack = Stack(folder / "home")
    stack.home.mkdir()
    with told("env", "--unset=WDRIP_CONFIG", f"HOME={stack.home}", BIN / "wdrip", "down"):
        try:
            snapshot = _backed_up(stack, folder)
            bare = _bare_seconds(snapshot)
            recovered = _recovered_seconds(stack)
        finally:
            stack.wdrip("down")
    words = f"recover in place, proof included ({recovered:.0f} s) / by hand ({bare:.0f} s)"
    return [(words, recovered / bare, 1.8, "ratio")]


def _backed_up(stack: Stack, folder: Path) -> Path:
    """A cluster with a backup; the snapshot's file."""
    stack.wdrip("up")
    stack.wdrip("build", "--upload")
    config, snapshot = folder / "config.yaml", folder / "snapshot.db"
    config.write_text(guide_yaml(_NAME, stack.wdrip("token", "new").out.strip()), encoding="utf-8")
    stack.wdrip("create", "--wait", "--config", str(config))
    stack.wdrip("backup", "-n", _NAME)
    bucket = Bucket(stack.provider)
    content = bucket.get(BackupStore(bucket, _NAME).index().entries[0].path)
    if content is None:
        raise RuntimeError("the backup has no snapshot")
    snapshot.write_bytes(content)
    return snapshot


def _bare_seconds(snapshot: Path) -> float:
    """Boot, install, `snapshot restore` and kubeadm by a shell script, until the Node is Ready."""
    rootfs = _last_line([sys.executable, "-m", "localcloud.images", "prepare"])
    package = _last_line([str(BIN / "wdrip"), "build"])
    said = _last_line([str(_BARE), rootfs, package, str(snapshot)])
    return float(said.removeprefix("seconds: "))


def _recovered_seconds(stack: Stack) -> float:
    """From the command to the end that it tells, after the only master was deleted."""
    ecs = EcsClient(stack.provider)
    for master in ecs.instances(tags={names.TAG_CLUSTER: _NAME, names.TAG_ROLE: names.ROLE_MASTER}):
        ecs.delete_instance(master.instance_id)
    began = time.monotonic()
    stack.wdrip("recover", "-n", _NAME, "--yes")
    return time.monotonic() - began


def _last_line(command: list[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1]
