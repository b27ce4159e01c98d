"""How long a backup of a large etcd takes, against `etcdctl snapshot save` and curl; the memory it needs."""

import json
import re
import statistics
import time
from pathlib import Path

import oss2

from benchmarks.clusters import Row, running
from tests.e2e.kept import NAME, Kept
from wdrip.models.provider_config import Provider

_RUNS = 3
_GIGABYTE = 1024
"""Values of 1 MiB: the largest that etcd takes by default is 1.5 MiB."""
_AT_ONCE = 128
_SETTINGS = "backup:\n  intervalSeconds: 86400\n"
"""So that no other backup comes meanwhile."""

_FILL = (
    "for n in {{{first}..{last}}}; do head -c 1048576 /dev/urandom | etcdctl put /bench/$n >/dev/null; done"
)
_BY_HAND = """
etcdctl snapshot save /var/tmp/by-hand --command-timeout=600s >/dev/null
curl --silent --show-error --fail --upload-file /var/tmp/by-hand '{url}'
rm /var/tmp/by-hand
"""


def measure(folder: Path) -> list[Row]:
    """The figures, on a stack of their own below the folder."""
    with running(folder, _SETTINGS) as cluster:
        _fill(cluster)
        ours, plain, grown = [], [], []
        for _ in range(_RUNS):
            # In turn, so that a slow spell of the host meets both.
            plain.append(_by_hand_seconds(cluster))
            resident = _Resident(cluster)
            began = time.monotonic()
            cluster.stack.wdrip("backup", "-n", NAME)
            ours.append(time.monotonic() - began)
            grown.append(resident.growth())
    ratio = statistics.median(one / other for one, other in zip(ours, plain, strict=True))
    words = f"backup of 1 GiB ({statistics.median(ours):.1f} s) / by hand ({statistics.median(plain):.1f} s)"
    return [(words, ratio, 1.2, "ratio"), ("worker's peak over its memory before it", max(grown), 32.0, "MB")]


def _fill(cluster: Kept) -> None:
    for first in range(0, _GIGABYTE, _AT_ONCE):
        cluster.with_etcdctl(_FILL.format(first=first, last=first + _AT_ONCE - 1))


def _by_hand_seconds(cluster: Kept) -> float:
    """Through Cloud Assistant, as wdrip has to."""
    url = _url(cluster.stack.provider)
    began = time.monotonic()
    cluster.with_etcdctl(_BY_HAND.format(url=url))
    return time.monotonic() - began


def _url(provider: Provider) -> str:
    """By which a machine can write one object."""
    auth = oss2.AuthV4(provider.access_key_id, provider.access_key_secret.get_secret_value())
    bucket = oss2.Bucket(
        auth, provider.oss_internal_endpoint, provider.bucket, region=provider.region, is_path_style=True
    )
    return str(bucket.sign_url("PUT", "bench/by-hand", 600, slash_safe=True))


class _Resident:
    """The worker's resident memory since now."""

    def __init__(self, cluster: Kept) -> None:
        record = json.loads((cluster.stack.state / "worker.json").read_text(encoding="utf-8"))
        self._process = Path("/proc") / str(record["pid"])
        # Sets the peak back to what it has now (proc(5)).
        (self._process / "clear_refs").write_text("5", encoding="utf-8")
        self._before = self._megabytes("VmRSS")

    def growth(self) -> float:
        """Megabytes of the peak above what it had at first."""
        return self._megabytes("VmHWM") - self._before

    def _megabytes(self, field: str) -> float:
        status = (self._process / "status").read_text(encoding="utf-8")
        found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
        if found is None:
            raise RuntimeError(f"{self._process} has no {field}")
        return int(found[1]) / 1024
