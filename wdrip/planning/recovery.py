"""What a recovery restores, what that loses, and in which order it goes.

A backup is chosen by what is known of it. Whether it restores is proven afterwards, on the new machine and
before anything old is touched; if it does not, the plan's fallbacks are the next ones.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.backup import BackupEntry, BackupIndex, Standing
from wdrip.models.cluster import ClusterRecord
from wdrip.models.cluster_config import ClusterConfig
from wdrip.models.recovery import RecoveryPlan
from wdrip.models.recovery import RecoveryStep as Step
from wdrip.planning.backup_schedule import in_words
from wdrip.planning.decision import Decision, Settled


@dataclass(frozen=True)
class RecoveryTarget:
    """The cluster whose infrastructure is used."""

    name: str
    kubernetes_version: str
    """Of the package that its machines run, e.g. `v1.20.2`."""
    etcd_version: str
    """Of the same package."""
    masters: int
    """How many masters it shall have when all is done."""


@dataclass(frozen=True)
class RecoverySource:
    """The cluster whose objects and identity come back."""

    name: str
    uid: str
    """Empty when its record is gone; the backups' own name then has to do."""
    key_id: str
    """Fingerprint of the key that can open its sealed secrets; empty when it is not known."""


def plan_recovery(
    source: RecoverySource,
    target: RecoveryTarget,
    index: BackupIndex,
    sizes: Mapping[str, int],
    now: datetime,
    *,
    date: str | None = None,
    last_revision: int | None = None,
) -> RecoveryPlan:
    """The plan of a recovery, to be shown and then followed.

    sizes: bytes of the objects below the source's backup folder, by key. date: the backup that a person
    names; otherwise the newest good one. last_revision: the highest one ever seen of the source.

    Raises InvalidInput when the named backup cannot be used, PermanentError when none can; both say why, and
    which one can.
    """
    complaints = {each.date: complaint(each, source, target, sizes) for each in index.entries}
    usable = [each for each in index.entries if not complaints[each.date] and each.good]
    chosen = _named(date, source, index, complaints, usable) if date else next(iter(usable), None)
    if chosen is None:
        raise _nothing(source, index, complaints)
    in_place = source.name == target.name
    return RecoveryPlan(
        target=target.name,
        source=source.name,
        backup=chosen,
        fallbacks=tuple(each.date for each in usable if each.date < chosen.date),
        refused=tuple(
            f"backup {entry.date} is not used: {complaints[entry.date] or _UNSEEN}"
            for entry in index.entries
            # A person who names an older one knows that the newer ones are good.
            if entry.date > chosen.date and (date is None or entry not in usable)
        ),
        loss=loss(chosen, now, last_revision),
        wanted_masters=target.masters,
        steps=recovery_steps(in_place=in_place),
    )


def complaint(
    entry: BackupEntry, source: RecoverySource, target: RecoveryTarget, sizes: Mapping[str, int]
) -> str:
    """Why a backup cannot be used; empty when nothing speaks against it."""
    misfit = entry.misfit(sizes.get(entry.path))
    runs = f"and {target.name}'s machines run {target.kubernetes_version}"
    problems = (
        (entry.name != source.name, f"it is of cluster {entry.name}"),
        (
            bool(source.uid) and entry.cluster_uid != source.uid,
            f"it is of an earlier cluster that was called {entry.name} too",
        ),
        (bool(misfit), misfit),
        (entry.standing is Standing.BAD, f"it is bad: {entry.complaint}"),
        (
            bool(source.key_id and entry.key_id) and entry.key_id != source.key_id,
            "its secrets were sealed with another key than the one that is configured",
        ),
        (
            _minor(entry.kubernetes_version) != _minor(target.kubernetes_version),
            f"it is of Kubernetes {entry.kubernetes_version}, {runs}",
        ),
        (
            not _reads(target.etcd_version, entry.etcd_version),
            f"it is of etcd {entry.etcd_version}, which etcd {target.etcd_version} does not read",
        ),
    )
    return next((words for found, words in problems if found), "")


def refuse_transfer(source: str, target: str, phase: str, *, free_bytes: int, snapshot_bytes: int) -> None:
    """Raise InvalidInput when `recover -n target -f source` makes no sense.

    phase: of the target; empty when there is no such cluster. free_bytes: on the disk of a new master of the
    target, which holds the download, the proof's copy and the restored data at once.
    """
    if source == target:
        raise InvalidInput(
            "--from", f"is {target} itself", f"leave it out to recover {target} on its own infrastructure"
        )
    if phase != "Running":
        state = f"is {phase}" if phase else "does not exist"
        raise InvalidInput("--name", f"cluster {target} {state}", "create it first: wdrip create --config")
    needed = disk_needed(snapshot_bytes)
    if free_bytes < needed:
        raise InvalidInput(
            "--name",
            f"the masters of {target} have {free_bytes} bytes of free disk, and {needed} are needed",
            "create a cluster with larger disks",
        )


