"""Records that an operator skipped, as runs ask for them. `sync_edits` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from agent.store.tables.sync_info import SKIPS, SYNC_INFO

_IDS_AT_ONCE = 500


class Skipped(NamedTuple):
    """Which state of a record is not to be written: its fingerprint, and the version that it is of, where known."""

    fingerprint: int
    version: int | None


def has_skips(connection: sa.Connection, stream: int) -> bool:
    """Whether anything of the stream was ever skipped."""
    query = sa.select(sa.literal(1)).where(SKIPS.c.stream == stream).limit(1)
    return connection.execute(query).first() is not None


def skipped(connection: sa.Connection, stream: int, source_ids: Sequence[str]) -> dict[str, Skipped]:
    """Those of these records that are skipped."""
    found: dict[str, Skipped] = {}
    own = sa.and_(SYNC_INFO.c.stream == SKIPS.c.stream, SYNC_INFO.c.source_id == SKIPS.c.source_id)
    for start in range(0, len(source_ids), _IDS_AT_ONCE):
        some = source_ids[start : start + _IDS_AT_ONCE]
        query = (
            sa.select(SKIPS.c.source_id, SKIPS.c.fingerprint, SKIPS.c.version)
            .join(SYNC_INFO, own)
            # A run that has booked another state since has taken the mark off the row.
            .where(SKIPS.c.stream == stream, SKIPS.c.source_id.in_(some), SYNC_INFO.c.skipped)
        )
        found.update({row.source_id: Skipped(row.fingerprint, row.version) for row in connection.execute(query)})
    return found
