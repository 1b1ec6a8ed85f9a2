"""A connection that does not take the app's first "no" for an answer: are the credentials refused, or was it a mishap?

Apps refuse good credentials now and then, and refuse single things to good accounts. So before an App Configuration
trips, a second connection is opened and asked what Validate asks. Only where that is refused as well is it believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from agent.connectors.contract import (
    CheckReport,
    Connection,
    LookUp,
    Permitting,
    Present,
    ReadRequest,
    Seal,
    Settling,
    Use,
    WriteTarget,
)
from agent.domain.errors import AccessError, AgentError, ConfigurationError, CredentialsError, TransientError
from agent.domain.packet import Batch, Bookmark, Packet, WriteReport
from agent.store.runs.trips import Used

_PAUSE_SECONDS: Final = 1.0
_REFUSALS = (CredentialsError, AccessError)


class RefusedError(CredentialsError):
    """An app refuses the credentials of an App Configuration, and did so twice."""

    def __init__(self, used: Used, error: ConfigurationError) -> None:
        super().__init__(error.message, code=error.code, remedy=error.remedy, detail=error.detail, field=error.field)
        self.used = used


class GuardedConnection:
    """Another connection, with a second look at refusals.

    Args:
        inner: The connection, not yet entered.
        again: Makes another one like it.
        used: The configuration that both use.
        pause_seconds: How long to wait before the second look.

    Raises, besides what the connection raises:
        RefusedError: the credentials are refused.
        TransientError: code `credentials-doubtful`: they were refused, and a moment later they were not.
    """

    def __init__(
        self, inner: Connection, again: Callable[[], Connection], used: Used, *, pause_seconds: float = _PAUSE_SECONDS
    ) -> None:
        self._inner, self._again, self._used, self._pause_seconds = inner, again, used, pause_seconds
        self.keeps_receipts = inner.keeps_receipts

    async def __aenter__(self) -> Self:
        try:
            await self._inner.__aenter__()
        except _REFUSALS as error:
            raise await self._judged(error) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)

    async def check(self, progress: Callable[[str], None]) -> CheckReport:
        """As the connection's own: whoever validates wants to know at once."""
        return await self._inner.check(progress)

    async def lacking(self, uses: Sequence[Use]) -> Mapping[int, str]:
        """As the connection's own; nothing where it cannot find out."""
        return await self._inner.lacking(uses) if isinstance(self._inner, Permitting) else {}

    async def read(self, request: ReadRequest) -> AsyncIterator[Packet]:
        """Yield packets."""
        packets = self._inner.read(request)
        try:
            async for packet in packets:
                yield packet
        except _REFUSALS as error:
            raise await self._judged(error) from error
        finally:
            if (close := getattr(packets, "aclose", None)) is not None:
                await close()

    async def settle(self, request: ReadRequest, bookmark: Bookmark) -> None:
        """As the connection's own; nothing where nothing is to be done."""
        if isinstance(self._inner, Settling):
            await self._inner.settle(request, bookmark)

    def packet_records(self, schema: str, action: str) -> int:
        """How many records a batch should have."""
        return self._inner.packet_records(schema, action)

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        """Write a batch."""
        try:
            return await self._inner.write(target, batch, seal)
        except _REFUSALS as error:
            raise await self._judged(error) from error

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find out which rows arrived."""
        try:
            return await self._inner.look_up(target, batch)
        except _REFUSALS as error:
            raise await self._judged(error) from error

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Find out what a write would meet."""
        try:
            return await self._inner.present(target, batch)
        except _REFUSALS as error:
            raise await self._judged(error) from error

    async def receipt(self, target: WriteTarget) -> bytes | None:
        """The last receipt."""
        try:
            return await self._inner.receipt(target)
        except _REFUSALS as error:
            raise await self._judged(error) from error

    async def _judged(self, error: ConfigurationError) -> Exception:
        """What a refusal turns out to be."""
        await asyncio.sleep(self._pause_seconds)
        try:
            async with self._again() as second:
                await second.check(lambda _step: None)
        except CredentialsError as confirmed:
            return RefusedError(self._used, confirmed)
        except AccessError:
            return RefusedError(self._used, error)
        except TransientError as passing:
            return passing
        except AgentError:
            return error
        if isinstance(error, AccessError):
            return error  # the account is let in, and may not do this one thing
        return TransientError(
            error.message,
            code="credentials-doubtful",
            remedy="A second try worked, so the agent tries again by itself.",
            detail=error.detail,
        )