def with_network_of(target: ClusterRecord, source: ClusterRecord) -> ClusterRecord:
    """The target with the pods' and Services' network of the source, whose objects are full of its addresses.

    Raises InvalidInput when those ranges touch the target's own.
    """
    document = target.config.model_dump(mode="json", by_alias=True)
    document["network"] = source.config.network.model_dump(mode="json", by_alias=True)
    try:
        config = ClusterConfig.model_validate(document)
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise InvalidInput(
            "--from",
            f"the network of {source.name} does not fit into {target.name} ({problem})",
            f"create a cluster whose `iaas.vpccidr` touches neither {source.config.network.podcidr} nor "
            f"{source.config.network.svccidr}",
        ) from error
    return target.model_copy(update={"config": config})


def rebound(
    pool: Mapping[str, Any], source: ClusterRecord, target: ClusterRecord
) -> dict[str, list[str] | None]:
    """What of a restored NodePool's `infra` has to change on the target: null takes a field out.

    pool: its spec, as JSON. Zones that the target does not have go; an image belongs to its region. What is
    left out, the target's own configuration decides.
    """
    infra, changes = pool.get("infra") or {}, dict[str, list[str] | None]()
    zones = infra.get("zones") or []
    kept = [zone for zone in zones if zone in target.config.iaas.all_zones]
    if zones and kept != zones:
        changes["zones"] = kept or None
    if "imageId" in infra and source.region != target.region:
        changes["imageId"] = None
    return changes


def disk_needed(snapshot_bytes: int) -> int:
    """Bytes that proving and restoring a snapshot takes: three copies, and logs (64 MB each, two etcds)."""
    return 3 * snapshot_bytes + 2 * 64 * 1024 * 1024


def loss(kept: BackupEntry, now: datetime, last_revision: int | None) -> str:
    """What is lost when `kept` is restored, in words that a person can decide upon."""
    behind = ""
    if last_revision is not None and last_revision > kept.revision:
        count = last_revision - kept.revision
        behind = f" ({count} revisions up to {last_revision}, the last one seen)"
    age = in_words(now - kept.taken_at)
    return (
        f"every change after {kept.taken_at:%Y-%m-%d %H:%M} UTC, {age} ago, that is after revision "
        f"{kept.revision}{behind}"
    )


def recovery_steps(*, in_place: bool) -> tuple[Step, ...]:
    """The steps of a recovery in their order: build beside, prove, switch, and only then clear away.

    In place the old masters are set aside before the new control plane begins to act on the same Nodes. Onto
    another cluster the target's own serve until just before the switch. In no case later: whatever is left in
    service after it would be taken for the recovered cluster's.
    """
    steps: list[tuple[Step, bool]] = [
        (Step.PAUSE_AUTOMATION, True),
        (Step.BACK_UP_TARGET, not in_place),
        (Step.STAGE_IDENTITY, True),
        (Step.BUILD_MASTER, True),
        (Step.PROVE_BACKUP, True),
        (Step.RESTORE_ETCD, True),
        (Step.SET_OLD_ASIDE, in_place),
        (Step.START_CONTROL_PLANE, True),
        (Step.CLEAN_STALE, True),
        (Step.CHECK_API, True),
        (Step.SET_OLD_ASIDE, not in_place),
        (Step.ADOPT_IDENTITY, True),
        (Step.SWITCH_ENDPOINT, True),
        (Step.BIND_TO_TARGET, not in_place),
        (Step.RENEW_WATCHERS, in_place),
        (Step.AWAIT_WORKERS, in_place),
        (Step.RESUME_AUTOMATION, True),
        (Step.GROW_MASTERS, True),
        (Step.BACK_UP_RESULT, True),
        (Step.RETIRE_OLD_MACHINES, True),
    ]
    return tuple(step for step, wanted in steps if wanted)


KEPT_LATER = (Step.GROW_MASTERS, Step.BACK_UP_RESULT, Step.RETIRE_OLD_MACHINES)
"""Steps that follow once the cluster is kept again: it serves already, and they may take long."""

DESTRUCTIVE = frozenset({Step.RETIRE_OLD_MACHINES})
"""Steps that cannot be taken back: afterwards the old data exist in backups only."""

