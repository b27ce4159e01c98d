"""The new first master: one machine an attempt, proven, restored, cleaned of what is not there any more."""

import json

import pytest

from activities.recovery.masters import RecoveryMasters
from activities.tasks import RecoverTask
from tests.activities.recoveries import ATTEMPT, NEWEST, SNAPSHOT, Recovery
from tests.activities.scripted import ZONES
from wdrip import names
from wdrip.errors import PermanentError
from wdrip.models.backup import Standing
from wdrip.models.cluster import Machine

FIRST, SECOND = ZONES[::-1]
"""In the order of the cluster's configuration."""
TYPE = "ecs.c6.xlarge"


@pytest.fixture
def masters(recovery: Recovery) -> RecoveryMasters:
    return RecoveryMasters(recovery.cloud.clients())


@pytest.fixture
def staged(recovery: Recovery) -> RecoverTask:
    """A recovery whose secrets lie ready; the cluster's own are lost."""
    key = names.staged_secrets_key("c1", ATTEMPT)
    task = recovery.task(recovery.back_up())
    recovery.objects[key] = recovery.sealed(recovery.opened(names.secrets_key("c1")), key)
    del recovery.objects[names.secrets_key("c1")]
    return task


@pytest.fixture
def built(recovery: Recovery) -> RecoverTask:
    """A recovery whose master is built."""
    return recovery.task(recovery.back_up(), recovery.add("i-new", names.ROLE_COMING, recovery=ATTEMPT))


def prints(recovery: Recovery, operation: str, **finding: object) -> None:
    recovery.cloud.machines.outputs[operation] = f"wdrip-result {json.dumps(finding)}"


# --- built ----------------------------------------------------------------------------------------


def test_it_is_built_aside_with_the_secrets_that_were_laid_ready(
    recovery: Recovery, masters: RecoveryMasters, staged: RecoverTask
) -> None:
    machine: Machine = recovery.run(masters.build_recovery_master, staged)
    (started,) = recovery.cloud.machines.machines.values()
    assert (machine.instance_id, machine.zone_id) == (started.instance_id, FIRST)
    assert started.tags == {
        **recovery.tags(),
        names.TAG_ROLE: names.ROLE_COMING,
        names.TAG_RECOVERY: ATTEMPT,
    }
    assert recovery.operations()[-1] == (machine.instance_id, "receive-secrets")
    assert [key for key in recovery.objects if key.startswith(names.TRANSIT_PREFIX)] == []


def test_the_next_zone_serves_and_a_repetition_finds_that_machine(
    recovery: Recovery, masters: RecoveryMasters, staged: RecoverTask
) -> None:
    recovery.cloud.machines.sold_out = {(TYPE, FIRST)}
    machine: Machine = recovery.run(masters.build_recovery_master, staged)
    assert machine.zone_id == SECOND
    recovery.cloud.machines.sold_out = set()
    assert recovery.run(masters.build_recovery_master, staged) == machine
    assert len(recovery.cloud.machines.machines) == 1


def test_another_attempt_has_a_machine_of_its_own(
    recovery: Recovery, masters: RecoveryMasters, staged: RecoverTask
) -> None:
    theirs = recovery.add("i-theirs", names.ROLE_COMING, recovery="another attempt")
    machine: Machine = recovery.run(masters.build_recovery_master, staged)
    assert machine.instance_id != theirs.instance_id


def test_every_zone_that_has_none_is_named(
    recovery: Recovery, masters: RecoveryMasters, staged: RecoverTask
) -> None:
    recovery.cloud.machines.sold_out = {(TYPE, zone) for zone in ZONES}
    with pytest.raises(PermanentError, match=f"no {TYPE} in {FIRST}; no {TYPE} in {SECOND}"):
        recovery.run(masters.build_recovery_master, staged)


def test_released_only_what_this_attempt_built_goes(
    recovery: Recovery, masters: RecoveryMasters, built: RecoverTask
) -> None:
    recovery.add("i-m1", names.ROLE_MASTER, recovery=ATTEMPT)
    recovery.add("i-theirs", names.ROLE_COMING, recovery="another attempt")
    for _ in range(2):
        recovery.run(masters.release_recovery_master, built)
    assert set(recovery.cloud.machines.machines) == {"i-m1", "i-theirs"}


