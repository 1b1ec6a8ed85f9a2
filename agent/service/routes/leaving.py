"""Work that ends when nobody waits for its answer any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from fastapi import Request

from agent.domain.errors import CancelledError

_Answer = TypeVar("_Answer")


async def while_heard(request: Request, work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """What the work gives; it is cancelled when the client closes the connection.

    Raises:
        CancelledError: nobody will read it.
    """
    running = asyncio.create_task(work)
    gone = asyncio.create_task(until_gone(request))
    try:
        await asyncio.wait({running, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            running.cancel()
        with suppress(asyncio.CancelledError):
            return await running
        raise CancelledError
    finally:
        for task in (gone, running):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def until_gone(request: Request) -> None:
    """Returns when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
