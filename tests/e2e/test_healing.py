"""What breaks is healed: on real machines, by what a person, the console or a broken disk does to them.

The cases of one test go on side by side, since the patience of the ladder is real time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.e2e.kept import JOINED_SECONDS, Kept, answered
from wdrip import names
from wdrip.planning.ladder import RUNGS

pytestmark = [pytest.mark.machines, pytest.mark.timeout(1500)]

POOL = "default-nodepool"
WORKERS = 5

_UNTIL_REBOOT = r"""
mkdir -p /run/systemd/system/kubelet.service.d
printf '[Service]\nExecStartPre=/bin/false\n' >/run/systemd/system/kubelet.service.d/hung.conf
systemctl daemon-reload
systemctl stop kubelet
"""


@pytest.fixture(scope="module")
def manned(kept: Kept) -> Iterator[Kept]:
    """The cluster with five workers in its default pool, asked for by the guide's command."""
    said = kept.edit(f"s/desiredCapacity: 0/desiredCapacity: {WORKERS}/", "nodepool", POOL)
    assert f"nodepool.alibabacloud.com/{POOL} edited" in said
    kept.await_pool(POOL, WORKERS, JOINED_SECONDS)
    yield kept
    kept.edit(f"s/desiredCapacity: {WORKERS}/desiredCapacity: 0/", "nodepool", POOL)
    kept.await_pool(POOL, 0, JOINED_SECONDS)


def test_six_things_that_break_at_once_are_healed(manned: Kept) -> None:
    """A silent kubelet, one that only a reboot brings back, a machine switched off, one released, a Node
    deleted, an etcd without its data."""
    since = datetime.now(UTC)
    silent, hung, off, released, unwanted = manned.machines(names.ROLE_WORKER, POOL)
    wiped = manned.masters()[0]
    deleted = names.node_name(unwanted.private_ip, unwanted.instance_id)
    assert f'node "{deleted}" deleted' in manned.kubectl("delete", "node", deleted)
    assert manned.on(silent.instance_id, "systemctl stop kubelet").exit_code == 0
    assert manned.on(hung.instance_id, _UNTIL_REBOOT).exit_code == 0
    wipe = "systemctl stop etcd && rm -rf /var/lib/etcd/member-data && systemctl start --no-block etcd"
    assert manned.on(wiped.instance_id, wipe).exit_code == 0
    manned.ecs.stop_instance(off.instance_id, force=True)
    manned.ecs.delete_instance(released.instance_id)

    manned.stack.until(lambda: "ReplaceSystemDisk" in manned.done_to(wiped.instance_id, since), 300, "a disk")
    manned.stack.until(lambda: "RestartServices" in manned.done_to(silent.instance_id, since), 400, "kubelet")
    manned.await_masters(3, JOINED_SECONDS)
    manned.stack.until(lambda: "Reboot" in manned.done_to(hung.instance_id, since), 400, "a reboot")
    manned.await_pool(POOL, WORKERS, JOINED_SECONDS)

    # Its data never came back as a cluster of its own, and no rung was wasted on it.
    assert _rungs(manned, wiped.instance_id, since) == ["ReplaceSystemDisk"]
    assert wiped.instance_id in {each.instance_id for each in manned.masters()}
    assert manned.done_to(off.instance_id, since) == ["StartMachine"]
    assert manned.done_to(silent.instance_id, since) == ["RestartServices"]
    assert _rungs(manned, hung.instance_id, since) == ["Reboot"]
    assert manned.done_to(released.instance_id, since) == ["DeleteNode"]
    assert manned.done_to(unwanted.instance_id, since) == ["DeleteMachine"]
    left = {each.instance_id for each in manned.machines(names.ROLE_WORKER, POOL)}
    assert {silent.instance_id, hung.instance_id, off.instance_id} <= left
    assert not {released.instance_id, unwanted.instance_id} & left


def test_a_released_master_and_one_whose_node_is_deleted_are_replaced(manned: Kept) -> None:
    """The released one's member goes before anybody comes, the other one's after: it votes well."""
    since = datetime.now(UTC)
    unwanted, _, released = manned.masters()
    node = names.node_name(unwanted.private_ip, unwanted.instance_id)
    assert f'node "{node}" deleted' in manned.kubectl("delete", "node", node)
    manned.ecs.delete_instance(released.instance_id)
    manned.stack.until(
        answered(lambda: _master_nodes_without(manned, released.instance_id)), 200, "its Node to go"
    )
    manned.stack.until(
        lambda: "DeleteMachine" in manned.done_to(unwanted.instance_id, since), 400, "the other to go"
    )
    manned.await_masters(3, JOINED_SECONDS)
    assert manned.done_to(released.instance_id, since)[:2] == ["RemoveMember", "DeleteNode"]
    changes = [
        (each["what"], each["subject"])
        for each in manned.operations()
        if datetime.fromisoformat(each["started"]) >= since
        and each["what"] in ("RemoveMember", "LaunchMaster")
    ]
    whats = [what for what, _ in changes]
    assert (whats[:2], whats[-1]) == (["RemoveMember", "LaunchMaster"], "RemoveMember")
    assert released.instance_id in changes[0][1]
    assert unwanted.instance_id in changes[-1][1]


def test_a_whole_control_plane_that_was_switched_off_comes_back(manned: Kept) -> None:
    """With everything that was written: nothing is restored, and nobody is replaced."""
    since = datetime.now(UTC)
    masters = [each.instance_id for each in manned.masters()]
    manned.kubectl("create", "configmap", "before-the-night")
    for each in masters:
        manned.ecs.stop_instance(each, force=True)
    manned.stack.until(
        lambda: all("StartMachine" in manned.done_to(each, since) for each in masters),
        240,
        "all to be started",
    )
    manned.await_masters(3, 240)
    assert sorted(each.instance_id for each in manned.masters()) == sorted(masters)
    assert "before-the-night" in manned.kubectl("get", "configmap", "before-the-night")


def _rungs(manned: Kept, instance: str, since: datetime) -> list[str]:
    return [each for each in manned.done_to(instance, since) if each in RUNGS]


def _master_nodes_without(manned: Kept, instance: str) -> bool:
    nodes = manned.kubectl("get", "nodes", "-l", "node-role.kubernetes.io/master", "-o", "name")
    return instance not in nodes
