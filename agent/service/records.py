"""Sync Info for operators: what became of each record, why, and where it is cured."""

from __future__ import annotations

from agent.api import models
from agent.domain.errors import ConfigurationError
from agent.domain.packet import SyncState
from agent.service import answers
from agent.service.cures import Cures
from agent.store.sync_info import SyncInfo


class Records:
    """The records of every processflow."""

    def __init__(self, *, sync_info: SyncInfo, cures: Cures) -> None:
        self._sync_info, self._cures = sync_info, cures

    def page(self, flow: str, *, state: SyncState | None, search: str, after: str, limit: int) -> models.SyncPage:
        """Records of a processflow, the latest touched first.

        Raises:
            ConfigurationError: code `page-unknown`.
        """
        _refuse_strange_key(after)
        rows = self._sync_info.page(flow, state=state, search=search, after=after, limit=limit + 1)
        following = rows[limit - 1].key if len(rows) > limit else None
        cures = self._cures.of(flow)
        return models.SyncPage(
            items=[answers.sync_record(flow, row, target=cures.target(row)) for row in rows[:limit]],
            counts=dict(self._sync_info.counts(flow)),
            next=following,
        )


def _refuse_strange_key(key: str) -> None:
    parts = key.split(":", 2)
    whole = len(parts) == 3 and all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts[:2])
    if key and not whole:
        raise ConfigurationError(
            "There is no such page.", code="page-unknown", remedy="Begin at the first page.", field="after"
        )
