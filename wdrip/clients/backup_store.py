"""A cluster's backups in the bucket: entries, the index made of them, and the dates that are taken.

The truth is each backup's own entry beside its snapshot. The index is their list, kept in one object to be
read at once, and written anew whenever an entry comes or goes; a lost one loses nothing.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from pydantic import ValidationError

from wdrip import names
from wdrip.clients.oss import Bucket, ObjectInfo
from wdrip.errors import PermanentError
from wdrip.models.backup import BackupEntry, BackupIndex, Verdict
from wdrip.models.backup_request import BackupClaim
from wdrip.planning.backup_schedule import next_date

IN_FLIGHT = timedelta(hours=2)
"""How long a date without an entry, or one that is held, counts as being worked on: far longer than a backup
or a drill may take."""

_REWRITES = 5
"""How often the index is written anew because an entry came or went meanwhile; each time is a coincidence."""


class BackupStore:
    """Backups of one cluster."""

    def __init__(self, bucket: Bucket, cluster: str) -> None:
        self._bucket = bucket
        self._cluster = cluster

    def index(self) -> BackupIndex:
        """The backups, newest first; from their own entries when the index is missing or damaged."""
        return self.inspected()[0]

    def inspected(self) -> tuple[BackupIndex, str]:
        """`index`, and what is wrong with the one in the bucket, in words; empty when nothing is."""
        key = names.backup_index_key(self._cluster)
        found = self._bucket.get(key)
        written = None if found is None else _read(found)
        if written is not None:
            return written, ""
        index = self._index_of(self._entry_dates(), BackupIndex())
        if found is not None:
            return index, f"{key} is damaged"
        return index, f"{key} is missing" if index.entries else ""

    def sizes(self) -> dict[str, int]:
        """Every object of the cluster's backups: bytes by key."""
        return {each.key: each.size for each in self._listed()}

    def entry(self, date: str) -> BackupEntry | None:
        """A backup's own entry; None when there is none, or it is damaged."""
        found = self._bucket.get(names.backup_entry_key(self._cluster, date))
        try:
            return None if found is None else BackupEntry.model_validate_json(found)
        except ValidationError:
            return None

    def enter(self, entry: BackupEntry) -> None:
        """Write a backup's own entry, then the index. Its objects must be there."""
        key = names.backup_entry_key(self._cluster, entry.date)
        self._bucket.put(key, entry.model_dump_json(indent=2).encode())
        self.rewrite_index()

    def judge(self, date: str, verdict: Verdict) -> BackupEntry | None:
        """Write a verdict into a backup's entry and the index; None when the backup has gone meanwhile."""
        entry = self.entry(date) or self.index().dated(date)
        if entry is None or date not in self._entry_dates():
            return None
        judged = entry.with_verdict(verdict)
        self.enter(judged)
        return judged

    @contextmanager
    def held(self, date: str) -> Iterator[None]:
        """Retention leaves the backup alone while it is in use here."""
        key = names.backup_hold_key(self._cluster, date)
        self._bucket.put(key, b"")
        try:
            yield
        finally:
            self._bucket.delete(key)

    def rewrite_index(self) -> BackupIndex:
        """Make the index of the entries that there are; one that is damaged is taken from the index.

        Of two at the same time the later sees the other's entry, or is seen by it: each looks again after
        it wrote. Raises PermanentError when entries come and go faster than that.
        """
        found = self._bucket.get(names.backup_index_key(self._cluster))
        before = (None if found is None else _read(found)) or BackupIndex()
        dates = self._entry_dates()
        for _ in range(_REWRITES):
            index = self._index_of(dates, before)
            text = index.model_dump_json(indent=2).encode()
            self._bucket.put(names.backup_index_key(self._cluster), text)
            written, dates = dates, self._entry_dates()
            if written == dates:
                return index
        raise PermanentError(f"backups of {self._cluster} come and go faster than their index can be written")

    def claim(self, attempt_id: str, now: datetime) -> tuple[str, BackupClaim]:
        """A date for this attempt and how far it came: the same when asked again, never another attempt's."""
        for date in self._dates_of(names.backup_claim_key):
            found = self._claim_at(date)
            if found is not None and found.attempt_id == attempt_id:
                return date, found
        claim = BackupClaim(attempt_id=attempt_id)
        while True:
            date = next_date(now, self._dates())
            if self._bucket.create(names.backup_claim_key(self._cluster, date), _text(claim)):
                return date, claim
            # Another's, or our own whose answer was lost.
            found = self._claim_at(date)
            if found is not None and found.attempt_id == attempt_id:
                return date, found

    def note(self, date: str, claim: BackupClaim) -> None:
        """Remember how far the backup of that date has come."""
        self._bucket.put(names.backup_claim_key(self._cluster, date), _text(claim))

    def in_flight(self, now: datetime) -> set[str]:
        """Dates that were claimed lately and have no entry yet, or that were lately held."""
        entered = self._entry_dates()
        notes = ((self._date(each.key), each) for each in self._listed())
        return {
            date
            for date, note in notes
            if now - note.modified < IN_FLIGHT
            and (
                note.key == names.backup_hold_key(self._cluster, date)
                or (note.key == names.backup_claim_key(self._cluster, date) and date not in entered)
            )
        }

    def delete(self, key: str) -> None:
        """Delete one object of the cluster's backups; with a claim go the parts that it had uploaded."""
        date = self._date(key)
        if key == names.backup_claim_key(self._cluster, date):
            claim = self._claim_at(date)
            if claim is not None and claim.upload_id:
                # One that was completed is not there any more, which is as good.
                self._bucket.abort_parts(names.backup_key(self._cluster, date), claim.upload_id)
        self._bucket.delete(key)

    def _claim_at(self, date: str) -> BackupClaim | None:
        found = self._bucket.get(names.backup_claim_key(self._cluster, date))
        return None if found is None else BackupClaim.model_validate_json(found)

    def _index_of(self, dates: tuple[str, ...], before: BackupIndex) -> BackupIndex:
        entries = (self.entry(date) or before.dated(date) for date in dates)
        return BackupIndex.of(each for each in entries if each is not None)

    def _entry_dates(self) -> tuple[str, ...]:
        return self._dates_of(names.backup_entry_key)

    def _dates_of(self, key_of: Callable[[str, str], str]) -> tuple[str, ...]:
        """Dates that have an object of that name."""
        keys = self.sizes()
        return tuple(date for date in self._dates() if key_of(self._cluster, date) in keys)

    def _dates(self) -> list[str]:
        """Every date that has an object, oldest first."""
        found = {self._date(each.key) for each in self._listed()}
        return sorted(date for date in found if re.fullmatch(r"\d{8}-\d{4}", date))

    def _date(self, key: str) -> str:
        return key.removeprefix(names.backup_folder(self._cluster)).partition("/")[0]

    def _listed(self) -> Iterator[ObjectInfo]:
        return self._bucket.list(names.backup_folder(self._cluster))


def _read(text: bytes) -> BackupIndex | None:
    try:
        return BackupIndex.model_validate_json(text)
    except ValidationError:
        return None


def _text(claim: BackupClaim) -> bytes:
    return claim.model_dump_json(indent=2).encode()
