"""Where the goods and the invoice of an order go, in a real Tryton."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing

import httpx
import pytest

from agent.connectors.contract import WriteTarget
from agent.connectors.tryton.connector import TrytonConnector
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch, Row, WriteReport
from tests.helpers.tryton_server import USER, TrytonServer, logged_in

pytestmark = pytest.mark.tryton
_TO = tuple(Attribute(name) for name in ("name", "street", "postal_code", "city", "country", "subdivision"))
_ATTRIBUTES = (
    *(Attribute(name) for name in ("reference", "party_code", "party_name", "party_email")),
    Attribute("shipment_address", DataType.COLLECTION, members=_TO),
    Attribute("invoice_address", DataType.COLLECTION, members=_TO),
)
_MILL: Row = ("Ada Byron", "1 Mill Lane", "LS1 4AP", "Leeds", "GB", None)
_MILL_AGAIN: Row = ("ADA  byron ", "1 mill lane,", "ls14ap", "Leeds ", "gb", "")
_DOCK: Row = ("May Ltd, Cid May", "Dock Road 2\nFlat 3", "YO1", "York", "GB", None)
_AUSTIN: Row = ("Bob", "5 Elm Avenue", "78701", "Austin", "US", "Texas")


def order(reference: str, party: str, to: Sequence[Row], *, bill: Sequence[Row] = (), guest: str = "") -> Row:
    return reference, party, guest or None, f"{guest}@shop.test" if guest else None, list(to), list(bill)


async def written(server: TrytonServer, *orders: Row) -> WriteReport:
    """Orders are written, over a connection of their own."""
    batch = Batch(_ATTRIBUTES, [str(number) for number in range(len(orders))], list(orders))
    connector = TrytonConnector(late_seconds=0.1)
    prepared = connector.prepare(server.values(), server.secrets())
    async with connector.open(prepared.values, prepared.secrets) as one:
        return await one.write(WriteTarget("sales", "POST", {}, ledger_key="sales"), batch, lambda _: b"")


def addresses(server: TrytonServer, party: str) -> list[tuple[str, ...]]:
    """The addresses of a party that have a street."""
    return server.rows(
        "SELECT address.party_name, address.street, address.city, country.code, subdivision.code "
        "FROM party_address address JOIN party_party party ON party.id = address.party "
        "LEFT JOIN country_country country ON country.id = address.country "
        "LEFT JOIN country_subdivision subdivision ON subdivision.id = address.subdivision "
        f"WHERE party.code = '{party}' AND address.street IS NOT NULL ORDER BY address.id"
    )


def of_sale(server: TrytonServer, reference: str) -> tuple[str, str]:
    """The streets that a sale's goods and its invoice go to."""
    ((shipment, invoice),) = server.rows(
        "SELECT shipment.street, invoice.street FROM sale_sale sale "
        "LEFT JOIN party_address shipment ON shipment.id = sale.shipment_address "
        f"LEFT JOIN party_address invoice ON invoice.id = sale.invoice_address WHERE sale.reference = '{reference}'"
    )
    return shipment, invoice


@pytest.fixture
def party(tryton_server: TrytonServer) -> str:
    """A customer of whom Tryton has nothing but an address with another street."""
    code = tryton_server.unique("P")
    with closing(logged_in(tryton_server, USER)) as client:
        values = {"code": code, "name": code, "addresses": [["create", [{"street": "Home 1", "city": "Hull"}]]]}
        client.post("", json={"id": 0, "method": "model.party.party.create", "params": [[values], {}]})
    return code


@pytest.fixture
def references(tryton_server: TrytonServer) -> list[str]:
    return [tryton_server.unique("BC") for _ in range(6)]


