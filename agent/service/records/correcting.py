"""Correcting a failed record: it is fetched as a POST would be given it, changed by a person, and sent by a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from agent.api import run_models
from agent.api.correction_models import Correction, MadeCorrection, MappedRecord
from agent.domain.errors import ConfigurationError, ConflictError, NotFoundError, TransientError
from agent.domain.packet import SyncState
from agent.domain.processflow import PostNode, Processflow, Stage
from agent.domain.run_plan import Resend
from agent.engine.expressions.vocabulary import Vocabulary
from agent.engine.mapping.mapped_record import MappedRecord as Mapped
from agent.engine.mapping.mapped_record import mapped_record
from agent.engine.running.bindings import Bindings
from agent.engine.running.correcting import corrected, packed, shown
from agent.engine.running.reading import opened
from agent.service import answers
from agent.service.deployment.compiled import CompiledFlows
from agent.service.runs.asked_plans import unknown_node
from agent.service.runs.runs import Runs
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.library.variables import VariableStore
from agent.store.records.corrections import Corrections, NewCorrection, record_changed
from agent.store.records.sync_info import SyncInfo, SyncRow
from agent.store.runs.past import Past
from agent.store.runs.runs import RunStore

_MOST_SECONDS = 25.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What it takes to read a record and to map it."""

    deployments: DeploymentStore
    compiled: CompiledFlows
    connections: Bindings
    vocabulary: Callable[[Deployment], Vocabulary]
    variables: VariableStore
    past: Callable[[str], Past]
    sync_info: SyncInfo
    require_bound: Callable[[Deployment], None]
    """Refuses what waits for App Configurations."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A record, where it is to be written, and what Sync Info says of it."""

    post: PostNode
    mapped: Mapped
    row: SyncRow
    state: str


class Correcting:
    """Fetches, sends and lists.

    Args:
        reading: Reads and maps.
        store: What was corrected.
        runs: Starts the run that sends a correction.
        rows: Writes it down with both versions.
    """

    def __init__(self, reading: Reading, *, store: Corrections, runs: Runs, rows: RunStore) -> None:
        self._reading, self._store, self._runs, self._rows = reading, store, runs, rows

    def fetch(self, name: str, *, node: str, source_id: str) -> MappedRecord:
        """A record as its POST would be given it now. Writes nothing.

        Raises:
            NotFoundError: code `flow-not-found`, `node-unknown` or `record-unknown`.
            ConflictError: code `record-not-failed`.
            ConfigurationError: as `engine.mapped_record`.
            TransientError: code `source-slow`, or what the source raises.
        """
        found = self._find(name, node, source_id)
        mapped = found.mapped
        return MappedRecord(
            flow=name, node=found.post.id, source_id=source_id, state=found.state, message=found.row.message,
            attributes=[answers.attribute(one) for one in mapped.attributes],
            values=shown(mapped.attributes, mapped.row),
        )  # fmt: skip

    def send(self, name: str, correction: Correction, *, by: str) -> run_models.Run:
        """Start the run that sends a corrected record.

        Raises:
            ConflictError: code `record-changed`, or as `Runs.start`.
            ConfigurationError: code `correction-invalid` or `correction-empty`, or as `fetch`.
            AgentError: as `fetch`.
        """
        found = self._find(name, correction.node, correction.source_id)
        if found.state != correction.state:
            raise record_changed()
        mapped = found.mapped
        row = corrected(mapped.attributes, mapped.row, correction.values)
        if row == mapped.row:
            raise ConfigurationError(
                "Nothing was corrected.",
                code="correction-empty",
                remedy="Change a value; to send the record as it is, let it be tried again.",
                field="values",
            )
        new = NewCorrection(
            node=found.post.id, source_id=correction.source_id, payload=packed(mapped.attributes, row),
            fingerprint=mapped.fingerprint, original=shown(mapped.attributes, mapped.row),
            edited=shown(mapped.attributes, row), reason=correction.reason, seen_run=found.row.run,
            seen_tries=found.row.tries,
        )  # fmt: skip
        plan = Resend(0, found.post.id, correction.source_id)
        return self._runs.start(name, plan, by=by, write=lambda run: self._rows.correct(run, new))

    def made(self, name: str, *, source_id: str, limit: int) -> list[MadeCorrection]:
        """What was corrected, the newest first. Raises NotFoundError where nobody knows the processflow."""
        self._reading.deployments.require_kept(name)
        return [
            MadeCorrection(
                id=one.id, flow=one.flow, node=one.node, source_id=one.source_id, original=dict(one.original),
                edited=dict(one.edited), reason=one.reason, made_by=one.made_by, made_at=one.made_at, run_id=one.run,
            )
            for one in self._store.page(name, source_id=source_id, limit=limit)
        ]  # fmt: skip

    def _find(self, name: str, node: str, source_id: str) -> _Found:
        deployment = self._reading.deployments.get(name)
        self._reading.require_bound(deployment)
        flow = self._reading.compiled.get(deployment)
        stage, post = _post(flow, node)
        row = self._reading.sync_info.record(name, post.id, source_id)
        if row is None:
            raise NotFoundError(
                f"Sync Info has no record {source_id[:100]} at {post.id}.",
                code="record-unknown",
                remedy="Look in Sync Info for its source id.",
                field="source_id",
            )
        if row.state not in (SyncState.FAILED, SyncState.SKIPPED):
            raise ConflictError(
                "The record did not fail: there is nothing to correct.",
                code="record-not-failed",
                remedy="Correct it in the source app; the next run brings the change.",
            )
        mapped = asyncio.run(self._mapped(deployment, flow, stage, post, source_id))
        state = f"{deployment.version}.{mapped.fingerprint:x}.{row.run}.{row.tries}"
        return _Found(post, mapped, row, state)

    async def _mapped(
        self, deployment: Deployment, flow: Processflow, stage: Stage, post: PostNode, source_id: str
    ) -> Mapped:
        reading, past = self._reading, self._reading.past(flow.name)
        try:
            async with asyncio.timeout(_MOST_SECONDS), AsyncExitStack() as stack:
                source = await opened(
                    stage, flow=flow.name, normal=False, events=past.events, stack=stack, missing=lambda _: None,
                    connect=lambda get: reading.connections.connection(get, flow, deployment.bindings),
                )  # fmt: skip
                return await mapped_record(
                    stage, post, source_id, flow=flow, version=deployment.version, source=source,
                    vocabulary=reading.vocabulary(deployment), variables=reading.variables, past=past,
                )  # fmt: skip
        except TimeoutError:
            raise TransientError(
                "The source application did not give the record in time.",
                code="source-slow",
                remedy="Try it again in a moment.",
            ) from None


def _post(flow: Processflow, node: str) -> tuple[Stage, PostNode]:
    posts: Mapping[str, Any] = {post.id: (stage, post) for stage in flow.all_stages for post in stage.posts}
    if node not in posts:
        raise unknown_node(node, posts)
    found: tuple[Stage, PostNode] = posts[node]
    return found