DISRUPTIVE = frozenset({Step.SET_OLD_ASIDE, Step.ADOPT_IDENTITY, Step.SWITCH_ENDPOINT})
"""Steps that what still runs notices. Each has an undo: start them, put the identity back, switch back."""

_PROVEN = frozenset({Step.BUILD_MASTER, Step.PROVE_BACKUP, Step.RESTORE_ETCD})

_NEEDS = {
    Step.BUILD_MASTER: frozenset({Step.STAGE_IDENTITY}),
    Step.PROVE_BACKUP: frozenset({Step.BUILD_MASTER}),
    Step.RESTORE_ETCD: frozenset({Step.PROVE_BACKUP}),
    Step.START_CONTROL_PLANE: _PROVEN,
    Step.CLEAN_STALE: frozenset({Step.START_CONTROL_PLANE}),
    Step.CHECK_API: frozenset({Step.CLEAN_STALE}),
    **dict.fromkeys(DISRUPTIVE, _PROVEN),
    Step.SWITCH_ENDPOINT: _PROVEN | {Step.CHECK_API, Step.ADOPT_IDENTITY, Step.SET_OLD_ASIDE},
    Step.GROW_MASTERS: frozenset({Step.SWITCH_ENDPOINT}),
    **dict.fromkeys(DESTRUCTIVE, _PROVEN | {Step.CHECK_API, Step.SWITCH_ENDPOINT, Step.BACK_UP_RESULT}),
}


def missing_before(step: Step, done: Collection[Step]) -> frozenset[Step]:
    """What must have been done before `step` and was not. The workflow asks this before every step."""
    return _NEEDS.get(step, frozenset()) - set(done)


def retirement_due(masters: Decision, not_before: datetime | None, now: datetime) -> bool:
    """Whether the machines that a recovery set aside may go, after one more backup: all masters stand.

    masters: what the look just taken wants of them. not_before: after a try that failed.
    """
    return isinstance(masters, Settled) and (not_before is None or now >= not_before)


_NODE_NAME = re.compile(r"\d+\.\d+\.\d+\.\d+\.(i-[a-z0-9]+)")


def nodes_without_machine(nodes: Collection[str], living: Collection[str]) -> tuple[str, ...]:
    """The Nodes of a restored cluster that are to be deleted, by name.

    living: instance ids of the machines that stay: the workers and the new master, but no old master. Nodes
    whose names are not wdrip's are somebody else's and never among them.
    """
    parsed = ((name, _NODE_NAME.fullmatch(name)) for name in nodes)
    return tuple(sorted(name for name, match in parsed if match and match[1] not in living))


def _named(
    date: str,
    source: RecoverySource,
    index: BackupIndex,
    complaints: dict[str, str],
    usable: Sequence[BackupEntry],
) -> BackupEntry:
    """The backup of that date; one that nobody has looked at may be named: it is proven before anything."""
    entry = index.dated(date)
    problem = complaints[date] if entry is not None else f"{source.name} has no such backup"
    if entry is not None and not problem:
        return entry
    older = next((each for each in usable if each.date < date), None)
    offered = older or next(iter(usable), None)
    remedy = (
        f"the next good one is {offered.date} ({offered.standing} verified): --backup {offered.date}"
        if offered
        else "no backup of it is good; see `wdrip get -r backup`"
    )
    raise InvalidInput("--backup", f"{date}: {problem}", remedy)


_UNSEEN = "nobody has looked at it yet"


def _nothing(source: RecoverySource, index: BackupIndex, complaints: dict[str, str]) -> PermanentError:
    if not index.entries:
        return PermanentError(
            f"{source.name} has no backups: there is nothing to recover it from. If a master's disk still "
            "exists, its etcd data under /var/lib/etcd may be copied from there"
        )
    reasons = "; ".join(f"{each.date}: {complaints[each.date] or _UNSEEN}" for each in index.entries[:5])
    unseen = next((each.date for each in index.entries if not complaints[each.date]), None)
    remedy = (
        f"have it looked at with `wdrip backup verify -n {source.name}`, or name it: --backup {unseen}"
        if unseen
        else "mend what is wrong, or recover from a copy of the bucket"
    )
    return PermanentError(f"no backup of {source.name} can be used ({reasons}); {remedy}")


def _reads(etcd: str, written_by: str) -> bool:
    """etcd reads what its own and its previous minor version wrote, nothing older and nothing newer."""
    (major, minor), (other_major, other_minor) = _minor(etcd), _minor(written_by)
    return major == other_major and minor - other_minor in (0, 1)


def _minor(version: str) -> tuple[int, int]:
    """(1, 20) of v1.20.4-aliyun.1."""
    major, minor = re.findall(r"\d+", version)[:2]
    return int(major), int(minor)
