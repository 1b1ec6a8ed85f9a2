"""The ASGI application: reads a request off the wire, plays the troubles, and writes the answer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import format_datetime
from typing import Any, cast

from agent.sandbox.control import PREFIX, Control
from agent.sandbox.faults import Fault, FaultKind
from agent.sandbox.gateway import Gateway, plain_error
from agent.sandbox.requests import Answer, Request, v3_error
from agent.sandbox.store import Store

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TRANSPORT = "sandbox.transport"  # where the server puts the connection, so that a trouble can cut it
_HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in to this network.</body></html>"
_INSTEAD = frozenset({FaultKind.STATUS, FaultKind.RATE_LIMIT, FaultKind.HTML})
_BEFORE = frozenset({FaultKind.RESET, FaultKind.HANG_BEFORE})


class Application:
    """One store as an ASGI application."""

    def __init__(self, store: Store, *, origin: str) -> None:
        self._store = store
        self._gateway = Gateway(store, origin=origin)
        self._control = Control(store)
        self._request_ids = itertools.count(1)
        self._date = (0, b"")
        self.closing = asyncio.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("The sandbox speaks HTTP only.")
        request = await _read(scope, receive)
        if request.path.startswith(PREFIX):
            await self._send(self._control.answer(request), send)
            return
        faults = self._store.faults.take(request.method, request.path)
        latency_ms = self._store.options.latency_ms + sum(
            fault.latency_ms for fault in faults if fault.kind is FaultKind.LATENCY
        )
        if latency_ms:
            await self._until_closing(asyncio.sleep(latency_ms / 1000))
        fault = next((one for one in faults if one.kind is not FaultKind.LATENCY), None)
        if fault is None:
            await self._send(self._gateway.answer(request), send)
        else:
            await self._with_fault(fault, request, cast("asyncio.Transport", scope[TRANSPORT]), receive, send)

    async def _with_fault(
        self, fault: Fault, request: Request, transport: asyncio.Transport, receive: Receive, send: Send
    ) -> None:
        if fault.kind in _INSTEAD:
            answer = _instead(fault, request)
            with self._store.lock:
                self._store.statistics.asked(request.method, "(fault)")
                self._store.statistics.answered(answer.status, len(answer.body))
            await self._send(answer, send)
            return
        if fault.kind in _BEFORE:
            with self._store.lock:
                self._store.statistics.asked(request.method, "(fault)")
        else:
            answer = self._gateway.answer(request)
            if fault.kind is FaultKind.TRUNCATE and len(answer.body) > 1:
                await self._send(answer, send, size=len(answer.body) // 2)
                # What was written has to leave before the connection ends in order, so that half a body arrives.
                transport.close()
                return
        if fault.kind in {FaultKind.HANG_BEFORE, FaultKind.HANG_AFTER}:
            await self._until_closing(_disconnected(receive))
            with self._store.lock:
                self._store.statistics.given_up += 1
        _reset(transport)
        await _disconnected(receive)  # the server complains about requests without an answer until it has noticed

    async def _until_closing(self, waiting: Awaitable[object]) -> None:
        """Wait, but not longer than the server lives."""
        tasks = {asyncio.ensure_future(waiting), asyncio.ensure_future(self.closing.wait())}
        _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _send(self, answer: Answer, send: Send, *, size: int | None = None) -> None:
        headers = [(b"date", self._date_header()), (b"x-request-id", b"%032x" % next(self._request_ids))]
        if answer.status != 204:
            headers.append((b"content-type", answer.content_type.encode()))
            headers.append((b"content-length", b"%d" % len(answer.body)))
        headers += [(name.encode(), value.encode()) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = answer.body if size is None else answer.body[:size]
        await send({"type": "http.response.body", "body": body, "more_body": size is not None})

    def _date_header(self) -> bytes:
        now = self._store.now()
        second = int(now.timestamp())
        if second != self._date[0]:
            self._date = (second, format_datetime(now, usegmt=True).encode())
        return self._date[1]


def _instead(fault: Fault, request: Request) -> Answer:
    if fault.kind is FaultKind.RATE_LIMIT:
        return v3_error(429, "Too many requests")
    if fault.kind is FaultKind.HTML:
        return Answer(200, _HTML, "text/html; charset=utf-8")
    return plain_error(request.path, fault.status, "An error has occurred.")


def _reset(transport: asyncio.Transport) -> None:
    """Cut the connection so that the client gets a reset, not an orderly end."""
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    with contextlib.suppress(OSError):  # the client has gone already
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(scope: Message, receive: Receive) -> Request:
    body = b""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if "content-length" in headers or "transfer-encoding" in headers:
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
    return Request(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, body)
