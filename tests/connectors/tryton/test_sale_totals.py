"""A sale comes to the order's total, or it is told: in a real Tryton, whose products have 20 % of tax."""

from __future__ import annotations

import asyncio
from contextlib import closing
from decimal import Decimal

import pytest

from agent.connectors.contract import WriteTarget
from agent.connectors.tryton.connector import TrytonConnector
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch, Row, WriteReport
from tests.helpers.tryton_server import USER, TrytonServer, logged_in

pytestmark = pytest.mark.tryton
_LINES = Attribute(
    "lines", DataType.COLLECTION, members=tuple(Attribute(name) for name in ("product_code", "quantity", "unit_price"))
)
_CUPS: Row = ("CUP-1", "3", "8.3250")
"""24.975: 24.98 in Tryton, and 5.00 of tax."""
_SHIPPING: Row = ("SHIPPING", "1", "5.0000")
_DISCOUNT: Row = ("DISCOUNT", "1", "-2.0000")


async def written(
    server: TrytonServer, total: str | None, *lines: Row, untaxed: str | None = None, rounding: str | None = None
) -> tuple[WriteReport, list[tuple[str, Decimal, Decimal]]]:
    """An order is written; the report, and the lines of its sale."""
    names = ("reference", "party_code", "currency", "total_amount", "untaxed_amount", "rounding")
    reference = server.unique("BC")
    row: Row = (reference, "C1", "USD", total, untaxed, rounding, list(lines))
    batch = Batch((*(Attribute(name) for name in names), _LINES), ["a"], [row])
    connector = TrytonConnector(late_seconds=0.1)
    prepared = connector.prepare(server.values(), server.secrets())
    async with connector.open(prepared.values, prepared.secrets) as one:
        report = await one.write(WriteTarget("sales", "POST", {}, ledger_key="sales"), batch, lambda _: b"")
    made = server.rows(
        "SELECT line.description, line.quantity, line.unit_price FROM sale_line line "
        f"JOIN sale_sale sale ON sale.id = line.sale WHERE sale.reference = '{reference}' ORDER BY line.sequence"
    )
    return report, [(name, Decimal(str(quantity)), price) for name, quantity, price in made]


async def test_a_sale_that_comes_to_the_total_is_made(tryton_server: TrytonServer) -> None:
    report, lines = await written(tryton_server, "33.98", _CUPS, _SHIPPING, _DISCOUNT)
    assert report.failures == {}
    with closing(logged_in(tryton_server, USER)) as client:
        asked = [[["id", "=", int(report.destination_ids[0])]], 0, None, None, ["total_amount"], {"company": 1}]
        body = {"id": 0, "method": "model.sale.sale.search_read", "params": asked}
        answer = await asyncio.to_thread(client.post, "", json=body)
    assert answer.json()["result"][0]["total_amount"]["decimal"] == "33.98"
    assert [price for *_, price in lines] == [Decimal("8.325"), 5, -2]


async def test_a_few_cents_become_a_line(tryton_server: TrytonServer) -> None:
    report, lines = await written(tryton_server, "29.9700", _CUPS, rounding="0.05")
    assert report.failures == {}
    assert lines[-1] == ("Rounding", Decimal(1), Decimal("-0.01"))


@pytest.mark.parametrize(("total", "rounding"), [("29.97", None), ("29.97", "0"), ("29.90", "0.05"), ("24.98", "0.05")])
async def test_a_sale_that_would_come_to_another_total_is_told(
    tryton_server: TrytonServer, total: str, rounding: str | None
) -> None:
    report, lines = await written(tryton_server, total, _CUPS, rounding=rounding)
    told = report.failures[0]
    assert (told.code, lines) == ("total-differs", [])
    assert told.message == (
        f"The order's total is {total.rstrip('0')}; a sale in Tryton would come to 29.98: 24.98 and taxes of 5.00."
    )


async def test_taxes_need_not_be_compared(tryton_server: TrytonServer) -> None:
    good, lines = await written(tryton_server, None, _CUPS, untaxed="24.975")
    wrong, none = await written(tryton_server, None, _CUPS, untaxed="25.975", rounding="0.05")
    assert (good.failures, len(lines), wrong.failures[0].field, none) == ({}, 1, "untaxed_amount", [])
