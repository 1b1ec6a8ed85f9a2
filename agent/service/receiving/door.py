"""The end point to which other applications send events: an ASGI application of its own, apart from the contract.

It says as little as it can to strangers: whoever does not know a URL with its secret gets a plain 404, whatever is
asked. An event is acknowledged when it is stored, never before.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent.api.service_models import EnvironmentState
from agent.domain.errors import AgentError, RecordError
from agent.engine.events.signatures import is_signed
from agent.engine.walking.journal import Level
from agent.service.receiving.doors import Door, EventDoors
from agent.service.receiving.intake import Accepted, EventIntake
from agent.store.inbox.events import Taken

MOST_BODY_BYTES: Final = 1_000_000
_MOST_BYTES_IN_HAND: Final = 64_000_000
_ADDRESS = re.compile(r"/events/([a-z0-9-]{1,100})/([A-Za-z0-9_-]{1,100})")
_JSON = re.compile(r"application/(json|[a-z0-9.+-]{1,60}\+json)")
_LOG_SECONDS: Final = 60.0
_ACKNOWLEDGED: Final = "Acknowledged"


class _RefusedError(Exception):
    """An answer that is no acknowledgement."""

    def __init__(self, status: int, text: str, *, retry_after: int | None = None, counts: bool = True) -> None:
        super().__init__(text)
        self.status, self.text, self.retry_after, self.counts = status, text, retry_after, counts


@dataclass(slots=True)
class _Bucket:
    """How many events a processflow may still get at this moment."""

    left: float
    at: float


@dataclass(slots=True)
class EventDoor:
    """The application.

    Args:
        doors: Who may knock.
        intake: Takes events in.
        state: The state of the environment.
        rate: How many events a second each processflow takes, now.
        tell: Writes a line into the log: level, message, processflow.
        clock: The present, aware and in UTC.
        body_seconds: How long a body may take to arrive.
    """

    doors: EventDoors
    intake: EventIntake
    state: Callable[[], EnvironmentState]
    rate: Callable[[], int]
    tell: Callable[[Level, str, str], None]
    clock: Callable[[], datetime]
    body_seconds: float = 10.0
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _told: dict[tuple[str, str], float] = field(default_factory=dict)
    _bytes_in_hand: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        door: Door | None = None
        try:
            door = await self._opened(scope)
            answer = await self._answer(door, scope, receive)
        except _RefusedError as refused:
            answer = self._refusal(door, refused)
        except ClientDisconnect:
            return
        except AgentError:
            # The agent's own database: the sender has to come back.
            answer = _plain(503, "Not available now.", retry_after=30)
        await answer(scope, receive, send)

    async def _opened(self, scope: Scope) -> Door:
        """The door that the address opens."""
        address = _ADDRESS.fullmatch(scope["path"])
        name, secret = address.groups() if address is not None else ("", "")
        door, opens = await self.doors.find(name, secret)
        if not opens or door is None:
            if door is not None:
                self._count(door.flow, "The secret in the URL was wrong.")
            raise _RefusedError(404, "Not Found", counts=False)
        return door

    async def _answer(self, door: Door, scope: Scope, receive: Receive) -> Response:
        if scope["method"] != "POST":
            raise _RefusedError(405, "Send events with POST.")
        if door.broken:
            self._tell(door.flow, "Its events cannot be taken: the processflow cannot be used as it is.")
            raise _RefusedError(503, "Not available now.", retry_after=60)
        if door.intake is None:
            raise _RefusedError(410, "Nothing waits for these events any more.")
        if self.state() is not EnvironmentState.RUNNING:
            raise _RefusedError(503, "Not available now.", retry_after=60)
        if not self._has_room(door.flow):
            raise _RefusedError(429, "Too many events at once.", retry_after=1)
        headers = Headers(scope=scope)
        content_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if not _JSON.fullmatch(content_type) or headers.get("content-encoding", "identity").lower() != "identity":
            raise _RefusedError(415, "Send JSON, with content type application/json and not compressed.")
        body = await self._body(headers, receive)
        self._check_signature(door, body, headers)
        return await self._taken(door, body, headers)

    def _check_signature(self, door: Door, body: bytes, headers: Headers) -> None:
        if door.signature is None:
            return
        if door.signed_with is None:
            self._tell(door.flow, "Signatures cannot be checked: set what senders sign with, or unlock the vault.")
            raise _RefusedError(503, "Not available now.", retry_after=60)
        if not is_signed(door.signature, door.signed_with, body, headers.get(door.signature.header, "")):
            raise _RefusedError(401, "The signature is missing or wrong.")

    async def _taken(self, door: Door, body: bytes, headers: Headers) -> Response:
        assert door.intake is not None
        names = {name.lower(): value for name, value in headers.items()}
        taking = self.intake.take(door.flow, door.intake, body, names, at=self.clock(), waits=door.wait_seconds > 0)
        try:
            # A sender that goes away does not stop it.
            accepted = await asyncio.shield(asyncio.wrap_future(taking))
        except RecordError as error:
            raise _RefusedError(422, error.message) from error
        if accepted.taken is Taken.FULL:
            self._tell(door.flow, "There is no room for more events: too many wait.")
            raise _RefusedError(503, "Not available now.", retry_after=300)
        if door.at_once is not None:
            node = door.at_once
            return Response(node.text, status_code=node.status, headers={"content-type": node.content_type})
        return await self._answered(door, accepted)

    async def _answered(self, door: Door, accepted: Accepted) -> Response:
        """The answer of the run, where one is to be waited for and comes in time."""
        if accepted.waiting is None:
            return _plain(202, _ACKNOWLEDGED)
        answer = None
        try:
            with contextlib.suppress(TimeoutError):
                answer = await asyncio.wait_for(asyncio.wrap_future(accepted.waiting), door.wait_seconds)
        finally:
            self.intake.answers.forget(door.flow, accepted.ends)
        if answer is None:
            return _plain(202, _ACKNOWLEDGED)
        return Response(answer.content, status_code=answer.status, headers={"content-type": answer.content_type})

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """The body, as it was sent. It has to come soon, and bodies together may take up only so much memory."""
        length = headers.get("content-length", "")
        if length and (not length.isdecimal() or len(length) > 20 or int(length) > MOST_BODY_BYTES):
            raise _RefusedError(413, f"An event may have {MOST_BODY_BYTES:,} bytes.")
        reserved = int(length) if length else MOST_BODY_BYTES
        if self._bytes_in_hand + reserved > _MOST_BYTES_IN_HAND:
            raise _RefusedError(503, "Not available now.", retry_after=1)
        self._bytes_in_hand += reserved
        try:
            return await asyncio.wait_for(_received(receive), self.body_seconds)
        except TimeoutError:
            raise _RefusedError(408, "The body did not arrive in time.") from None
        finally:
            self._bytes_in_hand -= reserved

    def _has_room(self, flow: str) -> bool:
        rate, now = float(self.rate()), time.monotonic()
        bucket = self._buckets.setdefault(flow, _Bucket(rate, now))
        bucket.left, bucket.at = min(rate, bucket.left + (now - bucket.at) * rate), now
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True

    def _refusal(self, door: Door | None, refused: _RefusedError) -> Response:
        if door is not None and refused.counts:
            self._count(door.flow, f"{refused.status}: {refused.text}")
            self._tell(door.flow, f"An event was refused: {refused.text}")
        return _plain(refused.status, refused.text, retry_after=refused.retry_after)

    def _count(self, flow: str, why: str) -> None:
        self.intake.refused(flow, why, at=self.clock())

    def _tell(self, flow: str, message: str) -> None:
        """A line in the log, the same one once a minute at most."""
        now = time.monotonic()
        if now - self._told.get((flow, message), -_LOG_SECONDS) >= _LOG_SECONDS:
            if len(self._told) > 1_000:
                self._told.clear()
            self._told[flow, message] = now
            self.tell("warning", message, flow)


async def _received(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BODY_BYTES:
            raise _RefusedError(413, f"An event may have {MOST_BODY_BYTES:,} bytes.")
        if not message.get("more_body", False):
            return b"".join(parts)


def _plain(status: int, text: str, *, retry_after: int | None = None) -> Response:
    headers = {"retry-after": str(retry_after)} if retry_after is not None else {}
    if status not in (202, 429, 503):
        headers["connection"] = "close"
    if status == 405:
        headers["allow"] = "POST"
    return Response(text, status_code=status, media_type="text/plain", headers=headers)
