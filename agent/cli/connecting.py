"""Bridges commands to the service: starts it where needed, runs a coroutine against it, turns errors into exits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from agent.api.folders import Folders
from agent.cli.output import fail
from agent.domain.errors import AgentError, CancelledError

if TYPE_CHECKING:  # it brings httpx along, which commands that ask nobody do not need
    from agent.api.client import AgentClient

_Answer = TypeVar("_Answer")


def folders() -> Folders:
    """The folders of this installation."""
    return Folders.discover(os.environ)


def ask(question: Callable[[AgentClient], Awaitable[_Answer]], *, interrupted: str = "Interrupted.") -> _Answer:
    """Ask the service, starting it where it does not run, and return its answer.

    Exits with status 1 on errors; after Ctrl+C with 130, saying `interrupted`.
    """
    from agent.api.client import AgentClient  # imported here: see above
    from agent.api.launch import ensure_service

    async def talk() -> _Answer:
        endpoint = await asyncio.to_thread(ensure_service, folders())
        async with AgentClient(endpoint) as client:
            return await question(client)

    try:
        return asyncio.run(talk())
    except AgentError as error:
        fail(error)
    except KeyboardInterrupt:
        fail(CancelledError(interrupted))
