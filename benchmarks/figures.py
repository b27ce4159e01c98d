"""The figures of `make bench`, as a table, each with its limit.

Needs root, the machine image and the software package (`hack/prepare-machines.sh`). Runs a local stack of its
own in a temporary directory and removes it at the end.
"""

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from benchmarks import backup, growth, recovery
from starters.temporal import connect
from tests.abandoned import remove_abandoned, told

_ROOT = Path(__file__).parents[1]
_WDRIP = str(Path(sys.executable).with_name("wdrip"))
_RUNS = 3
_CREATE_SECONDS = 900

_CLUSTER = """\
clusterid: {name}
iaas:
  workerCount: 1
  image: centos_7_9_x64_20G_alibase_20210623.vhd
  disk: {{size: 40G, type: cloud_essd}}
  region: cn-hangzhou
  zoneid: cn-hangzhou-k
  instance: ecs.c6.xlarge
registry: registry-vpc.cn-hangzhou.aliyuncs.com
kubernetes: {{name: kubernetes, version: 1.20.4-aliyun.1}}
etcd: {{name: etcd, version: v3.4.3}}
runtime: {{name: docker, version: 19.03.5}}
sans: [192.168.0.1]
network:
  mode: ipvs
  podcidr: 172.16.0.1/16
  svccidr: 172.19.0.1/20
  domain: cluster.domain
  netMask: 25
"""

Span = tuple[datetime, datetime]


def main() -> int:
    """Measure everything, create and commands three times; exit code 1 when a figure is over its limit."""
    remove_abandoned()
    with tempfile.TemporaryDirectory(prefix="wdrip-bench-") as folder:
        stack = _Stack(Path(folder))
        down = ("down", "--state", str(stack.state))
        with told("env", f"WDRIP_CONFIG={stack.config}", _WDRIP, *down):
            stack.run("up", "--state", str(stack.state))
            try:
                rows = _measure(stack)
            finally:
                stack.run(*down)
        rows += growth.measure(Path(folder) / "growth")
        rows += recovery.measure(Path(folder) / "recovery")
        rows += backup.measure(Path(folder) / "backup")
    _print(rows)
    return 1 if any(value > limit for _, value, limit, _ in rows) else 0


class _Stack:
    """A local stack of the benchmark's own, and the command as a person calls it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "config"
        self._environment = {**os.environ, "WDRIP_CONFIG": str(self.config)}

    def run(self, *arguments: str) -> None:
        """Run `wdrip …`; CalledProcessError when it fails."""
        subprocess.run(
            [_WDRIP, *arguments], check=True, env=self._environment, stdout=subprocess.DEVNULL, cwd=_ROOT
        )

    def seconds(self, *arguments: str) -> float:
        """How long `wdrip …` takes as a whole process."""
        return _timed(lambda: self.run(*arguments))

    def address(self) -> str:
        """Temporal's."""
        ports = json.loads((self.state / "ports.json").read_text(encoding="utf-8"))
        return f"127.0.0.1:{ports['temporal']}"

    def worker_megabytes(self) -> float:
        """The worker's resident memory."""
        pid = json.loads((self.state / "worker.json").read_text(encoding="utf-8"))["pid"]
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        if found is None:
            raise RuntimeError(f"process {pid} has no VmRSS")
        return int(found[1]) / 1024


def _measure(stack: _Stack) -> list[tuple[str, float, float, str]]:
    stack.run("build", "--upload")
    creates, bares, outside = [], [], []
    for run in range(_RUNS):
        # In turn, so that a slow spell of the host meets both.
        bares.append(_bare_seconds())
        name = f"bench-{run}"
        config = stack.folder / f"{name}.yaml"
        config.write_text(_CLUSTER.format(name=name), encoding="utf-8")
        creates.append(stack.seconds("create", "--wait", "--config", str(config)))
        outside.append(asyncio.run(_outside_activities(stack.address(), name)))
        if run == _RUNS - 1:
            lists = [stack.seconds("get") for _ in range(_RUNS)]
            memory = stack.worker_megabytes()
        stack.run("delete", "--name", name, "--yes", "--wait")
    helps = [stack.seconds("-h") for _ in range(_RUNS)]
    create, bare = statistics.median(creates), statistics.median(bares)
    ratio = statistics.median(one / other for one, other in zip(creates, bares, strict=True))
    return [
        (f"create --wait ({create:.1f} s) / bare script ({bare:.1f} s)", ratio, 1.5, "ratio"),
        ("workflow time outside activities, per create", statistics.median(outside), 3.0, "s"),
        ("wdrip get", statistics.median(lists), 0.7, "s"),
        ("wdrip -h", statistics.median(helps), 0.3, "s"),
        ("worker's resident memory after creates", memory, 250.0, "MB"),
    ]


def _timed(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def _bare_seconds() -> float:
    """The same machine, etcd and kubeadm by a shell script, without any cloud or workflow."""
    rootfs = _printed([sys.executable, "-m", "localcloud.images", "prepare"])
    package = _printed([_WDRIP, "build"])
    said = _printed([str(_ROOT / "benchmarks" / "bare" / "create.sh"), rootfs, package])
    return float(said.rpartition("seconds: ")[2])


def _printed(command: Sequence[str]) -> str:
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, timeout=_CREATE_SECONDS, cwd=_ROOT
    )
    return done.stdout.strip()


async def _outside_activities(address: str, cluster: str) -> float:
    """Seconds of a create during which no activity of the cluster's workflow or its children ran.

    An activity that was tried more than once counts from its scheduling: only the last start is recorded.
    """
    client = await connect(address)
    spans: list[Span] = []
    async for execution in client.list_workflows(
        f'WorkflowId = "{cluster}" OR WorkflowId STARTS_WITH "{cluster}/"'
    ):
        spans += await _activities(client, execution.id, execution.run_id)
    began, ended = min(start for start, _ in spans), max(end for _, end in spans)
    return (ended - began).total_seconds() - _covered(spans)


async def _activities(client: Client, workflow_id: str, run_id: str) -> list[Span]:
    scheduled: dict[int, datetime] = {}
    started: dict[int, datetime] = {}
    spans: list[Span] = []
    async for event in client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history_events():
        moment = event.event_time.ToDatetime()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled[event.event_id] = moment
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            attributes = event.activity_task_started_event_attributes
            first = attributes.scheduled_event_id
            started[first] = moment if attributes.attempt == 1 else scheduled[first]
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            first = event.activity_task_completed_event_attributes.scheduled_event_id
            spans.append((started[first], moment))
    return spans


def _covered(spans: Sequence[Span]) -> float:
    """Seconds that lie in at least one span."""
    total, reached = 0.0, min(start for start, _ in spans)
    for start, end in sorted(spans):
        if end > reached:
            total += (end - max(start, reached)).total_seconds()
            reached = end
    return total


def _print(rows: Sequence[tuple[str, float, float, str]]) -> None:
    table = Table(
        "figure",
        "measured",
        "limit",
        "unit",
        "",
        title=f"create, commands and backup: medians of {_RUNS}; growth and recovery: once",
    )
    for name, value, limit, unit in rows:
        table.add_row(name, f"{value:.2f}", f"{limit:g}", unit, "ok" if value <= limit else "OVER")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
