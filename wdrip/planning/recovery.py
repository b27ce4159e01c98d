"""What a recovery restores, what that loses, and in which order it goes.

A backup is chosen by what is known of it. Whether it restores is proven afterwards, on the new machine and
before anything old is touched; if it does not, the plan's fallbacks are the next ones.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.backup import BackupEntry, BackupIndex, RecoveryPlan, Standing
from wdrip.models.backup import RecoveryStep as Step
from wdrip.planning.backup_schedule import in_words


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


@dataclass(frozen=True)
class Survivor:
    """An etcd member of the lost cluster that still has its data."""

    name: str
    revision: int
    sound: bool
    """Whether a snapshot of it was taken and its structure is right."""
    reason: str = ""
    """Why it is not sound."""


def plan_recovery(
    source: RecoverySource,
    target: RecoveryTarget,
    index: BackupIndex,
    keys: Collection[str],
    now: datetime,
    *,
    date: str | None = None,
    survivors: Sequence[Survivor] = (),
    last_revision: int | None = None,
    bumps_revision: bool = False,
) -> RecoveryPlan:
    """The plan of a recovery, to be shown and then followed.

    keys: objects below the source's backup folder. date: the backup that a person names; otherwise the newest
    good one, or a sound survivor with a higher revision when the recovery is in place. last_revision: the
    highest one ever seen of the source. bumps_revision: whether the target's etcd tools can raise the
    revision above everything that old watchers may have seen.

    Raises InvalidInput when the named backup cannot be used, PermanentError when none can; both say why, and
    which one can.
    """
    complaints = {each.date: complaint(each, source, target, keys) for each in index.entries}
    usable = [each for each in index.entries if not complaints[each.date] and each.good]
    chosen = _named(date, source, index, complaints, usable) if date else next(iter(usable), None)
    survivor = None
    if date is None and source.name == target.name:
        survivor = _freshest(survivors, chosen)
    if chosen is None and survivor is None:
        raise _nothing(source, index, complaints)
    older_than = chosen.date if chosen is not None else ""
    fallbacks = tuple(each for each in usable if each.date < older_than)
    if survivor is not None and chosen is not None:
        fallbacks = (chosen, *fallbacks)
    return RecoveryPlan(
        target=target.name,
        source=source.name,
        backup=None if survivor else chosen,
        survivor=survivor.name if survivor else "",
        fallbacks=fallbacks,
        refused=_refused(index, complaints, older_than, survivors, survivor),
        loss=loss(survivor or chosen, now, last_revision),
        wanted_masters=target.masters,
        steps=recovery_steps(
            in_place=source.name == target.name,
            masters=target.masters,
            from_survivor=survivor is not None,
            bumps_revision=bumps_revision,
        ),
    )


def fall_back(
    plan: RecoveryPlan, reason: str, now: datetime, last_revision: int | None = None
) -> RecoveryPlan:
    """The plan with the next of its fallbacks, after what it would restore did not pass the proof.

    More is lost, so whoever consented to `plan` has not consented to this one. Raises PermanentError when
    there is no fallback: nothing was touched, and nothing can be restored.
    """
    told = f"{plan.restores} is not used: {reason}"
    if not plan.fallbacks:
        reasons = "; ".join((*plan.refused, told))
        raise PermanentError(
            f"{plan.source} cannot be recovered: {reasons}. Nothing of {plan.target} was changed; look for a "
            "copy of the bucket, or for the disks of its masters"
        )
    following, *others = plan.fallbacks
    return RecoveryPlan(
        target=plan.target,
        source=plan.source,
        backup=following,
        fallbacks=tuple(others),
        refused=(*plan.refused, told),
        loss=loss(following, now, last_revision),
        wanted_masters=plan.wanted_masters,
        steps=tuple(step for step in plan.steps if step is not Step.SAVE_SURVIVOR),
    )


def complaint(
    entry: BackupEntry, source: RecoverySource, target: RecoveryTarget, keys: Collection[str]
) -> str:
    """Why a backup cannot be used; empty when nothing speaks against it."""
    runs = f"and {target.name}'s machines run {target.kubernetes_version}"
    problems = (
        (entry.name != source.name, f"it is of cluster {entry.name}"),
        (
            bool(source.uid) and entry.cluster_uid != source.uid,
            f"it is of an earlier cluster that was called {entry.name} too",
        ),
        (entry.path not in keys, f"its object {entry.path} is missing"),
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


def disk_needed(snapshot_bytes: int) -> int:
    """Bytes that proving and restoring a snapshot takes: three copies, and logs (64 MB each, two etcds)."""
    return 3 * snapshot_bytes + 2 * 64 * 1024 * 1024


def loss(kept: BackupEntry | Survivor | None, now: datetime, last_revision: int | None) -> str:
    """What is lost when `kept` is restored, in words that a person can decide upon."""
    if kept is None:
        return "everything"
    behind = ""
    if last_revision is not None:
        count = max(0, last_revision - kept.revision)
        behind = f" ({count} revisions up to {last_revision}, the last one seen)"
    if isinstance(kept, Survivor):
        return f"what member {kept.name} had not yet received at revision {kept.revision}{behind}"
    age = in_words(now - kept.taken_at)
    return (
        f"every change after {kept.taken_at:%Y-%m-%d %H:%M} UTC, {age} ago, that is after revision "
        f"{kept.revision}{behind}"
    )


def recovery_steps(
    *, in_place: bool, masters: int, from_survivor: bool, bumps_revision: bool
) -> tuple[Step, ...]:
    """The steps of a recovery in their order: build beside, prove, switch, and only then clear away."""
    steps: list[tuple[Step, bool]] = [
        (Step.PAUSE_AUTOMATION, True),
        (Step.BACK_UP_TARGET, not in_place),
        (Step.STAGE_IDENTITY, not in_place),
        (Step.SAVE_SURVIVOR, from_survivor),
        (Step.BUILD_MASTER, True),
        (Step.PROVE_BACKUP, True),
        (Step.RESTORE_ETCD, True),
        (Step.CHECK_RESTORED, True),
        (Step.STOP_OLD_MASTERS, in_place),
        (Step.START_CONTROL_PLANE, True),
        (Step.CLEAN_STALE, True),
        (Step.BIND_TO_TARGET, not in_place),
        (Step.CHECK_API, True),
        (Step.ADOPT_IDENTITY, not in_place),
        (Step.SWITCH_ENDPOINT, True),
        (Step.RENEW_WATCHERS, in_place and not bumps_revision),
        (Step.AWAIT_WORKERS, in_place),
        (Step.RECREATE_POOLS, not in_place),
        (Step.GROW_MASTERS, masters > 1),
        (Step.BACK_UP_RESULT, True),
        (Step.RETIRE_OLD_MACHINES, True),
        (Step.RESUME_AUTOMATION, True),
    ]
    return tuple(step for step, wanted in steps if wanted)


DESTRUCTIVE = frozenset({Step.RETIRE_OLD_MACHINES})
"""Steps that cannot be taken back: afterwards the old data exist in backups only."""

DISRUPTIVE = frozenset({Step.STOP_OLD_MASTERS, Step.ADOPT_IDENTITY, Step.SWITCH_ENDPOINT})
"""Steps that what still runs notices. Each has an undo: start them, put the identity back, switch back."""

_PROVEN = frozenset({Step.BUILD_MASTER, Step.PROVE_BACKUP, Step.RESTORE_ETCD, Step.CHECK_RESTORED})

_NEEDS = {
    Step.PROVE_BACKUP: frozenset({Step.BUILD_MASTER}),
    Step.RESTORE_ETCD: frozenset({Step.PROVE_BACKUP}),
    Step.CHECK_RESTORED: frozenset({Step.RESTORE_ETCD}),
    Step.START_CONTROL_PLANE: _PROVEN,
    Step.CLEAN_STALE: frozenset({Step.START_CONTROL_PLANE}),
    Step.CHECK_API: frozenset({Step.CLEAN_STALE}),
    **dict.fromkeys(DISRUPTIVE, _PROVEN),
    Step.SWITCH_ENDPOINT: _PROVEN | {Step.CHECK_API},
    Step.GROW_MASTERS: frozenset({Step.SWITCH_ENDPOINT}),
    **dict.fromkeys(DESTRUCTIVE, _PROVEN | {Step.CHECK_API, Step.SWITCH_ENDPOINT, Step.BACK_UP_RESULT}),
}


def missing_before(step: Step, done: Collection[Step]) -> frozenset[Step]:
    """What must have been done before `step` and was not. The workflow asks this before every step."""
    return _NEEDS.get(step, frozenset()) - set(done)


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


def _freshest(survivors: Sequence[Survivor], chosen: BackupEntry | None) -> Survivor | None:
    """The sound survivor with the highest revision, if it has more than the backup."""
    sound = [each for each in survivors if each.sound and (not chosen or each.revision > chosen.revision)]
    return max(sound, key=lambda each: (each.revision, each.name), default=None)


def _refused(
    index: BackupIndex,
    complaints: dict[str, str],
    older_than: str,
    survivors: Sequence[Survivor],
    survivor: Survivor | None,
) -> tuple[str, ...]:
    """A sentence for everything newer than what is restored."""
    told = [
        f"member {each.name} is not used: {each.reason or 'its data are not sound'}"
        for each in survivors
        if each is not survivor and not each.sound
    ]
    for entry in index.entries:
        if entry.date > older_than:
            told.append(f"backup {entry.date} is not used: {complaints[entry.date] or _UNSEEN}")
    return tuple(told)


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
