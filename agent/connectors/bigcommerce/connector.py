"""The connector's front: what the engine and the service see of BigCommerce. The work is done by its neighbours."""

from __future__ import annotations

import asyncio
import random as random_numbers
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx

from agent.connectors.bigcommerce.abilities import found_out, needed
from agent.connectors.bigcommerce.check import check
from agent.connectors.bigcommerce.client import StoreAuth, StoreClient, log_recovery, log_retry
from agent.connectors.bigcommerce.credentials import (
    API_TOKEN,
    GATEWAY_HOST,
    USERNAME,
    Account,
    AccountKind,
    account_of,
    prepare,
    reserve_of,
)
from agent.connectors.bigcommerce.inventory import InventoryStock, Stock
from agent.connectors.bigcommerce.legacy_stock import LegacyStock
from agent.connectors.bigcommerce.passes import packets
from agent.connectors.bigcommerce.reading import by_ids, pages
from agent.connectors.bigcommerce.schema import APP, known_name, schemas
from agent.connectors.bigcommerce.writing import Writer, batch_records, writer
from agent.connectors.contract import CheckReport, LookUp, Prepared, Present, ReadRequest, Seal, Use, WriteTarget
from agent.domain.app import App, Schema
from agent.domain.packet import Batch, Packet, WriteReport
from agent.domain.secret import Secret
from agent.domain.sent import Observer
from agent.http.factory import READ_SECONDS, http_client
from agent.http.pacing import Gates
from agent.http.retry import Random, Retry, RetryPolicy, Sleep

_READ_RECORDS = 1_000
_CONNECTIONS = 8


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a connection uses of the world. Tests put other things in its place.

    `gates` are shared by all connections of the process, so that they keep to each store's quota together.
    """

    gates: Gates = field(default_factory=Gates)
    transport: httpx.AsyncBaseTransport | None = None
    clock: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Sleep = asyncio.sleep
    random: Random = random_numbers.random
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    read_seconds: float = READ_SECONDS


class BigCommerceConnector:
    """BigCommerce, with store-level API accounts and with legacy ones."""

    app: App = APP

    def __init__(self, surroundings: Surroundings | None = None) -> None:
        self._surroundings = surroundings or Surroundings()

    def prepare(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
        """Tidy what people paste."""
        return prepare(values, secrets)

    def schema(self, name: str, values: Mapping[str, str] | None) -> Schema | None:
        """The schema as that kind of account offers it."""
        known = known_name(name)
        return next((schema for schema in schemas(account_of(values).kind) if schema.name == known), None)

    def open(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> BigCommerceConnection:
        """A connection for prepared values."""
        return BigCommerceConnection(
            account=account_of(values),
            username=values.get(USERNAME, ""),
            token=secrets[API_TOKEN],
            reserve=reserve_of(values),
            surroundings=self._surroundings,
        )


class BigCommerceConnection:
    """A connection to one store."""

    keeps_receipts = False

    def __init__(
        self, *, account: Account, username: str, token: Secret, surroundings: Surroundings, reserve: float = 0.0
    ) -> None:
        self._account = account
        self._reserve = reserve
        self._username = username
        self._token = token
        self._surroundings = surroundings
        self._http: list[httpx.AsyncClient] = []
        self._client: StoreClient | None = None
        self._stock: Stock | None = None
        self._observer: Observer | None = None

    def __repr__(self) -> str:
        return f"<BigCommerceConnection {self._account.name}>"

    def tell(self, observer: Observer) -> None:
        """Tell of every request from now on."""
        self._observer = observer

    async def __aenter__(self) -> Self:
        self._client = self._made_client(self._account)
        legacy = self._account.kind is AccountKind.LEGACY
        self._stock = (
            LegacyStock(client=self._client)
            if legacy
            else InventoryStock(client=self._client, sleep=self._surroundings.sleep)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client = self._stock = None
        while self._http:
            await self._http.pop().aclose()

    async def check(self, progress: Callable[[str], None]) -> CheckReport:
        """Prove the credentials."""
        gateway = None
        if self._account.kind is AccountKind.LEGACY and (store_hash := self._account.store_hash):
            base = f"https://{GATEWAY_HOST}/stores/{store_hash}"
            gateway = self._made_client(Account(AccountKind.OAUTH, base, GATEWAY_HOST, store_hash))
        return await check(self._entered(), clock=self._surroundings.clock, progress=progress, gateway=gateway)

    async def lacking(self, uses: Sequence[Use]) -> Mapping[int, str]:
        """The permissions that the token lacks for these uses. Legacy accounts have none that could be named."""
        if self._account.kind is AccountKind.LEGACY:
            return {}
        wanted = [needed(replace(use, schema=known_name(use.schema))) for use in uses]
        may = await found_out(
            self._entered(), sorted({one for some in wanted for one in some}, key=lambda one: one.label)
        )
        lacking = {
            index: sorted(one.permission for one in some if may[one] is False) for index, some in enumerate(wanted)
        }
        return {index: ", ".join(permissions) for index, permissions in lacking.items() if permissions}

    async def read(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """Read records."""
        request = replace(request, schema=known_name(request.schema))
        if request.ids:
            yield await by_ids(self._entered(), request)
            return
        source = pages(self._entered(), request)
        stream = packets(source, position=request.position, packet_records=request.packet_records)
        try:
            async for packet in stream:
                yield packet
        finally:
            await stream.aclose()

    def packet_records(self, schema: str, action: str) -> int:
        """How many records the store takes at once."""
        return batch_records(known_name(schema), action, self._account.kind) or _READ_RECORDS

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        """Write records, or set the stock of products."""
        return await self._writer(target, batch).write(target, batch)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find out which records are at the store as they were to be."""
        return await self._writer(target, batch).look_up(target, batch)

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Find out what there is now."""
        return await self._writer(target, batch).present(target, batch)

    async def receipt(self, target: WriteTarget) -> bytes | None:
        """A store keeps no receipts."""
        return None

    def _made_client(self, account: Account) -> StoreClient:
        around = self._surroundings
        http = http_client(
            loopback=account.loopback,
            connections=_CONNECTIONS,
            read_seconds=around.read_seconds,
            auth=StoreAuth(account=account, username=self._username, token=self._token),
            transport=around.transport,
            observer=self._observer,
        )
        self._http.append(http)
        retry = Retry(
            policy=around.policy,
            sleep=around.sleep,
            random=around.random,
            on_failure=log_retry(account),
            on_recovery=log_recovery(account),
        )
        gate = around.gates.gate(account.base)
        gate.leave(self._reserve)
        return StoreClient(http=http, account=account, gate=gate, retry=retry, clock=around.monotonic)

    def _entered(self) -> StoreClient:
        if self._client is None:
            raise RuntimeError("The connection has not been entered.")
        return self._client

    def _writer(self, target: WriteTarget, batch: Batch) -> Writer:
        client = self._entered()
        assert self._stock is not None
        return writer(client, self._stock, replace(target, schema=known_name(target.schema)), batch)
