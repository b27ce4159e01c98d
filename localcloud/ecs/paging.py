"""Paging of long answers: by NextToken and MaxResults, or by page number where the API still has it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest


@dataclass(frozen=True)
class Page:
    """One page of `total` records, and the fields that describe it in the answer."""

    records: Sequence[dict[str, Any]]
    fields: dict[str, Any]


def page_of(
    records: Sequence[dict[str, Any]], request: RpcRequest, id_field: str, *, least: int = 10, most: int = 100
) -> Page:
    """The asked-for page. A token names the record after which the page begins, so that records that come
    and go in between shift nothing.

    MaxResults outside `least` to `most` counts as the nearer bound, as documented for DescribeInstances.
    Raises InvalidParameter (400) for a token that is not ours.
    """
    total = len(records)
    if "NextToken" in request.params or "MaxResults" in request.params:
        size = min(max(request.integer("MaxResults", least), least), most)
        start = _start(records, request.string("NextToken"), id_field)
        chosen = records[start : start + size]
        more = start + size < total
        token = _token(chosen[-1][id_field]) if more else ""
        return Page(chosen, {"TotalCount": total, "NextToken": token})
    number = request.integer("PageNumber", 1, minimum=1)
    size = request.integer("PageSize", 10, minimum=1, maximum=most)
    chosen = records[(number - 1) * size : number * size]
    return Page(chosen, {"TotalCount": total, "PageNumber": number, "PageSize": size, "NextToken": ""})


def _start(records: Sequence[dict[str, Any]], token: str, id_field: str) -> int:
    if not token:
        return 0
    try:
        last = base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _bad_token() from error
    for index, record in enumerate(records):
        if record[id_field] == last:
            return index + 1
    raise _bad_token()


def _token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()


def _bad_token() -> ApiError:
    return ApiError(400, "InvalidParameter", 'The specified parameter "NextToken" is not valid.')
