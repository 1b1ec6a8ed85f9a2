"""What every connector has to show. Run it with `opagent connector test`, or with pytest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from agent.connectors.conformance import Address, Conformance, Credentials, Medium, Reading, Stand, Writing
from agent.connectors.contract import SentClause, WriteTarget
from agent.domain.app import Attribute
from agent.domain.packet import Batch
from agent.domain.secret import Secret
from agent.http.retry import RetryPolicy

from app import TOKEN, AcmeServer, running_app
from opagent_acme.connector import AcmeConnector
from opagent_acme.credentials import ADDRESS, API_TOKEN
from opagent_acme.schema import CHANGED_SINCE, CUSTOMERS, UPSERT


class TestAcme(Conformance):
    """Acme, as the server in `app` plays it."""

    @asynccontextmanager
    async def stand(self) -> AsyncIterator[Stand]:
        with running_app() as app:
            yield Stand(
                # It tries again at once and waits half a second for an answer: nobody wants to wait for tests.
                connector=AcmeConnector(RetryPolicy(first_wait_seconds=0.01, longest_wait_seconds=0.1), 0.5),
                medium=Medium.HTTP,
                address=("127.0.0.1", app.server_port),
                credentials=credentials,
                wrong=lambda address: {"another token": credentials(address, token="some-token-or-other")},
                untrusted=lambda address: credentials(address, scheme="https"),
                readings=(customers(app),),
                writings=(new_customers(app),),
            )


def credentials(address: Address, *, token: str = TOKEN, scheme: str = "http") -> Credentials:
    """What an operator enters to reach Acme at an address."""
    return Credentials({ADDRESS: f"{scheme}://{address[0]}:{address[1]}"}, {API_TOKEN: Secret(token)})


def customers(app: AcmeServer) -> Reading:
    """The customers that are there, and how one of them changes."""

    async def change() -> str:
        app.save(4, {"name": "Renamed"})
        return "4"

    def since(moment: datetime) -> SentClause:
        return SentClause(CHANGED_SINCE, ">=", moment.isoformat())

    ids = [str(number) for number in app.customers]
    return Reading(CUSTOMERS, ids, word=b"GET /v1/customers", since=since, change=change)


def new_customers(app: AcmeServer) -> Writing:
    """Three customers that are not there yet, and one that Acme refuses."""
    rows = [("new1@shop.test", "Ann"), ("new2@shop.test", "Bob"), ("new3@shop.test", "Cid")]

    async def held() -> int:
        return sum((one["email"], one["name"]) in rows for one in app.customers.values())

    return Writing(
        target=WriteTarget(CUSTOMERS, UPSERT, {}, ledger_key="flow/post"),
        batch=Batch((Attribute("email"), Attribute("name")), ["a", "b", "c"], rows),
        held=held,
        word=b"POST /v1/customers",
        refused=("no address", "Dan"),
    )
