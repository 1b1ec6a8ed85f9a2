"""What a stage reads from: an app, received events, or an app for what events name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from agent.connectors.contract import Connection, ReadRequest
from agent.domain.errors import FatalError
from agent.domain.packet import Packet
from agent.domain.processflow import EventSource, GetNode, Stage
from agent.engine.events.answers import answers_by_event
from agent.engine.events.source import EventFetch, EventPoll, EventQueue
from agent.engine.filters.record_ids import names_events
from agent.store.inbox.events import EventStore


class Readable(Protocol):
    """What gives packets: see `Connection.read`."""

    def read(self, request: ReadRequest) -> AsyncIterator[Packet]: ...


async def opened(
    stage: Stage,
    *,
    flow: str,
    normal: bool,
    events: EventStore,
    connect: Callable[[GetNode], Connection],
    stack: AsyncExitStack,
    missing: Callable[[Sequence[str]], None],
) -> Readable:
    """What the stage reads from, entered.

    Args:
        stage: The stage.
        flow: The name of the processflow.
        normal: Whether it is read on from the bookmark; otherwise an app is asked for what the run's plan says.
        events: The received events.
        connect: Gives the connection of a GET, not yet entered.
        stack: Closes what is opened here.
        missing: Told of ids that events name and the app does not give.
    """
    get, one_event = stage.source, answers_by_event(stage)
    if isinstance(get, EventSource):
        return EventQueue(events, flow, one_event=one_event)
    app = await stack.enter_async_context(connect(get))
    if not get.by_event or not normal:
        return app
    if not names_events(get):
        return EventPoll(events, flow, app)
    return EventFetch(events, flow, app, one_event=one_event, missing=missing)


async def next_packet(packets: AsyncIterator[Packet]) -> Packet:
    """The next packet of a read. Raises FatalError, code `read-unfinished`, where it ended without a bookmark."""
    try:
        return await anext(packets)
    except StopAsyncIteration:
        raise FatalError(
            "The source ended without saying how far it was read.",
            code="read-unfinished",
            remedy="Send the log to your support: the connector has a fault.",
        ) from None
