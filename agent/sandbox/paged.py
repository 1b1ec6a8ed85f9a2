"""The envelope of a V3 list: data, and meta with page numbers or cursors."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence

from agent.sandbox.queries import Paging


def pagination(paging: Paging, *, total: int, count: int) -> dict[str, object]:
    """The block that tells the page number. Links carry page and limit only: a client adds its own filters."""
    pages = -(-total // paging.limit)
    links = {"current": _link(paging.page, paging.limit)}
    if paging.page > 1:
        links["previous"] = _link(paging.page - 1, paging.limit)
    if paging.page < pages:
        links["next"] = _link(paging.page + 1, paging.limit)
    return {
        "total": total,
        "count": count,
        "per_page": paging.limit,
        "current_page": paging.page,
        "total_pages": pages,
        "links": links,
    }


def envelope(data: Sequence[object], paging: Paging, *, total: int) -> dict[str, object]:
    """A list with page numbers."""
    return {"data": data, "meta": {"pagination": pagination(paging, total=total, count=len(data))}}


def cursor_pagination(ids: Sequence[int], limit: int, *, has_more: bool, has_less: bool) -> dict[str, object]:
    """The block that tells the cursors of the first and the last record."""
    if not ids:
        return {"count": 0, "per_page": limit, "links": {}}
    start, end = to_cursor(ids[0]), to_cursor(ids[-1])
    links = {}
    if has_less:
        links["previous"] = f"?before={start}&limit={limit}"
    if has_more:
        links["next"] = f"?after={end}&limit={limit}"
    return {"count": len(ids), "per_page": limit, "start_cursor": start, "end_cursor": end, "links": links}


def to_cursor(number: int) -> str:
    """The cursor of a record."""
    return base64.urlsafe_b64encode(json.dumps({"id": number}, separators=(",", ":")).encode()).decode().rstrip("=")


def from_cursor(cursor: str) -> int:
    """The record of a cursor. Raises ValueError for something else."""
    try:
        value = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return int(value["id"])
    except (binascii.Error, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError("not a cursor") from error


def _link(page: int, limit: int) -> str:
    return f"?page={page}&limit={limit}"
