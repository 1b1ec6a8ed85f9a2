"""The connector's front: what the engine and the service see of Tryton. The work is done by its neighbours."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

import httpx

from agent.connectors.contract import (
    CheckReport,
    LookUp,
    Prepared,
    Present,
    ReadRequest,
    Seal,
    Use,
    WriteTarget,
)
from agent.connectors.tryton.check import check, lacking
from agent.connectors.tryton.client import Client
from agent.connectors.tryton.credentials import ADDRESS, DATABASE, PASSWORD, prepare, sends_in_clear
from agent.connectors.tryton.reading import PACKET_RECORDS, packets
from agent.connectors.tryton.schema import APP
from agent.connectors.tryton.writing import BATCH_RECORDS, LATE_SECONDS, Writer
from agent.domain.app import ActionKind, App, Schema
from agent.domain.errors import AgentError, TransientError
from agent.domain.packet import Batch, Packet, WriteReport
from agent.domain.secret import Secret
from agent.domain.sent import Observer
from agent.http.factory import READ_SECONDS, http_client, is_loopback
from agent.http.retry import ONCE, Retry, RetryPolicy

_SIGN_OUT_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)


class TrytonConnector:
    """Tryton.

    Args:
        policy: How often and how long what fails for the moment is tried again.
        read_seconds: How long to wait for an answer.
        late_seconds: How long a sale may be on its way after whoever sent it gave up or died.
    """

    app: App = APP

    def __init__(
        self,
        policy: RetryPolicy | None = None,
        read_seconds: float = READ_SECONDS,
        late_seconds: float = LATE_SECONDS,
    ) -> None:
        self._policy, self._read_seconds, self._late_seconds = policy, read_seconds, late_seconds

    def prepare(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
        """Tidy what people paste."""
        return prepare(values, secrets)

    def schema(self, name: str, values: Mapping[str, str] | None) -> Schema | None:
        """All databases offer the same."""
        return self.app.schema(name)

    def open(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> TrytonConnection:
        """A connection for prepared values."""
        return TrytonConnection(
            values, secrets[PASSWORD], policy=self._policy, read_seconds=self._read_seconds,
            late_seconds=self._late_seconds,
        )  # fmt: skip


class TrytonConnection:
    """A connection to one database of one Tryton."""

    keeps_receipts = False
    """Tryton keeps no receipt of what was written: a write in doubt is looked up."""

    def __init__(
        self,
        values: Mapping[str, str],
        password: Secret,
        *,
        policy: RetryPolicy | None,
        read_seconds: float,
        late_seconds: float,
    ) -> None:
        self._values, self._password, self._policy = dict(values), password, policy
        self._read_seconds, self._late_seconds = read_seconds, late_seconds
        self._observer: Observer | None = None
        self._opened: AsyncExitStack | None = None
        self._clients: tuple[httpx.AsyncClient, httpx.AsyncClient] | None = None
        self._client: Client | None = None

    def __repr__(self) -> str:
        return f"<TrytonConnection {self._values[ADDRESS]} {self._values[DATABASE]}>"

    def tell(self, observer: Observer) -> None:
        """Tell of every request from now on, except those that sign in."""
        self._observer = observer

    async def __aenter__(self) -> Self:
        loopback = is_loopback(httpx.URL(self._values[ADDRESS]).host)
        self._opened = AsyncExitStack()
        clients = [
            await self._opened.enter_async_context(
                http_client(loopback=loopback, read_seconds=self._read_seconds, observer=observer)
            )
            for observer in (self._observer, None)
        ]
        self._clients = (clients[0], clients[1])
        self._client = self._client_with(self._policy or RetryPolicy())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        opened, self._opened = self._opened, None
        try:
            if client is not None and not isinstance(error, asyncio.CancelledError):
                await _signed_out(client)
        finally:
            if opened is not None:
                await opened.aclose()

    async def check(self, progress: Callable[[str], None]) -> CheckReport:
        """Prove the credentials. A person waits, so nothing is tried again."""
        client = self._client_with(ONCE)
        try:
            return await check(client, progress, in_clear=sends_in_clear(self._values[ADDRESS]))
        finally:
            await _signed_out(client)

    async def lacking(self, uses: Sequence[Use]) -> Mapping[int, str]:
        """The module or right that is missing for each use."""
        return await lacking(self._entered(), uses)

    async def read(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """Read records."""
        stream = packets(self._entered(), request)
        try:
            async for packet in stream:
                yield packet
        finally:
            await stream.aclose()

    def packet_records(self, schema: str, action: str) -> int:
        """How many records go at once."""
        found = APP.schema(schema)
        one = found.action(action) if found is not None else None
        return BATCH_RECORDS if one is not None and one.kind is ActionKind.WRITE else PACKET_RECORDS

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        """Write records."""
        return await self._writer().write(target, batch)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find out what of an unanswered write is there."""
        return await self._writer().look_up(target, batch)

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Find out what there is now, for a preview."""
        return await self._writer().present(target, batch)

    async def receipt(self, target: WriteTarget) -> bytes | None:
        """There are none."""
        return None

    def _writer(self) -> Writer:
        return Writer(self._entered(), late_seconds=self._late_seconds)

    def _entered(self) -> Client:
        if self._client is None:
            raise RuntimeError("The connection has not been entered.")
        return self._client

    def _client_with(self, policy: RetryPolicy) -> Client:
        if self._clients is None:
            raise RuntimeError("The connection has not been entered.")
        watched, unwatched = self._clients
        retry = Retry(policy=policy, sleep=asyncio.sleep, random=random.random, on_failure=_log_retry)
        return Client(http=watched, unwatched=unwatched, values=self._values, password=self._password, retry=retry)


async def _signed_out(client: Client) -> None:
    """End the session where that is quick: Tryton ends it by itself after a while."""
    try:
        async with asyncio.timeout(_SIGN_OUT_SECONDS):
            await client.sign_out()
    except (AgentError, TimeoutError):
        _log.debug("The session at %s was left to end by itself.", client.host)


def _log_retry(error: TransientError, seconds: float) -> None:
    _log.info("%s Trying again in %.1f seconds.", error.message, seconds)
