"""How long masters and workers take to come, against the same by hand, and what an idle cluster costs."""

import asyncio
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.api.enums.v1 import EventType

from benchmarks.clusters import Row, running
from localcloud.images import default_cache
from starters.temporal import connect
from tests.e2e.bare import (
    TOKEN,
    BareMachine,
    add_voter,
    bring_up,
    hand_over_secrets,
    installing,
    join_master,
)
from tests.e2e.kept import JOINED_SECONDS, NAME, Kept
from tests.e2e.stack import Stack
from wdrip.nodes.package.build import build_package
from wdrip.security.bundle import SecretsBundle

_IDLE = timedelta(minutes=5)
"""One whole turn of a cluster to which nothing happens (`workflows.alarm.IDLE`)."""

_BILLED = (
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
)


def measure(folder: Path) -> list[Row]:
    """The figures, on a stack of their own below the folder."""
    bare = _bare_seconds(folder / "bare")
    with running(folder) as cluster:
        return _measure(cluster, bare)


def _measure(cluster: Kept, bare: float) -> list[Row]:
    stack = cluster.stack
    began, edited = datetime.now(UTC), time.monotonic()
    cluster.edit("s/replicas: 1/replicas: 3/", "masterset")
    cluster.await_masters(3, 2 * JOINED_SECONDS)
    masters = time.monotonic() - edited
    first = asyncio.run(_first_action(stack, "launch_master", began))
    one = _pool_seconds(cluster, "one", 1)
    five = _pool_seconds(cluster, "five", 5)
    time.sleep(_IDLE.total_seconds() * 1.5)
    idle = asyncio.run(_actions(stack, datetime.now(UTC) - _IDLE))
    return [
        (f"1 to 3 masters ({masters:.0f} s) / by hand ({bare:.0f} s)", masters / bare, 1.5, "ratio"),
        ("kubectl edit until the first action", first, 3.0, "s"),
        ("a worker, applied to Ready", one, 90.0, "s"),
        (f"five workers ({five:.0f} s) / one ({one:.0f} s)", five / one, 2.0, "ratio"),
        (
            "Temporal actions an hour, idle, by five minutes",
            idle * (timedelta(hours=1) / _IDLE),
            36.0,
            "actions",
        ),
    ]


def _pool_seconds(cluster: Kept, name: str, machines: int) -> float:
    """From `kubectl apply` until all of the pool's Nodes are Ready."""
    began = time.monotonic()
    cluster.kubectl(
        "apply",
        "-f",
        "-",
        stdin=f"apiVersion: alibabacloud.com/v1\nkind: NodePool\nmetadata: {{name: {name}}}\n"
        f"spec: {{infra: {{desiredCapacity: {machines}}}}}\n",
    )
    cluster.await_pool(name, machines, JOINED_SECONDS)
    return time.monotonic() - began


def _bare_seconds(folder: Path) -> float:
    """One master to three by hand: two machines, installed side by side, then one after the other a learner,
    its promotion, `kubeadm join`."""
    rootfs = subprocess.run(
        [sys.executable, "-m", "localcloud.images", "prepare"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()[-1]
    package = build_package(default_cache(), "1.20.2", print)
    bundle = SecretsBundle.new(TOKEN)
    folder.mkdir(parents=True)
    first, *others = [BareMachine(folder / f"m{n}", f"192.168.0.{76 + n}", f"i-bare{n}") for n in range(3)]
    with ExitStack() as machines:
        machines.enter_context(first.booted(Path(rootfs), "bench"))
        hand_over_secrets(first, bundle)
        bring_up(first, package)
        began = time.monotonic()
        for each in others:
            machines.enter_context(each.booted(Path(rootfs), "bench"))
        with ThreadPoolExecutor() as together:
            list(together.map(lambda each: each.succeed(installing(each, package)), others))
        for each in others:
            hand_over_secrets(each, bundle)
            add_voter(first, each)
            join_master(each, first)
        return time.monotonic() - began


async def _first_action(stack: Stack, activity: str, since: datetime) -> float:
    """Seconds until the first activity of that name was scheduled."""
    client = await connect(stack.temporal_address)
    async for event in client.get_workflow_handle(NAME).fetch_history_events():
        name = event.activity_task_scheduled_event_attributes.activity_type.name
        moment = event.event_time.ToDatetime(tzinfo=UTC)
        if name == activity and moment >= since:
            return (moment - since).total_seconds()
    raise RuntimeError(f"no {activity} since {since}")


async def _actions(stack: Stack, since: datetime) -> int:
    """Activities, timers and children that were begun since then."""
    client = await connect(stack.temporal_address)
    return sum(
        [
            event.event_type in _BILLED and event.event_time.ToDatetime(tzinfo=UTC) >= since
            async for event in client.get_workflow_handle(NAME).fetch_history_events()
        ]
    )
