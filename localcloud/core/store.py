"""State on disk: JSON documents by kind and id, in one SQLite file that survives kill -9."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, id)
)
"""


class Store:
    """Documents by kind and id. Every call is durable when it returns; safe to use from several threads.

    `put` replaces a document but keeps its place in `list`'s order of first insertion.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._owner: asyncio.Task[Any] | None = None
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute(_SCHEMA)

    def put(self, kind: str, id: str, document: dict[str, Any]) -> None:  # noqa: A002
        """Write or replace one document (anything that JSON can carry)."""
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        with self._exclusive():
            self._connection.execute(
                "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                (kind, id, body),
            )

    def get(self, kind: str, id: str) -> dict[str, Any] | None:  # noqa: A002
        """The document, or None."""
        with self._exclusive():
            row = self._connection.execute(
                "SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, id)
            ).fetchone()
        return None if row is None else _decoded(row[0])

    def delete(self, kind: str, id: str) -> None:  # noqa: A002
        """Remove the document; nothing happens when there is none."""
        with self._exclusive():
            self._connection.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, id))

    def list(self, kind: str) -> list[dict[str, Any]]:
        """All documents of a kind in the order of their first insertion."""
        with self._exclusive():
            rows = self._connection.execute(
                "SELECT body FROM documents WHERE kind = ? ORDER BY position", (kind,)
            ).fetchall()
        return [_decoded(row[0]) for row in rows]

    def scan(
        self, kind: str, *, at_least: str = "", below: str | None = None, limit: int = -1
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Pairs of id and document with `at_least` <= id (< `below`), by id in the order of UTF-8 bytes.

        At most `limit` pairs; a negative limit means all.
        """
        condition, bounds = "id >= ?", [at_least]
        if below is not None:
            condition, bounds = "id >= ? AND id < ?", [at_least, below]
        with self._exclusive():
            rows = self._connection.execute(
                f"SELECT id, body FROM documents WHERE kind = ? AND {condition} ORDER BY id LIMIT ?",  # noqa: S608
                (kind, *bounds, limit),
            ).fetchall()
        return ((row[0], _decoded(row[1])) for row in rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several writes one: all of them are on disk afterwards, or none when the block raises.

        The block must not await: a second coroutine of the same thread that came in meanwhile would write
        into a transaction that is not its own, and is refused with RuntimeError.
        """
        with self._lock:
            task = _current_task()
            if self._depth and task is not self._owner:
                raise RuntimeError("a store transaction was left open across an await")
            self._owner = task
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._leave("ROLLBACK")
                raise
            self._leave("COMMIT")

    def close(self) -> None:
        """Close the file; later calls fail."""
        with self._lock:
            self._connection.close()

    def _leave(self, statement: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._owner = None
            self._connection.execute(statement)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with self._lock:
            if self._depth and _current_task() is not self._owner:
                raise RuntimeError("a store transaction was left open across an await")
            yield


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _decoded(body: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(body)
    return document
