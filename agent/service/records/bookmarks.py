"""Bookmarks for operators: how far each GET node has been read, and moving that by hand; and the audit trail."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from agent.api.bookmark_models import AuditEntry, AuditPage, Bookmark, BookmarkChange
from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.meant import meant
from agent.service.deployment.compiled import CompiledFlows
from agent.store.flows.deployments import DeploymentStore
from agent.store.records.audit import Audit, AuditLine
from agent.store.runs.bookmarks import BookmarkRow, BookmarkStore

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class Bookmarks:
    """The bookmarks of deployed processflows."""

    def __init__(
        self,
        *,
        store: BookmarkStore,
        audit: Audit,
        deployments: DeploymentStore,
        compiled: CompiledFlows,
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._audit, self._clock = store, audit, clock
        self._deployments, self._compiled = deployments, compiled

    def all(self, flow: str) -> list[Bookmark]:
        """Those of a processflow's GET nodes, in the order in which they read. Raises NotFoundError."""
        rows = {row.node: row for row in self._store.all(flow)}
        return [_bookmark(flow, node, rows.get(node)) for node in self._nodes(flow)]

    def require_movable(self, flow: str, node: str, change: BookmarkChange) -> None:
        """Refuse what `move` would refuse, and change nothing. Raises as that does."""
        self._moment(flow, node, change)
        self._store.require_movable(flow)

    def move(self, flow: str, node: str, change: BookmarkChange, *, by: str) -> Bookmark:
        """Set or clear a bookmark.

        Raises:
            NotFoundError: code `flow-not-found` or `node-not-found`.
            ConfigurationError: code `bookmark-moment`.
            ConflictError: code `already-running`.
        """
        moment = self._moment(flow, node, change)
        at = self._clock()
        row = self._store.move(flow=flow, node=node, moment=moment, reason=change.reason, by=by, at=at)
        return _bookmark(flow, node, row)

    def audit(self, *, flow: str, before: int | None, limit: int) -> AuditPage:
        """The audit trail, newest first. Raises NotFoundError where nobody knows that processflow."""
        lines = self._audit.page(flow=flow, before=before, limit=limit + 1)
        if flow and not lines and before is None:
            # Not sooner: the trail tells also of processflows whose history was deleted.
            self._deployments.require_kept(flow)
        following = lines[limit - 1].id if len(lines) > limit else None
        return AuditPage(items=[_entry(line) for line in lines[:limit]], next=following)

    def _moment(self, flow: str, node: str, change: BookmarkChange) -> datetime | None:
        """Where a bookmark is to be; None: nowhere."""
        nodes = self._nodes(flow)
        if node not in nodes:
            raise NotFoundError(
                f"{flow} has no GET node called {node}.", code="node-not-found",
                remedy=meant(node, nodes, otherwise="It reads nothing."),
            )  # fmt: skip
        moment = change.moment.astimezone(UTC) if change.moment is not None else None
        if moment is not None and not _EARLIEST <= moment <= self._clock():
            raise ConfigurationError(
                "A bookmark lies between 1970 and now: what changes before a later one would never be read.",
                code="bookmark-moment", remedy="Choose an earlier moment.", field="moment",
            )  # fmt: skip
        return moment

    def _nodes(self, flow: str) -> list[str]:
        compiled = self._compiled.get(self._deployments.get(flow))
        return [stage.source.id for stage in compiled.all_stages if not stage.source.by_event]


def _bookmark(flow: str, node: str, row: BookmarkRow | None) -> Bookmark:
    found = row.bookmark if row is not None else None
    return Bookmark(
        flow=flow, node=node, moment=found.moment if found is not None else None,
        detail=_json(found.detail) if found is not None and found.detail else "",
        since=row.since if row is not None else None, run_id=row.run if row is not None else "",
        set_by=row.set_by if row is not None else "",
    )  # fmt: skip


def _entry(line: AuditLine) -> AuditEntry:
    return AuditEntry(
        id=line.id, at=line.at, who=line.who, what=line.what, flow=line.flow, node=line.node, reason=line.reason,
        before=_json(line.before) if line.before is not None else "",
        after=_json(line.after) if line.after is not None else "",
    )  # fmt: skip


def _json(plain: Mapping[str, Any]) -> str:
    return json.dumps(dict(plain), ensure_ascii=False, sort_keys=True)
