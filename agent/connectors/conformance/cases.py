"""How a case of the suite is carried out: on a stand of its own, in a loop of its own, within a bounded time."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from agent.connectors.conformance.bench import Bench, bench
from agent.connectors.conformance.expectations import NotConformingError
from agent.connectors.conformance.stand import Stand


class Cases(ABC):
    """Cases that are carried out on a stand."""

    seconds: ClassVar[float] = 60.0
    """How long one case may take, before it is said to hang."""

    @abstractmethod
    def stand(self) -> AbstractAsyncContextManager[Stand]:
        """The app with a connector to it: started when entered, removed when left. Each case asks for a new one."""

    async def carry_out(self, body: Callable[[Any, Bench], Awaitable[None]]) -> None:
        """Carry out one case."""
        async with self.stand() as stand, bench(stand) as made:
            try:
                async with asyncio.timeout(self.seconds):
                    await body(self, made)
            except TimeoutError as error:
                raise NotConformingError(
                    f"After {self.seconds:g} seconds the connector was still at it. It has to give up waiting by "
                    "itself, and the connector of the stand should do so within a second."
                ) from error


def case(body: Callable[[Any, Bench], Awaitable[None]]) -> Callable[[Any], None]:
    """Turn a coroutine that takes a bench into a test that any runner can call."""

    def test(self: Cases) -> None:
        asyncio.run(self.carry_out(body))

    # Not functools.wraps: pytest would look through it and take the bench for a fixture.
    test.__name__, test.__qualname__ = body.__name__, body.__qualname__
    test.__doc__, test.__module__ = body.__doc__, body.__module__
    return test
