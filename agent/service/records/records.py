"""Sync Info for operators: what became of each record, why, where it is cured, and what is done to many at once."""

from __future__ import annotations

from collections.abc import Generator

from agent.api import record_models
from agent.api.record_models import ExportFormat, RecordChoice, RecordGroup, RecordJob, SkipRequest, Wanted
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import AgentError, ConfigurationError, NotFoundError
from agent.domain.meant import meant
from agent.domain.processflow import FlowNode, MapperNode, PostNode
from agent.service import answers
from agent.service.deployment.compiled import CompiledFlows
from agent.service.records.cures import Cures
from agent.service.records.export import csv_pieces, xlsx_pieces
from agent.service.records.jobs import RecordJobs
from agent.store.flows.deployments import DeploymentStore
from agent.store.records.sync_edits import Chosen, Deed
from agent.store.records.sync_filter import RecordFilter
from agent.store.records.sync_info import SyncInfo


class Records:
    """The records of every processflow."""

    def __init__(
        self,
        *,
        sync_info: SyncInfo,
        cures: Cures,
        jobs: RecordJobs,
        deployments: DeploymentStore,
        compiled: CompiledFlows,
    ) -> None:
        self._sync_info, self._cures, self.jobs = sync_info, cures, jobs
        self._deployments, self._compiled = deployments, compiled

    def page(self, flow: str, wanted: Wanted, *, after: str, limit: int) -> record_models.SyncPage:
        """Records of a processflow, the latest touched first.

        Raises:
            NotFoundError: code `flow-not-found` or `node-not-found`.
            ConfigurationError: code `page-unknown` or `class-unknown`.
        """
        self._require(flow, wanted)
        _refuse_strange_key(after)
        rows = self._sync_info.page(flow, _filter(wanted), after=after, limit=limit + 1)
        following = rows[limit - 1].key if len(rows) > limit else None
        cures = self._cures.of(flow)
        return record_models.SyncPage(
            items=[answers.sync_record(flow, row, target=cures.target(row)) for row in rows[:limit]],
            counts=dict(self._sync_info.counts(flow)),
            next=following,
        )

    def groups(self, flow: str, wanted: Wanted, *, limit: int) -> list[RecordGroup]:
        """Records with the same trouble, counted together. Raises as `page`."""
        self._require(flow, wanted)
        cures = self._cures.of(flow)
        found = []
        for group in self._sync_info.groups(flow, _filter(wanted), limit=limit):
            example = answers.sync_record(flow, group.example, target=cures.target(group.example))
            found.append(
                RecordGroup(
                    group=f"{group.number:016x}", records=group.records, latest=group.latest, node=example.node,
                    state=example.state, message=example.message, remedy=example.remedy,
                    error_class=example.error_class, error_title=example.error_title, cause=example.cause,
                    target=example.target, source_id=example.source_id,
                )
            )  # fmt: skip
        return found

    def export(self, flow: str, wanted: Wanted, format_: ExportFormat) -> Generator[bytes]:
        """The records as a file, in pieces. Raises as `page`, before the first piece."""
        self._require(flow, wanted)
        rows, headers = self._sync_info.every(flow, _filter(wanted)), self._headers(flow)
        return csv_pieces(rows, headers) if format_ is ExportFormat.CSV else xlsx_pieces(rows, headers)

    def skip(self, flow: str, request: SkipRequest, *, by: str) -> RecordJob:
        """Skip records as they are now. Those that have arrived are left alone. Raises as `delete`."""
        return self.jobs.begin(self._chosen(flow, request), Deed("skip", reason=request.reason, by=by))

    def unskip(self, flow: str, choice: RecordChoice, *, by: str) -> RecordJob:
        """Take skips back: records are again what they were before. Raises as `delete`."""
        return self.jobs.begin(self._chosen(flow, choice), Deed("unskip", by=by))

    def delete(self, flow: str, choice: RecordChoice, *, by: str) -> RecordJob:
        """Forget records.

        Raises:
            NotFoundError: code `flow-not-found` or `node-not-found`.
            ConfigurationError: code `choice-empty`: nothing was chosen, or everything without saying so.
            ConflictError: as `RecordJobs.begin`.
        """
        return self.jobs.begin(self._chosen(flow, choice), Deed("delete", by=by))

    def _chosen(self, flow: str, choice: RecordChoice) -> Chosen:
        self._require(flow, choice.wanted or Wanted())
        wanted = _filter(choice.wanted) if choice.wanted is not None else None
        if wanted is None and choice.everything:
            wanted = RecordFilter()
        if (wanted is None) is (not choice.ids) or (wanted is not None and wanted.empty and not choice.everything):
            raise ConfigurationError(
                "It has to be said which records are meant.", code="choice-empty",
                remedy="Choose records, or filter for them, or say that all of them are meant.", field="wanted",
            )  # fmt: skip
        return Chosen(flow, [(one.node, one.source_id) for one in choice.ids], wanted)

    def _require(self, flow: str, wanted: Wanted) -> None:
        """Refuse what nobody knows; a node of an earlier version is known while it has records."""
        self._deployments.require_kept(flow)
        if wanted.node and (nodes := self._sync_info.nodes(flow) | self._posts(flow)) and wanted.node not in nodes:
            raise NotFoundError(
                f"{flow} has no POST node called {wanted.node}.", code="node-not-found",
                remedy=meant(wanted.node, nodes), field="node",
            )  # fmt: skip

    def _posts(self, flow: str) -> set[str]:
        return {node.id for node in self._nodes(flow) if isinstance(node, PostNode)}

    def _nodes(self, flow: str) -> list[FlowNode]:
        """The nodes that a processflow has now; none where it is not deployed."""
        try:
            compiled = self._compiled.get(self._deployments.get(flow))
        except AgentError:
            return []
        return [node for stage in compiled.all_stages for node in stage.nodes.values()]

    def _headers(self, flow: str) -> list[str]:
        """The tracked columns that a processflow has now; none where it is not deployed."""
        mappers = [node for node in self._nodes(flow) if isinstance(node, MapperNode)]
        return list(dict.fromkeys(header for one in mappers for header in one.track))


def _filter(wanted: Wanted) -> RecordFilter:
    error_class = None
    if wanted.error_class:
        try:
            error_class = ErrorClass(wanted.error_class)
        except ValueError:
            raise ConfigurationError(
                f"There is no kind of trouble called “{wanted.error_class}”.", code="class-unknown",
                remedy="The guide lists them under “Kinds of trouble”.", field="error_class",
            ) from None  # fmt: skip
    return RecordFilter(
        state=wanted.state, search=wanted.search, node=wanted.node, error_class=error_class,
        group=int(wanted.group, 16) & (2**63 - 1) if wanted.group else None,
    )  # fmt: skip


def _refuse_strange_key(key: str) -> None:
    parts = key.split(":", 2)
    whole = len(parts) == 3 and all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts[:2])
    if key and not whole:
        raise ConfigurationError(
            "There is no such page.", code="page-unknown", remedy="Begin at the first page.", field="after"
        )