async def test_goods_and_invoice_go_where_the_order_says(
    tryton_server: TrytonServer, party: str, references: list[str]
) -> None:
    report = await written(
        tryton_server,
        order(references[0], party, [_MILL], bill=[_DOCK]),
        order(references[1], party, [_MILL_AGAIN], bill=[_MILL]),
        order(references[2], party, [_AUSTIN]),
        order(references[3], party, []),
    )
    again = await written(tryton_server, order(references[4], party, [_MILL_AGAIN, _MILL], bill=[_DOCK]))
    assert (report.failures, again.failures) == ({}, {})
    assert addresses(tryton_server, party) == [
        (None, "Home 1", "Hull", None, None),
        ("Ada Byron", "1 Mill Lane", "Leeds", "GB", None),
        ("May Ltd, Cid May", "Dock Road 2\nFlat 3", "York", "GB", None),
        ("Bob", "5 Elm Avenue", "Austin", "US", "US-TX"),
    ]
    assert [of_sale(tryton_server, one) for one in references[:5]] == [
        ("1 Mill Lane", "Dock Road 2\nFlat 3"),
        ("1 Mill Lane", "1 Mill Lane"),
        ("5 Elm Avenue", "Home 1"),
        (None, "Home 1"),
        ("1 Mill Lane", "Dock Road 2\nFlat 3"),
    ]


async def test_an_order_that_goes_to_two_places_or_to_no_country_is_told(
    tryton_server: TrytonServer, party: str, references: list[str]
) -> None:
    nowhere: Row = ("Eve", "Ring 1", "1", "Oz", "ZZ", None)
    report = await written(
        tryton_server, order(references[0], party, [_MILL, _DOCK]), order(references[1], party, [nowhere])
    )
    told = [(one.code, one.field) for one in report.failures.values()]
    assert told == [("several-addresses", "shipment_address"), ("not-in-tryton", "shipment_address.country")]
    assert len(addresses(tryton_server, party)) == 1


async def test_a_state_that_tryton_does_not_have_is_behind_the_city(
    tryton_server: TrytonServer, party: str, references: list[str]
) -> None:
    in_york: Row = ("Ada", "2 Mill Lane", "YO1", "York", "GB", "North Yorkshire")
    in_berlin: Row = ("Ada", "Ring 2", "10115", "Berlin", "DE", "Berlin")
    for reference in references[:2]:
        report = await written(tryton_server, order(reference, party, [in_york], bill=[in_berlin]))
        assert report.failures == {}
    cities = [city for _, _, city, *_ in addresses(tryton_server, party)]
    assert cities == ["Hull", "York, North Yorkshire", "Berlin"]


async def test_orders_at_once_add_an_address_once(
    tryton_server: TrytonServer, party: str, references: list[str]
) -> None:
    reports = await asyncio.gather(
        *(written(tryton_server, order(one, party, [_MILL], bill=[_DOCK])) for one in references[:4])
    )
    assert [report.failures for report in reports] == [{}] * 4
    assert len(addresses(tryton_server, party)) == 3


async def test_an_address_that_was_asked_for_and_arrives_late_is_not_added_again(
    tryton_server: TrytonServer, party: str, references: list[str]
) -> None:
    with closing(logged_in(tryton_server, USER)) as client:

        async def call(method: str, *parameters: object) -> httpx.Response:
            body = {"id": 0, "method": f"model.party.party.{method}", "params": list(parameters)}
            return await asyncio.to_thread(client.post, "", json=body)

        read = await call("search_read", [["code", "=", party]], 0, None, None, ["_timestamp"], {})
        (row,) = read.json()["result"]
        await written(tryton_server, order(references[0], party, [_MILL]))
        change = {"addresses": [["create", [{"party_name": "Ada Byron", "street": "1 Mill Lane"}]]]}
        stamps = {"_timestamp": {f"party.party,{row['id']}": row["_timestamp"]}}
        late = await call("write", [row["id"]], change, stamps)
    assert late.json()["error"][0] == "ConcurrencyException"
    assert len(addresses(tryton_server, party)) == 2


async def test_guests_get_a_party_once(tryton_server: TrytonServer, references: list[str]) -> None:
    guest = tryton_server.unique("guest")
    code = f"BC-{guest}@shop.test"
    reports = await asyncio.gather(
        *(written(tryton_server, order(one, code, [_MILL], guest=guest)) for one in references[:3])
    )
    assert [report.failures for report in reports] == [{}] * 3
    assert tryton_server.rows(
        "SELECT party.name, contact.value FROM party_party party "
        f"JOIN party_contact_mechanism contact ON contact.party = party.id WHERE party.code = '{code}'"
    ) == [(guest, f"{guest}@shop.test")]
    assert [street for _, street, *_ in addresses(tryton_server, code)] == ["1 Mill Lane"]
    assert of_sale(tryton_server, references[0])[0] == "1 Mill Lane"
