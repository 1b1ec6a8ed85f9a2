"""Bridges commands to the service: starts it where needed, runs a coroutine against it, turns errors into exits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from agent.api.client import AgentClient
from agent.api.folders import Folders
from agent.api.launch import ensure_service
from agent.cli.output import fail
from agent.domain.errors import AgentError, CancelledError

_Answer = TypeVar("_Answer")


def folders() -> Folders:
    """The folders of this installation."""
    return Folders.discover(os.environ)


def ask(question: Callable[[AgentClient], Awaitable[_Answer]], *, where: Folders | None = None) -> _Answer:
    """Ask the service, starting it where it does not run, and return its answer; exits with status 1 on errors."""

    async def talk() -> _Answer:
        endpoint = await asyncio.to_thread(ensure_service, where or folders())
        async with AgentClient(endpoint) as client:
            return await question(client)

    try:
        return asyncio.run(talk())
    except AgentError as error:
        fail(error)
    except KeyboardInterrupt:
        fail(CancelledError("Interrupted."))
