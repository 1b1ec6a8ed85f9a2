"""Sales in a real Tryton, where something went wrong with them before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from agent.connectors.contract import WriteTarget
from agent.connectors.tryton.connector import TrytonConnector
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch, Row, WriteReport
from tests.helpers.tryton_server import USER, TrytonServer, logged_in

pytestmark = pytest.mark.tryton
_LINES = Attribute(
    "lines", DataType.COLLECTION, members=(Attribute("product_code"), Attribute("quantity"), Attribute("unit_price"))
)


@pytest.fixture
def agent(tryton_server: TrytonServer) -> Iterator[httpx.Client]:
    with closing(logged_in(tryton_server, USER)) as client:
        yield client


async def written(server: TrytonServer, reference: str) -> WriteReport:
    """An order is written."""
    row: Row = (reference, "C1", [("CUP-1", "1", "12.50")])
    batch = Batch((Attribute("reference"), Attribute("party_code"), _LINES), ["a"], [row])
    connector = TrytonConnector(late_seconds=0.1)
    prepared = connector.prepare(server.values(), server.secrets())
    async with connector.open(prepared.values, prepared.secrets) as one:
        return await one.write(WriteTarget("sales", "POST", {}, ledger_key="sales"), batch, lambda _: b"")


async def test_a_draft_that_came_too_late_is_told_when_the_order_comes_again(
    tryton_server: TrytonServer, agent: httpx.Client
) -> None:
    reference = tryton_server.unique("BC")
    made = await written(tryton_server, reference)
    assert made.failures == {}
    ((party, company),) = tryton_server.rows(
        "SELECT party.id, company.id FROM party_party party, company_company company WHERE party.code = 'C1'"
    )
    values, context = {"reference": reference, "party": party}, {"company": company}
    body = {"id": 0, "method": "model.sale.sale.create", "params": [[values], context]}
    late = (await asyncio.to_thread(agent.post, "", json=body)).json()["result"][0]

    told = await written(tryton_server, reference)
    await asyncio.to_thread(tryton_server.execute, f"UPDATE sale_sale SET create_uid = 1 WHERE id = {late}")
    by_a_person = await written(tryton_server, reference)
    await asyncio.to_thread(tryton_server.execute, f"DELETE FROM sale_sale WHERE id = {late}")
    mended = await written(tryton_server, reference)

    assert told.failures[0].code == "made-twice"
    assert reference in told.failures[0].message
    assert by_a_person.failures == {}, "what somebody makes of an order is theirs"
    assert mended.destination_ids == made.destination_ids


async def test_a_request_that_arrives_late_makes_no_sale_where_tryton_keeps_the_order_unique(
    tryton_server: TrytonServer, agent: httpx.Client
) -> None:
    reference = tryton_server.unique("BC")
    reports = await asyncio.gather(*(written(tryton_server, reference) for _ in range(3)))
    ((party,),) = tryton_server.rows("SELECT id FROM party_party WHERE code = 'C1'")
    late = {"reference": reference, "party": party, "web_id": reference}
    body = {"id": 0, "method": "model.sale.sale.create", "params": [[late], {}]}
    answer = await asyncio.to_thread(agent.post, "", json=body)

    assert answer.json()["error"][0] == "UserError"
    assert [report.failures for report in reports] == [{}, {}, {}]
    assert len({report.destination_ids[0] for report in reports}) == 1
    assert tryton_server.rows(f"SELECT count(*) FROM sale_sale WHERE reference = '{reference}'") == [(1,)]


async def test_a_reference_with_a_blank_at_its_end_is_one_sale(tryton_server: TrytonServer) -> None:
    reference = tryton_server.unique("BC")
    first = await written(tryton_server, f"{reference} ")
    again = await written(tryton_server, f" {reference}")
    ((count,),) = tryton_server.rows(f"SELECT count(*) FROM sale_sale WHERE trim(reference) = '{reference}'")
    assert (first.failures, again.failures, count) == ({}, {}, 1)
    assert first.destination_ids == again.destination_ids
