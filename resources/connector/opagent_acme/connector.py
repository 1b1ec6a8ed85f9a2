"""The connector's front: what the agent sees. The work is done by its neighbours."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from types import TracebackType
from typing import Self

import httpx
from agent.connectors.contract import (
    CheckReport,
    LookUp,
    Prepared,
    Present,
    ReadRequest,
    Seal,
    WriteTarget,
)
from agent.domain.app import ActionKind, App, Schema
from agent.domain.errors import TransientError
from agent.domain.packet import Batch, Packet, WriteReport
from agent.domain.secret import Secret
from agent.domain.sent import Observer
from agent.http.factory import READ_SECONDS, http_client, is_loopback
from agent.http.retry import Retry, RetryPolicy

from opagent_acme.check import check
from opagent_acme.client import Client, TokenAuth
from opagent_acme.credentials import ADDRESS, API_TOKEN, prepare
from opagent_acme.reading import MOST_RECORDS, packets
from opagent_acme.schema import APP
from opagent_acme.writing import BATCH_RECORDS, Writer

_log = logging.getLogger(__name__)


class AcmeConnector:
    """Acme.

    Args:
        policy: How often and how long what fails for the moment is tried again.
        read_seconds: How long to wait for an answer.
    """

    contract_version = 1
    """The version of the agent's contract that this connector was made for."""
    app: App = APP

    def __init__(self, policy: RetryPolicy | None = None, read_seconds: float = READ_SECONDS) -> None:
        self._policy, self._read_seconds = policy or RetryPolicy(), read_seconds

    def prepare(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
        """Tidy what people paste."""
        return prepare(values, secrets)

    def schema(self, name: str, values: Mapping[str, str] | None) -> Schema | None:
        """All accounts offer the same."""
        return self.app.schema(name)

    def open(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> AcmeConnection:
        """A connection for prepared values."""
        return AcmeConnection(values[ADDRESS], secrets[API_TOKEN], self._policy, self._read_seconds)


class AcmeConnection:
    """A connection to one Acme."""

    keeps_receipts = False
    """Acme keeps no receipt of what was written: a write in doubt is looked up."""

    def __init__(self, address: str, token: Secret, policy: RetryPolicy, read_seconds: float) -> None:
        self._address, self._token, self._policy, self._read_seconds = address, token, policy, read_seconds
        self._observer: Observer | None = None
        self._http: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"<AcmeConnection {self._address}>"

    def tell(self, observer: Observer) -> None:
        """Tell of every request from now on, for whoever looks into a run."""
        self._observer = observer

    async def __aenter__(self) -> Self:
        self._http = http_client(
            loopback=is_loopback(httpx.URL(self._address).host),
            read_seconds=self._read_seconds,
            auth=TokenAuth(self._token),
            observer=self._observer,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def check(self, progress: Callable[[str], None]) -> CheckReport:
        """Prove the credentials."""
        return await check(self._client(), progress)

    async def read(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """Read customers."""
        stream = packets(self._client(), request)
        try:
            async for packet in stream:
                yield packet
        finally:
            await stream.aclose()

    def packet_records(self, schema: str, action: str) -> int:
        """How many records go at once."""
        found = APP.schema(schema)
        one = found.action(action) if found is not None else None
        return BATCH_RECORDS if one is not None and one.kind is ActionKind.WRITE else MOST_RECORDS

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        """Write customers."""
        return await Writer(self._client()).write(target, batch)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find out what of an unanswered write is there."""
        return await Writer(self._client()).look_up(target, batch)

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Find out what there is now, for a preview."""
        return await Writer(self._client()).present(target, batch)

    async def receipt(self, target: WriteTarget) -> bytes | None:
        """There are none."""
        return None

    def _client(self) -> Client:
        if self._http is None:
            raise RuntimeError("The connection has not been entered.")
        retry = Retry(policy=self._policy, sleep=asyncio.sleep, random=random.random, on_failure=_log_retry)
        return Client(http=self._http, address=self._address, retry=retry)


def _log_retry(error: TransientError, wait: float) -> None:
    _log.info("%s Trying again in %.1f s. %s", error.message, wait, error.detail)
