"""What every connector has to show, of REST services: several ways of paging and of signing in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from agent.connectors.conformance import (
    Address,
    Answer,
    Conformance,
    Credentials,
    Fault,
    Medium,
    Reading,
    Stand,
    Trouble,
    Writing,
)
from agent.connectors.conformance.bench import Bench, refusal
from agent.connectors.conformance.cases import case
from agent.connectors.contract import SentClause, WriteTarget
from agent.connectors.rest.connector import RestConnector
from agent.connectors.rest.credentials import Authentication
from agent.domain.app import Attribute, DataType
from agent.domain.errors import AmbiguousWriteError
from agent.domain.packet import Batch, Value
from agent.domain.secret import Secret
from agent.http.retry import RetryPolicy
from tests.connectors.rest.shop import CLIENT, DESCRIPTION, IN_XML, SECRET, USER, Service, running_service

WRONG = "some-other-secret"
ATTRIBUTES = (Attribute("reference"), Attribute("name"), Attribute("credit", DataType.DECIMAL))


class TestBasicAndPages(Conformance):
    """User name and password; numbered pages; records that are made."""

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        return service_stand(Authentication.BASIC, "GET", "POST")


class TestKeyInTheQueryAndCursors(Conformance):
    """A key in the query, which no log may show; cursors; records that are made or changed."""

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        return service_stand(Authentication.KEY, "CURSOR", "UPSERT")

    @case
    async def test_an_answer_without_an_id_is_not_taken_for_a_new_record(self, bench: Bench) -> None:
        """Something answers {} in the place of the service: nothing was made, and the record is not lost."""
        (writing,) = bench.stand.writings
        bench.faulty(Fault(Trouble.ANSWER, writing.word, answer=Answer(200, {}, b"{}")))
        error = await refusal(bench.write(writing), "Making a record that is answered with {}")
        assert isinstance(error, AmbiguousWriteError)
        bench.lift()
        await bench.settle(writing)


class TestOAuthAndLinksInXml(Conformance):
    """Access tokens; pages that headers name; XML; no writing, which is as above."""

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        return service_stand(Authentication.OAUTH2, "LINK", None, description=IN_XML)


@asynccontextmanager
async def service_stand(
    kind: Authentication, reads: str, writes: str | None, *, description: str = DESCRIPTION
) -> AsyncIterator[Stand]:
    with running_service() as service:
        service.speaks_xml = description is IN_XML
        policy = RetryPolicy(first_wait_seconds=0.01, longest_wait_seconds=0.1)
        yield Stand(
            connector=RestConnector(policy, read_seconds=0.5),
            medium=Medium.HTTP,
            address=("127.0.0.1", service.server_port),
            credentials=lambda address: entered(kind, address, description=description),
            wrong=lambda address: {"secret": entered(kind, address, secret=WRONG, description=description)},
            untrusted=lambda address: entered(kind, address, scheme="https", description=description),
            readings=(orders(service, reads),),
            writings=() if writes is None else (customers(service, writes),),
            rate_limited=Answer(429, {"Retry-After": "1"}, b"{}"),
        )


def entered(
    kind: Authentication,
    address: Address,
    *,
    secret: str = SECRET,
    scheme: str = "http",
    description: str = DESCRIPTION,
) -> Credentials:
    """What an operator enters."""
    origin = f"{scheme}://{address[0]}:{address[1]}"
    values = {"base_url": f"{origin}/api", "authentication": kind.value, "private": "Allow", "description": description}
    match kind:
        case Authentication.BASIC:
            return Credentials(values | {"username": USER}, {"password": Secret(secret)})
        case Authentication.KEY:
            place = {"key_place": "Query parameter", "key_name": "key"}
            return Credentials(values | place, {"api_key": Secret(secret)})
        case Authentication.OAUTH2:
            return Credentials(
                values | {"token_url": f"{origin}/token", "client_id": CLIENT}, {"client_secret": Secret(secret)}
            )
        case Authentication.PERSON:
            pages = {"authorization_url": f"{origin}/authorize", "token_url": f"{origin}/token", "client_id": CLIENT}
            return Credentials(values | pages, {"client_secret_if_any": Secret(secret)})
        case Authentication.OAUTH1:
            return Credentials(
                values | {"consumer_key": CLIENT, "token_id": USER},
                {"consumer_secret": Secret(secret), "token_secret": Secret(secret)},
            )
        case _:
            return Credentials(values | {"authentication": kind.value}, {"token": Secret(secret)})


def orders(service: Service, action: str) -> Reading:
    """The orders, and how one changes."""

    async def change() -> str:
        service.change(4)
        return "4"

    def since(moment: datetime) -> SentClause:
        return SentClause("since", ">=", moment.isoformat())

    ids = [str(number) for number in service.orders]
    return Reading("orders", ids, action=action, word=b"GET /api/orders", since=since, change=change)


def customers(service: Service, action: str) -> Writing:
    """Three customers that are not there yet."""
    rows: Sequence[tuple[Value, ...]] = [(f"R{number}", f"Customer {number}", "12.50") for number in range(3)]

    async def held() -> int:
        return sum(len(service.named(str(reference))) for reference, _, _ in rows)

    return Writing(
        WriteTarget("customers", action, {}, "flow/post"),
        Batch(ATTRIBUTES, ["a", "b", "c"], rows),
        held,
        b"POST /api/customers",
        refused=("R9", None, "1"),
    )
