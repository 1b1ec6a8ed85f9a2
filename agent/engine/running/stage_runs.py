"""The stages of a run, one after the other, each for as long as the slice lasts.

A stage that meets a Halt is left, what is inside the Halt runs, and the stage is taken up again where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from agent.connectors.contract import ReadRequest, Settling, WriteTarget
from agent.domain.errors import AgentError, FatalError
from agent.domain.processflow import AppNode, GetNode, PostNode, Processflow, Stage
from agent.domain.run import RunState
from agent.domain.run_plan import Normal, Replay, Resend, Retry, RuntimeFilter
from agent.engine.events.answers import Answering, Answers
from agent.engine.expressions.vocabulary import PLAIN, Vocabulary
from agent.engine.filters.plans import Asked, ask, check_by_id, filters_of, planned, takes_part, writes_again
from agent.engine.running.bindings import Bindings
from agent.engine.running.carrying import Carrier, HaltedError, InterruptedHoldError
from agent.engine.running.control import RunControl
from agent.engine.running.correcting import unpacked
from agent.engine.running.delivery import Delivery
from agent.engine.running.pipeline import Pipeline
from agent.engine.running.plain_carrying import PlainCarrier, is_plain
from agent.engine.running.preparation import Preparation, Ready
from agent.engine.running.progress import Progress, filter_memory
from agent.engine.running.reading import Readable, opened
from agent.engine.running.rereading import Rereading, retry_clauses
from agent.engine.running.sinks import Sinks
from agent.engine.walking.activity import StageActivity
from agent.engine.walking.blame import blaming
from agent.engine.walking.chosen import Chosen
from agent.engine.walking.journal import RunJournal
from agent.engine.walking.load import Load
from agent.engine.walking.variable_values import Booked, FilterTexts, VariableValues
from agent.engine.walking.verdict import FailureLimit
from agent.engine.walking.walking import Walker
from agent.engine.walking.ways_back import delivered, refused_of_event
from agent.store.inbox.events import EventStore
from agent.store.library.variables import VariableStore
from agent.store.runs.acknowledgement import RecordLine, StoredBookmark
from agent.store.runs.ledger import Cursor, Ledger
from agent.store.runs.runs import RunRow, RunStore

_PACKET_RECORDS = 2_500
_FILTER_NAMES = {Retry: "Retry by id", RuntimeFilter: "Runtime Filter", Replay: "Window"}


@dataclass(frozen=True, slots=True)
class StageParts:
    """What stages work with."""

    runs: RunStore
    ledger: Ledger
    bindings: Bindings
    clock: Callable[[], datetime]
    events: EventStore
    answers: Answers
    variables: VariableStore | None
    warned: set[tuple[str, str]]
    """The nodes and tracked columns that the run has warned of."""


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of one run in one slice. `bindings` leads from credential tokens to configurations."""

    parts: StageParts
    row: RunRow
    bindings: Mapping[str, str]
    flow: Processflow
    journal: RunJournal
    control: RunControl
    time_is_up: Callable[[], bool]
    vocabulary: Vocabulary = PLAIN
    streams: dict[str, int] = field(default_factory=dict)

    async def run(self, stages: Sequence[Stage]) -> bool:
        """Carry packets. Returns whether every one of the stages is finished.

        Raises:
            ParkedError: there is nothing to do before a later moment.
            AgentError: whatever apps, ledger and mapping raise.
        """
        for whole in stages:
            if not takes_part(self.row.plan, whole):
                continue
            stage = planned(self.row.plan, whole)
            while not self._cursor(stage.source).finished:
                if self.control.cancelled() or self.control.paused():
                    return False
                try:
                    if not await self._carry(stage):
                        return False
                    if self.time_is_up() and not self._cursor(stage.source).finished:
                        return False
                except HaltedError as halted:
                    if not await self.run(stage.inner[halted.node]):
                        return False
                except InterruptedHoldError:
                    return False
        return True

    async def _carry(self, stage: Stage) -> bool:
        """Read once, as far as the slice goes. Returns whether the read came to its end."""
        ledger, row = self.parts.ledger, self.row
        async with AsyncExitStack() as stack:
            deliveries: dict[str, Delivery] = {}
            streams: dict[str, int] = {}
            records: list[int] = []
            # One for all: what counts is how many records of the run fail, wherever that is.
            limit = FailureLimit(self.parts.runs.get(row.id).counts)
            activity = StageActivity(
                stage=stage, run=row.id, ledger=ledger, journal=self.journal, clock=self.parts.clock,
                number=self._cursor(stage.source).number, warned=self.parts.warned,
            )  # fmt: skip
            for post in stage.posts:
                with blaming(post.id):
                    connection = await stack.enter_async_context(
                        self.parts.bindings.connection(
                            post, self.flow, self.bindings, observer=activity.requests(post.id)
                        )
                    )
                streams[post.id] = self._stream(post)
                deliveries[post.id] = Delivery(
                    destination=connection, target=self._target(post), ledger=ledger, run=row.id,
                    stream=streams[post.id], number=0, journal=self.journal, node=post.id, clock=self.parts.clock,
                    limit=limit, rivals=[self._stream(other) for other in stage.posts if _rivals(post, other)],
                    refused=refused_of_event if delivered(stage) else RecordLine.failed,
                )  # fmt: skip
                ledger.cursor(run=row.id, stream=streams[post.id])
                with blaming(post.id):
                    await deliveries[post.id].settle()
                deliveries[post.id].continue_from(ledger.cursor(run=row.id, stream=streams[post.id]).number)
                records.append(connection.packet_records(post.schema, post.action))
            cursor = self._cursor(stage.source)
            if cursor.finished:
                return True
            activity.begins()
            plan = row.plan
            values = VariableValues(
                self.flow.variables, flow=row.flow, run=row.id, store=self.parts.variables, vocabulary=self.vocabulary
            )
            # A read that goes on asks for what it asked for when it began, whatever its packets have brought since.
            begun = cursor.position is not None
            asked_with = filter_memory(cursor) if begun else values.remembered(filters_of(stage.source, plan))
            walker = Walker(stage, self.vocabulary, values, activity.watch(number=cursor.number))
            chosen = Chosen(stage, partial(self.parts.runs.chosen_at, row.id)) if isinstance(plan, Retry) else None
            sinks = Sinks(deliveries, streams, activity.watch(number=cursor.number))
            progress = Progress(
                source=stage.source, sinks=sinks, ledger=ledger, run=row.id, stream=self._stream(stage.source),
                cursor=cursor, clock=self.parts.clock, journal=self.journal, filter_values=asked_with,
                moves_bookmark=isinstance(plan, Normal),
            )  # fmt: skip
            plain = is_plain(stage) and chosen is None and not writes_again(plan)
            carrier = Carrier(
                stage=stage, walker=walker, sinks=sinks, progress=progress, ledger=ledger, clock=self.parts.clock,
                control=self.control, inner_done=lambda halt: self._is_done(stage.inner[halt]),
                answering=Answering(self.parts.answers, row.flow, cursor.position), again=writes_again(plan),
                chosen=chosen,
            )  # fmt: skip
            if isinstance(plan, Resend):
                return await self._send(stage, plan, carrier, activity)
            with blaming(stage.source.id):
                source = await opened(
                    stage, flow=row.flow, normal=isinstance(plan, Normal), events=self.parts.events, stack=stack,
                    connect=lambda get: self.parts.bindings.connection(
                        get, self.flow, self.bindings, observer=activity.requests(get.id)
                    ),
                    missing=lambda ids: self._tell_missing(stage.source, ids),
                )  # fmt: skip
            preparation = Preparation(
                walker=walker, ledger=ledger, stream=streams[stage.posts[0].id] if plain else None,
                version=row.version,
                skippable=self._skippable(streams),
            )  # fmt: skip
            texts = values.texts(asked_with)
            with blaming(stage.source.id):
                asked = self._asked(stage.source, cursor, min(records, default=_PACKET_RECORDS), texts)
            pipeline = Pipeline(
                source=self._source(stage, source, texts), node=stage.source.id, preparation=preparation,
                carrier=PlainCarrier(progress, sinks) if plain else carrier,
                control=self.control, journal=self.journal, time_is_up=self.time_is_up,
            )  # fmt: skip
            self._note(stage)
            ended = await pipeline.run(asked.request)
            if ended and isinstance(plan, Normal) and isinstance(source, Settling):
                await self._settle(stage.source, source, asked.request)
            return self._worked(stage, progress, activity, ended=ended)

    def _worked(self, stage: Stage, progress: Progress, activity: StageActivity, *, ended: bool) -> bool:
        """Note what was worked on a stage in this slice; returns whether its read came to its end."""
        self.parts.ledger.note_work(self.row.id, progress.unbooked_work())
        if ended and self._cursor(stage.source).finished:
            activity.ended()
        return ended

    async def _settle(self, get: GetNode, source: Settling, request: ReadRequest) -> None:
        """Let the source do what is to be done with what was read. The records have arrived, whatever comes of it."""
        bookmark = self.parts.ledger.bookmark(self._stream(get))
        if bookmark is None:
            return
        try:
            await source.settle(request, bookmark)
        except AgentError as error:
            self.journal.write(
                "warning",
                f"The records have arrived. {error.message}",
                node=get.id,
                detail=error.detail or error.remedy,
            )

    async def _send(self, stage: Stage, plan: Resend, carrier: Carrier, activity: StageActivity) -> bool:
        """Carry a corrected record straight to its POST and on. Nothing is read. Returns whether it is done."""
        post = next(post for post in stage.posts if post.id == plan.node)
        self._note(stage)
        sent = self.parts.runs.correction(plan.edit)
        attributes, row = unpacked(sent.payload)
        load = Load([sent.source_id], [sent.fingerprint], (), attributes, [row])
        ready = Ready(
            load, None, read=0, unchanged=0, position={}, bookmark=StoredBookmark(None, {}), variables=Booked()
        )
        await self.control.unless_cancelled(carrier.carry(ready, straight_to=post))
        return self._worked(stage, carrier.progress, activity, ended=not self.control.cancelled())

    def _tell_missing(self, get: GetNode, ids: Sequence[str]) -> None:
        for one in ids:
            self.journal.write(
                "warning", f"An event named {one}, and the source application gave no such record.", node=get.id,
                record=one, detail="It may have been deleted since, or the filter leaves it out.",
            )  # fmt: skip

    def _asked(self, get: GetNode, cursor: Cursor, packet_records: int, variables: FilterTexts) -> Asked:
        if cursor.position is not None and not isinstance(cursor.position, dict):
            raise FatalError("The run's position is damaged.", code="ledger-broken", remedy="Execute it again.")
        asked = ask(
            get, self.row.plan, variables, bookmark=self.parts.ledger.bookmark(self._stream(get)),
            position=cursor.position, packet_records=packet_records,
        )  # fmt: skip
        if cursor.position is None:
            self.journal.write(
                "info", "Starting data pulling from source application.", node=get.id,
                detail=f"{_FILTER_NAMES.get(type(self.row.plan), 'Action Filter')} {get.schema} {get.action}: "
                f"{asked.text}",
            )  # fmt: skip
        return asked

    def _source(self, stage: Stage, source: Readable, variables: FilterTexts) -> Readable:
        """What packets are read from: the app, or for a retry the records that it tries."""
        if not isinstance(self.row.plan, Retry):
            return source
        get, posts = stage.source, [post.id for post in stage.posts]
        check_by_id(get)
        return Rereading(
            source, retry_clauses(get, variables),
            lambda after, limit: self.parts.runs.chosen(self.row.id, posts, after=after, limit=limit),
        )  # fmt: skip

    def _skippable(self, streams: Mapping[str, int]) -> dict[str, int]:
        return {post: stream for post, stream in streams.items() if self.parts.ledger.has_skips(stream)}

    def _target(self, post: PostNode) -> WriteTarget:
        return WriteTarget(
            schema=post.schema, action=post.action, options=post.options, ledger_key=f"{self.row.flow}/{post.id}"
        )

    def _stream(self, node: AppNode) -> int:
        if node.id not in self.streams:
            self.streams[node.id] = self.parts.ledger.stream(flow=self.row.flow, node=node.id)
        return self.streams[node.id]

    def _cursor(self, get: GetNode) -> Cursor:
        return self.parts.ledger.cursor(run=self.row.id, stream=self._stream(get))

    def _is_done(self, stages: Sequence[Stage]) -> bool:
        """Whether these have run to their end, as far as they take part."""
        return all(self._cursor(one.source).finished for one in stages if takes_part(self.row.plan, one))

    def _note(self, stage: Stage) -> None:
        written = ", ".join(dict.fromkeys(post.schema for post in stage.posts))
        activity = f"Reading {stage.source.schema}{f', writing {written}' if written else ''}"
        self.parts.runs.progress(self.row.id, state=RunState.RUNNING, activity=activity)
        self.journal.progressed()


def _rivals(post: PostNode, other: PostNode) -> bool:
    """Whether two POSTs write to the same place. By a Decision a record may come to the one now, later to the other."""
    same = (post.credential, post.schema) == (other.credential, other.schema)
    return same and post.id != other.id
