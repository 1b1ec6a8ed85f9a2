"""What a preview has found so far: counted node by node as it comes, its records kept in a file."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

from agent.api import preview_models as models
from agent.domain.preview import Outcome, PreviewedRecord
from agent.domain.processflow import GetNode, Processflow
from agent.store.looks.preview_files import PreviewFile

_MOST_NOTES = 50


class PreviewProgress:
    """The audience of one preview. Told in its own thread, asked from any.

    Args:
        flow: The processflow.
        file: Keeps the records.
        redact: Takes secrets out of what is said.
        changed: Called after everything that was told.
    """

    def __init__(
        self, flow: Processflow, file: PreviewFile, *, redact: Callable[[str], str], changed: Callable[[], None]
    ) -> None:
        self.file, self._redact, self._changed = file, redact, changed
        self._order = {node: place for place, node in enumerate(_in_running_order(flow))}
        self._titles = {post.id: f"{post.schema} {post.action}" for stage in flow.all_stages for post in stage.posts}
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[Outcome]] = {post: Counter() for post in self._titles}
        self._notes: dict[str, dict[str, None]] = {}
        self._sources: dict[str, str] = {}
        self._read, self._more = 0, False

    def begins(self, node: str, text: str) -> None:
        """A GET begins to read."""
        with self._lock:
            self._sources[node] = self._redact(text)
        self._changed()

    def read(self, count: int, *, more: bool) -> None:
        """So many more records were read."""
        with self._lock:
            self._read += count
            self._more = self._more or more
        self._changed()

    def take(self, records: Sequence[PreviewedRecord]) -> None:
        """What would become of records."""
        if not records:
            return
        self.file.append(records)
        with self._lock:
            for record in records:
                self._counts.setdefault(record.node, Counter())[record.outcome] += 1
        self._changed()

    def note(self, node: str, text: str) -> None:
        """Something else that would happen at a node; once is enough."""
        with self._lock:
            notes = self._notes.setdefault(node, {})
            if len(notes) < _MOST_NOTES:
                notes[self._redact(text)] = None

    def counted(self) -> dict[str, object]:
        """What has changed in a `Preview`."""
        with self._lock:
            nodes = sorted({*self._counts, *self._notes}, key=lambda node: self._order.get(node, len(self._order)))
            totals = [self._totals(node) for node in nodes]
            sources = [models.PreviewSource(node=node, filter=text) for node, text in self._sources.items()]
            return {
                "read": self._read, "more": self._more, "totals": totals, "sources": sources,
                "records": self.file.count, "all_kept": not self.file.full,
            }  # fmt: skip

    def total(self, *outcomes: Outcome) -> int:
        """How many records would end so."""
        with self._lock:
            return sum(count[outcome] for count in self._counts.values() for outcome in outcomes)

    def _totals(self, node: str) -> models.PreviewTotals:
        counts = self._counts.get(node, Counter())
        return models.PreviewTotals(
            node=node, title=self._titles.get(node, ""), created=counts[Outcome.CREATED],
            changed=counts[Outcome.CHANGED], left=counts[Outcome.LEFT], skipped=counts[Outcome.SKIPPED],
            failed=counts[Outcome.FAILED], notes=list(self._notes.get(node, ())),
        )  # fmt: skip


def _in_running_order(flow: Processflow) -> list[str]:
    nodes: list[str] = []
    for stage in flow.all_stages:
        source: GetNode = stage.source
        nodes += [source.id, *stage.nodes]
    return nodes
