"""The backup index and its entries: order, places, verdicts; and the policy's refusals."""

import pytest
from pydantic import ValidationError

from tests.wdrip.backup_entries import CLUSTER, entry, moment
from wdrip import names
from wdrip.errors import InvalidInput
from wdrip.models.backup import (
    BackupEntry,
    BackupIndex,
    BackupPolicy,
    Standing,
    Verdict,
    VerdictKind,
)
from wdrip.models.reading import read_document

LATE, EARLY = "20211002-1024", "20211002-1014"


def verdict(kind: VerdictKind, ok: bool) -> Verdict:
    return Verdict(verified_at=moment(LATE), kind=kind, ok=ok, reason="" if ok else "broken")


def test_the_guides_places() -> None:
    assert names.backup_index_key(CLUSTER) == "wdrip/backup/kubernetes-id-001/index.json"
    one = entry(LATE)
    assert (one.prefix, one.path) == (
        "wdrip/backup",
        "wdrip/backup/kubernetes-id-001/20211002-1024/snapshot.db",
    )


def test_an_index_survives_json() -> None:
    index = BackupIndex.of([entry(EARLY, Standing.BAD), entry(LATE, Standing.VERIFIED)])
    assert BackupIndex.model_validate_json(index.model_dump_json()) == index


def test_entries_stand_newest_first_in_whatever_order_they_come() -> None:
    index = BackupIndex().with_entry(entry(LATE)).with_entry(entry(EARLY))
    assert [each.date for each in index.entries] == [LATE, EARLY]


@pytest.mark.parametrize("dates", [[EARLY, LATE], [LATE, LATE]])
def test_an_index_out_of_order_or_with_a_date_twice_is_damaged(dates: list[str]) -> None:
    with pytest.raises(ValidationError, match="newest first"):
        BackupIndex(entries=tuple(entry(date) for date in dates))


@pytest.mark.parametrize(
    "change",
    [
        {"path": "wdrip/backup/other/20211002-1024/snapshot.db"},
        {"sha256": "0" * 63},
        {"size": 0},
        {"revision": 0},
        {"date": "2021-10-02"},
        {"unknown": 1},
    ],
)
def test_an_entry_that_cannot_be_true_is_damaged(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BackupEntry.model_validate({**entry(LATE).model_dump(), **change})


def test_writing_an_entry_again_replaces_it() -> None:
    index = BackupIndex.of([entry(LATE)]).with_entry(entry(LATE, Standing.VERIFIED))
    assert [each.standing for each in index.entries] == [Standing.VERIFIED]


DRILL, STRUCTURE = VerdictKind.DRILL, VerdictKind.STRUCTURE


@pytest.mark.parametrize(
    ("verdicts", "standing"),
    [
        ([], Standing.UNVERIFIED),
        ([(STRUCTURE, True)], Standing.SOUND),
        ([(STRUCTURE, True), (DRILL, True)], Standing.VERIFIED),
        ([(DRILL, True), (STRUCTURE, True)], Standing.VERIFIED),
        ([(DRILL, True), (STRUCTURE, False)], Standing.BAD),
        ([(DRILL, False), (STRUCTURE, True)], Standing.BAD),
        ([(DRILL, False), (DRILL, True)], Standing.VERIFIED),
        ([(DRILL, True), (DRILL, False)], Standing.BAD),
        ([(STRUCTURE, False)], Standing.BAD),
    ],
)
def test_standing_is_what_the_newest_verdict_of_each_kind_says(
    verdicts: list[tuple[VerdictKind, bool]], standing: Standing
) -> None:
    index = BackupIndex.of([entry(LATE, Standing.UNVERIFIED)])
    for kind, ok in verdicts:
        index = index.with_verdict(LATE, verdict(kind, ok))
    found = index.entries[0]
    assert found.standing is standing
    assert found.good is (standing in (Standing.SOUND, Standing.VERIFIED))
    assert found.complaint == ("broken" if standing is Standing.BAD else "")


def test_a_verdict_on_a_backup_that_is_gone_changes_nothing() -> None:
    index = BackupIndex.of([entry(LATE)])
    assert index.with_verdict(EARLY, verdict(DRILL, True)) == index


def test_the_guides_policy_is_the_default() -> None:
    policy = BackupPolicy()
    assert (policy.interval_seconds, policy.keep, policy.cron) == (600, 4, None)


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"keep": 0}, "keep: would keep no backup; write 1 or more"),
        ({"intervalSeconds": 59}, "intervalSeconds: is below a minute; write 60 or more"),
        ({"maxAgeSeconds": 300}, "maxAgeSeconds: is shorter than the interval"),
        ({"maxAgeSeconds": 1}, "maxAgeSeconds: is below a minute"),
        ({"drillEverySeconds": 1}, "drillEverySeconds: is below a minute"),
        ({"cron": "* * * *"}, "cron: must have five fields"),
        ({"cron": "*/5 * * * * *"}, "cron: must have five fields"),
        ({"keeps": 4}, "keeps: is unknown; did you mean `keep`?"),
        ({"tiers": {"hourly": -1}}, "tiers.hourly: "),
    ],
)
def test_a_bad_policy_is_refused_in_one_line(document: dict[str, object], line: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_document(BackupPolicy, document)
    assert str(refused.value).startswith(line)
