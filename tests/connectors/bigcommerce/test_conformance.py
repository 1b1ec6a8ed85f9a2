"""What every connector has to show, of BigCommerce: the sandbox store behind a proxy, with both kinds of accounts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from agent.connectors.bigcommerce.connector import BigCommerceConnector, Surroundings
from agent.connectors.conformance import Answer, Conformance, Credentials, Medium, Reading, Stand, Writing
from agent.connectors.conformance.stand import Address
from agent.connectors.contract import SentClause, WriteTarget
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch, Value
from agent.domain.secret import Secret
from agent.http.retry import RetryPolicy
from agent.sandbox import RunningSandbox, SandboxOptions, running_sandbox

TOKEN, USERNAME = "unmistakable-5ecret-token-7f3a", "op-agent"
NUMBERS = [str(number) for number in range(1, 301)]  # more than one page of 250
SKUS = ("SKU-000001", "SKU-000005", "SKU-000007")
LEVEL = 777


class TestTokenAccount(Conformance):
    """A store-level API account."""

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        return store_stand("/stores/demo1/v3/", writings=token_writings)


class TestLegacyAccount(Conformance):
    """A legacy API account: basic authentication, other paths, another quota."""

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        return store_stand("/api/v2/", writings=legacy_writings)


@asynccontextmanager
async def store_stand(path: str, *, writings: Callable[[RunningSandbox], Sequence[Writing]]) -> AsyncIterator[Stand]:
    """A store with three hundred orders and customers."""
    options = SandboxOptions(orders=300, customers=300, products=10, quota=None, token=TOKEN, username=USERNAME)
    with running_sandbox(options) as sandbox:

        def at(address: Address, *, token: str = TOKEN, scheme: str = "http", path: str = path) -> Credentials:
            values = {"api_path": f"{scheme}://{address[0]}:{address[1]}{path}", "username": USERNAME}
            return Credentials(values, {"api_token": Secret(token)})

        def wrong(address: Address) -> Mapping[str, Credentials]:
            return {
                "token": at(address, token="wrong-but-5ecret"),
                "path": at(address, path="/stores/other1/v3/"),
            }

        yield Stand(
            connector=BigCommerceConnector(
                Surroundings(policy=RetryPolicy(first_wait_seconds=0.01), sleep=no_time, read_seconds=0.5)
            ),
            medium=Medium.HTTP,
            address=("127.0.0.1", sandbox.port),
            credentials=at,
            wrong=wrong,
            untrusted=lambda address: at(address, scheme="https"),
            readings=readings(sandbox, customers_since="min_date_modified" if "/v2/" in path else "date_modified:min"),
            writings=writings(sandbox),
            rate_limited=Answer(429, {"X-Rate-Limit-Time-Reset-Ms": "200", "X-Retry-After": "1"}, b"{}"),
        )


def readings(sandbox: RunningSandbox, *, customers_since: str) -> Sequence[Reading]:
    """Orders and customers, as most processflows read them."""

    def since(name: str) -> Callable[[datetime], SentClause]:
        return lambda moment: SentClause(name, "=", moment.strftime("%Y-%m-%dT%H:%M:%SZ"))

    async def change_order() -> str:
        sandbox.store.edit_order(4, customer_message="Hello")
        return "4"

    async def change_customer() -> str:
        sandbox.store.edit_customer(4, last_name="Renamed")
        return "4"

    return (
        Reading(
            "orders", NUMBERS, packet_records=100, word=b"/orders", since=since("min_date_modified"),
            change=change_order,
        ),
        Reading(
            "customers", NUMBERS, packet_records=100, word=b"/customers", since=since(customers_since),
            change=change_customer,
        ),
    )  # fmt: skip


def token_writings(sandbox: RunningSandbox) -> Sequence[Writing]:
    """Customers that are new, and the stock of products."""
    people: list[tuple[Value, ...]] = [(f"p{number}@new.example", "P", str(number)) for number in range(3)]

    async def customers() -> int:
        listed = [sandbox.store.customers.owner_of_email(str(email)) for email, _, _ in people]
        made = sandbox.store.customers.timeline.last_id - 300
        return made if None not in listed else len([one for one in listed if one is not None])

    attributes = (Attribute("email"), Attribute("first_name"), Attribute("last_name"))
    return (
        Writing(
            WriteTarget("customers", "POST", {}, "flow/post"),
            batch(attributes, people),
            customers,
            b"POST /stores/demo1/v3/customers",
            refused=("no address", "P", "9"),
        ),
        stock(sandbox, b"PUT /stores/demo1/v3/inventory/adjustments/absolute"),
    )


def legacy_writings(sandbox: RunningSandbox) -> Sequence[Writing]:
    """The stock of products."""
    return (stock(sandbox, b"PUT /api/v2/products"),)


def stock(sandbox: RunningSandbox, word: bytes) -> Writing:
    """Set how many there are."""
    rows: list[tuple[Value, ...]] = [(sku, LEVEL) for sku in SKUS]

    async def held() -> int:
        return sum(sandbox.store.stock(sku) == LEVEL for sku in SKUS)

    return Writing(
        WriteTarget("products", "PUT", {}, "flow/post"),
        batch((Attribute("sku"), Attribute("inventory_level", DataType.INTEGER)), rows),
        held,
        word,
        refused=("UNKNOWN", LEVEL),
    )


def batch(attributes: tuple[Attribute, ...], rows: list[tuple[Value, ...]]) -> Batch:
    """A batch whose records are numbered."""
    return Batch(attributes, [str(number) for number in range(len(rows))], rows)


async def no_time(_: float) -> None:
    """Waits for nothing."""
    await asyncio.sleep(0)
