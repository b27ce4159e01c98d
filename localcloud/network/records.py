"""Documents of one kind in the store, with the error that the cloud answers when one is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcloud.core.errors import ApiError
from localcloud.core.store import Store

Document = dict[str, Any]


class Records:
    """Documents of `kind`, each under the value of its field `id_field`.

    not_found: the code of the 404 answer for an unknown id.
    """

    def __init__(self, store: Store, kind: str, id_field: str, not_found: str) -> None:
        self._store = store
        self._kind = kind
        self._id_field = id_field
        self._not_found = not_found

    def get(self, record_id: str) -> Document:
        """The document. Raises ApiError 404 with the kind's code."""
        document = self._store.get(self._kind, record_id)
        if document is None:
            raise ApiError(
                404, self._not_found, f"The specified {self._id_field} {record_id!r} does not exist."
            )
        return document

    def find(self, record_id: str) -> Document | None:
        """The document or None."""
        return self._store.get(self._kind, record_id)

    def save(self, document: Document) -> None:
        """Write or replace the document."""
        self._store.put(self._kind, document[self._id_field], document)

    def delete(self, record_id: str) -> None:
        """Remove the document; an unknown one is no error."""
        self._store.delete(self._kind, record_id)

    def all(self, matches: Callable[[Document], bool] = lambda _: True) -> list[Document]:
        """The documents that match, oldest first."""
        return [document for document in self._store.list(self._kind) if matches(document)]

    def ids(self) -> list[str]:
        """The ids of all documents."""
        return [str(document[self._id_field]) for document in self.all()]

    def made_with(self, token: str) -> Document | None:
        """The document that was created under this non-empty token, or None."""
        if not token:
            return None
        return next(iter(self.all(lambda document: document.get("Token") == token)), None)
