"""Which backups go, and which objects in the bucket belong to no backup."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from wdrip import names
from wdrip.models.backup import DATE_FORMAT, BackupEntry, BackupIndex, BackupPolicy, Standing


@dataclass(frozen=True)
class Retention:
    """What one round does: first the index is written, then objects are deleted.

    In this order a crash leaves objects without entry, which the next round finds, and never the reverse.
    """

    index: BackupIndex
    """The index as it shall be."""
    removed: tuple[BackupEntry, ...]
    """Entries that leave because there are enough without them; newest first."""
    lost: tuple[BackupEntry, ...]
    """Entries that leave because their object is gone: somebody must be told."""
    doomed_keys: tuple[str, ...]
    """Objects to delete, in the keys' order: those of `removed`, and garbage."""


def retention(
    cluster: str,
    index: BackupIndex,
    keys: Collection[str],
    policy: BackupPolicy,
    in_flight: Collection[str] = (),
) -> Retention:
    """Decide a round.

    keys: every object below the cluster's backup folder, listed *after* the index was read, so that a backup
    that came in between is not taken for garbage. in_flight: dates that are being uploaded, verified or
    restored now; nothing of theirs is touched.

    Kept are the `policy.keep` newest backups against which nothing speaks, the last of each hour, day and
    week of the tiers, and always the newest good one and the newest that was restored in a drill. A bad one
    stays for a look until a good one is newer, and at most `policy.keep` of them.
    """
    lost = tuple(each for each in index.entries if each.path not in keys)
    there = [each for each in index.entries if each not in lost]
    wanted = _kept(there, policy) | set(in_flight)
    removed = tuple(each for each in there if each.date not in wanted)
    left = index.without({each.date for each in (*lost, *removed)})
    known = {each.date for each in left.entries} | set(in_flight)
    doomed = sorted(key for key in keys if not _belongs(cluster, key, known))
    return Retention(left, removed, lost, tuple(doomed))


def _kept(entries: list[BackupEntry], policy: BackupPolicy) -> set[str]:
    usable = [each for each in entries if each.standing is not Standing.BAD]
    kept = [*usable[: policy.keep]]
    kept += _last_of_each(usable, policy.tiers.hourly, lambda date: date[:11])
    kept += _last_of_each(usable, policy.tiers.daily, lambda date: date[:8])
    kept += _last_of_each(usable, policy.tiers.weekly, _week)
    kept += [each for each in usable if each.good][:1]
    kept += [each for each in usable if each.standing is Standing.VERIFIED][:1]
    return {each.date for each in kept} | {each.date for each in _bad_for_a_look(entries)[: policy.keep]}


def _bad_for_a_look(entries: list[BackupEntry]) -> list[BackupEntry]:
    """The bad ones that are newer than every good one."""
    newest_good = next((each.date for each in entries if each.good), "")
    return [each for each in entries if each.standing is Standing.BAD and each.date > newest_good]


def _last_of_each(
    entries: Iterable[BackupEntry], count: int, period: Callable[[str], str]
) -> list[BackupEntry]:
    """The newest entry of each of the `count` latest periods that have one."""
    found: dict[str, BackupEntry] = {}
    for entry in entries:
        found.setdefault(period(entry.date), entry)
    return list(found.values())[:count]


def _week(date: str) -> str:
    year, week, _ = datetime.strptime(date, DATE_FORMAT).replace(tzinfo=UTC).isocalendar()
    return f"{year}-{week}"


def _belongs(cluster: str, key: str, dates: Collection[str]) -> bool:
    folder = names.backup_folder(cluster)
    if not key.startswith(folder):
        return True
    date, _, rest = key.removeprefix(folder).partition("/")
    return not rest or date in dates