# --- proven and restored --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "its object is missing from the bucket"), (SNAPSHOT[:-1], "it has 17 bytes, not 18")],
    ids=["missing", "truncated"],
)
def test_what_is_not_there_needs_no_drill_to_be_bad(
    recovery: Recovery, masters: RecoveryMasters, built: RecoverTask, content: bytes | None, reason: str
) -> None:
    del recovery.objects[built.backup.path]
    if content is not None:
        recovery.objects[built.backup.path] = content
    verdict = recovery.run(masters.prove_backup, built)
    assert (verdict.ok, verdict.reason) == (False, reason)
    assert recovery.operations() == []
    found = recovery.store("c1").index().entries[0]
    assert (found.standing, found.complaint) == (Standing.BAD, reason)


@pytest.mark.parametrize(
    ("ok", "standing"), [(True, Standing.VERIFIED), (False, Standing.BAD)], ids=["good", "bad"]
)
def test_a_drill_proves_it_and_its_verdict_stands_beside_it(
    recovery: Recovery, masters: RecoveryMasters, built: RecoverTask, ok: bool, standing: Standing
) -> None:
    prints(recovery, "verify-snapshot", ok=ok, reason="" if ok else "it does not restore")
    assert recovery.run(masters.prove_backup, built).ok is ok
    assert recovery.operations() == [("i-new", "verify-snapshot")]
    script = recovery.script("verify-snapshot")
    assert "WDRIP_KEEP=yes" in script, "what was proven is what is restored"
    assert recovery.store("c1").index().entries[0].standing is standing
    assert names.backup_hold_key("c1", NEWEST) not in recovery.objects


def test_a_machine_that_tells_nothing_says_nothing_against_the_backup(
    recovery: Recovery, masters: RecoveryMasters, built: RecoverTask
) -> None:
    with pytest.raises(PermanentError, match="i-new gave no verdict"):
        recovery.run(masters.prove_backup, built)
    with pytest.raises(PermanentError, match="i-new did not tell what it restored"):
        recovery.run(masters.restore_backup, built)
    assert recovery.store("c1").index().entries == (built.backup,)


def test_etcd_is_restored_as_a_cluster_that_no_old_member_takes_for_its_own(
    recovery: Recovery, masters: RecoveryMasters, built: RecoverTask
) -> None:
    prints(recovery, "restore-etcd", revision=100, live_keys=40, bumped=False)
    assert recovery.run(masters.restore_backup, built).revision == 100
    assert f"WDRIP_CLUSTER_TOKEN={ATTEMPT}\n" in recovery.script("restore-etcd")


# --- started and cleaned --------------------------------------------------------------------------


def test_the_control_plane_starts_with_certificates_for_this_clusters_addresses(
    recovery: Recovery, masters: RecoveryMasters, built: RecoverTask
) -> None:
    recovery.run(masters.start_restored_control_plane, built)
    script = recovery.script("init-control-plane")
    assert recovery.cloud.outputs["PublicEndpoint"] in script
    assert recovery.cloud.outputs["PrivateEndpoint"] in script


@pytest.fixture
def nodes(recovery: Recovery, built: RecoverTask) -> dict[str, str]:
    """Restored Nodes by instance id: of the new master, an old one, a worker, and of somebody else."""
    recovery.add("i-old", names.ROLE_RETIRED, "Stopped", recovery=ATTEMPT)
    recovery.add("i-w", names.ROLE_WORKER)
    machines = recovery.cloud.machines.machines.values()
    found = {each.instance_id: names.node_name(each.private_ip, each.instance_id) for each in machines}
    listed = [*found.values(), "virtual-kubelet"]
    recovery.cloud.machines.outputs["list-nodes"] = "".join(f"wdrip-node {name}\n" for name in listed)
    return found


def test_in_place_the_workers_nodes_stay(
    recovery: Recovery, masters: RecoveryMasters, built: RecoverTask, nodes: dict[str, str]
) -> None:
    assert recovery.run(masters.clean_stale, built) == (nodes["i-old"],)
    script = recovery.script("clean-after-restore")
    assert f"WDRIP_NODES={nodes['i-old']}\n" in script
    assert "WDRIP_ALL_OTHERS=no\n" in script


def test_onto_another_no_node_but_the_new_ones_stays(
    recovery: Recovery, masters: RecoveryMasters, built: RecoverTask, nodes: dict[str, str]
) -> None:
    over = built.model_copy(update={"plan": recovery.task(recovery.back_up(of=recovery.old)).plan})
    assert recovery.run(masters.clean_stale, over) == tuple(sorted((nodes["i-old"], nodes["i-w"])))
    assert "WDRIP_ALL_OTHERS=yes\n" in recovery.script("clean-after-restore")
