"""What a connector makes of records that Tryton has in another shape, at a stand-in for its client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from agent.connectors.contract import WriteTarget
from agent.connectors.tryton.client import Client
from agent.connectors.tryton.shipments import SaleShipments, Shipments
from agent.connectors.tryton.writing import Writer
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch, Row

SALES = WriteTarget("sales", "POST", {}, ledger_key="sales")
PARTIES = WriteTarget("parties", "UPSERT", {}, ledger_key="parties")
_LINES = Attribute(
    "lines", DataType.COLLECTION, members=(Attribute("product_code"), Attribute("quantity"), Attribute("unit_price"))
)
_ADDRESSES = Attribute(
    "addresses", DataType.COLLECTION, members=(Attribute("id"), Attribute("name"), Attribute("street"))
)
_NO_LINES: list[Row] = []


class StandIn:
    """Tables by model. It knows one clause, or several with OR, strips texts as Tryton does, and notes writes."""

    def __init__(self, **tables: list[dict[str, Any]]) -> None:
        self.tables = {name.replace("__", "."): rows for name, rows in tables.items()}
        self.made: list[dict[str, Any]] = []
        self.written: list[dict[str, Any]] = []

    async def context(self) -> dict[str, Any]:
        return {"company": 1}

    async def user_id(self) -> int:
        return 1

    async def fields(self, model: str, names: Sequence[str]) -> frozenset[str]:
        return frozenset(names)

    async def search_read(
        self, model: str, domain: list[Any], names: Sequence[str], **_: object
    ) -> list[dict[str, Any]]:
        keys = [
            (name, one.strip() if isinstance(one, str) else one)
            for name, _operator, values in (clause for clause in domain if clause != "OR")
            for one in values
        ]
        found = [row for row in self.tables.get(model, []) if any(row.get(name) == one for name, one in keys)]
        codes = {one["id"]: {"code": one["code"]} for one in self.tables.get("party.party", [])}
        return [{"_timestamp": "1", "party.": codes.get(row.get("party")), **row} for row in found]

    async def call(self, method: str, *parameters: Any, **_: object) -> Any:
        model, _dot, name = method.rpartition(".")
        if name.startswith("on_change"):
            return {}
        if name == "write":
            self.written.append(parameters[1])
            return None
        (values,) = parameters[0]
        row = {"id": 100 + len(self.made), "state": "draft", "create_uid": 1, **values}
        if "reference" in row:
            row["reference"] = row["reference"].strip()
        self.made.append(values)
        self.tables.setdefault(model, []).append(row)
        return [row["id"]]

    def writer(self) -> Writer:
        async def no_wait(_seconds: float) -> None:
            return None

        return Writer(cast("Client", self), sleep=no_wait)


def orders(*rows: Row) -> Batch:
    attributes = (Attribute("reference"), Attribute("party_code"), _LINES)
    return Batch(attributes, [str(number) for number in range(len(rows))], list(rows))


def tryton() -> StandIn:
    """Two customers and a product; Bob has an order."""
    return StandIn(
        party__party=[{"id": 1, "code": "ADA"}, {"id": 2, "code": "BOB"}],
        product__product=[{"id": 5, "code": "CUP", "sale_uom": 1}],
        sale__sale=[{"id": 7, "reference": "PO-1", "party": 2, "party.": {"code": "BOB"}, "state": "quotation"}],
    )


async def test_a_blank_at_the_end_of_a_key_makes_no_second_sale() -> None:
    there = tryton()
    batch = orders(("PO118 ", " ADA", [(" CUP ", "1", "2.50")]), (" PO118", "ADA ", _NO_LINES))
    first = await there.writer().write(SALES, batch)
    again = await there.writer().write(SALES, batch)
    assert (first.failures, again.failures) == ({}, {})
    assert [sale["reference"] for sale in there.made] == ["PO118"]
    assert there.made[0]["lines"][0][1][0]["product"] == 5
    assert list(again.destination_ids) == list(first.destination_ids)
    assert set((await there.writer().look_up(SALES, batch)).written) == {0, 1}


async def test_a_sale_of_another_party_is_told_also_where_the_own_party_is_not_there() -> None:
    there = tryton()
    batch = orders(("PO-1", "EVE", _NO_LINES))
    assert dict((await there.writer().look_up(SALES, batch)).written) == {}
    report = await there.writer().write(SALES, batch)
    assert (report.failures[0].code, there.made) == ("reference-taken", [])


@pytest.mark.parametrize(
    ("kind", "held", "given"),
    [
        ("email", "ada@shop.test", " Ada@Shop.test "),
        ("phone", "+44 113 496 0000", "0113 4960000"),
        ("phone", "+44 113 496 0000", "0044-113-496-0000"),
        ("phone", "555-0100", "555 0100"),
    ],
)
async def test_a_contact_that_is_written_otherwise_is_the_same(kind: str, held: str, given: str) -> None:
    there = StandIn(
        party__party=[{"id": 1, "code": "ADA", "name": "Ada"}],
        party__contact_mechanism=[{"id": 3, "party": 1, "type": kind, "value": held}],
    )
    contacts = Attribute("contacts", DataType.COLLECTION, members=(Attribute("type"), Attribute("value")))
    batch = Batch((Attribute("code"), Attribute(kind), contacts), ["a"], [("ADA", given, [(kind, given)])])
    report = await there.writer().write(PARTIES, batch)
    assert (report.failures, there.written) == ({}, [])


async def test_another_number_is_another_contact() -> None:
    there = StandIn(
        party__party=[{"id": 1, "code": "ADA", "name": "Ada"}],
        party__contact_mechanism=[{"id": 3, "party": 1, "type": "phone", "value": "+44 113 496 0000"}],
    )
    batch = Batch((Attribute("code"), Attribute("phone")), ["a"], [("ADA", "0113 496 0001")])
    await there.writer().write(PARTIES, batch)
    assert there.written == [{"contact_mechanisms": [["write", [3], {"value": "0113 496 0001"}]]}]


async def test_a_reference_of_blanks_is_none() -> None:
    there = tryton()
    report = await there.writer().write(SALES, orders(("  ", "ADA", _NO_LINES)))
    assert (report.failures[0].code, report.failures[0].field) == ("value-missing", "reference")
    assert there.made == []


async def test_an_order_that_is_refused_is_not_found_after_a_hiccup() -> None:
    there = tryton()
    for number in (8, 9):
        there.tables["sale.sale"].append(
            {"id": number, "reference": "PO-2", "party": 1, "state": "draft", "create_uid": 1}
        )
    there.tables["sale.sale"].append({"id": 10, "reference": "PO-3", "party": 1, "state": "draft", "create_uid": 1})
    batch = orders(("PO-1", "ADA", _NO_LINES), ("PO-2", "ADA", _NO_LINES), ("PO-3", "ADA", _NO_LINES))
    looked_up = await there.writer().look_up(SALES, batch)
    assert dict(looked_up.written) == {2: "10"}
    sent_again = await there.writer().write(SALES, batch)
    assert {row: error.code for row, error in sent_again.failures.items()} == {0: "reference-taken", 1: "made-twice"}


async def test_a_party_code_with_a_blank_makes_no_second_party() -> None:
    there = StandIn(party__party=[{"id": 1, "code": "ADA", "name": "Ada"}])
    batch = Batch((Attribute("code"), Attribute("name")), ["a"], [("ADA ", "Ada L.")])
    report = await there.writer().write(PARTIES, batch)
    assert (report.failures, list(report.destination_ids), there.made) == ({}, ["1"], [])


@pytest.mark.parametrize(
    ("held", "wanted", "expected"),
    [
        pytest.param(
            [("Ada", "Mill Lane")], [("900", "Ada", "Mill Lane")], [], id="another app's id, and the place is there"
        ),
        pytest.param(
            [("Ada", "Mill Lane"), ("Bob", "Mill Lane")],
            [(None, "Bob", "Mill Lane"), (None, "Ada", "Mill Lane ")],
            [],
            id="two names at one place",
        ),
        pytest.param(
            [("Ada", "Mill Lane")],
            [(None, "Bob", "Mill Lane"), (None, "Ada", "Mill Lane")],
            [["create", [{"party_name": "Bob", "street": "Mill Lane"}]]],
            id="a second name at a place",
        ),
        pytest.param(
            [],
            [(None, "Ada", "Mill Lane"), ("900", "Ada", "Mill Lane ")],
            [["create", [{"party_name": "Ada", "street": "Mill Lane "}]]],
            id="a new address twice",
        ),
        pytest.param(
            [("Ada", "Mill Lane")],
            [("10", "Ada", "Dock Road"), (None, "Ada", "Dock Road")],
            [["write", [10], {"street": "Dock Road"}]],
            id="with its id, and again without",
        ),
        pytest.param(
            [("Ada", "Mill Lane")],
            [(None, "Ada Lovelace", "Mill Lane")],
            [["create", [{"party_name": "Ada Lovelace", "street": "Mill Lane"}]]],
            id="another name: what is on its way to the first stays with it",
        ),
        pytest.param(
            [("Bob", "Mill Lane")],
            [(None, None, "mill lane,")],
            [["write", [10], {"street": "mill lane,"}]],
            id="no name",
        ),
        pytest.param(
            [("Ada", "Mill Lane")],
            [("10", "Ada L.", "Mill Lane")],
            [["write", [10], {"party_name": "Ada L."}]],
            id="another name, by its id",
        ),
    ],
)
async def test_an_address_is_changed_or_made_once(
    held: list[tuple[str, str]], wanted: list[Row], expected: list[list[Any]]
) -> None:
    rows = [
        {"id": number, "party": 1, "party_name": name, "street": street}
        for number, (name, street) in enumerate(held, 10)
    ]
    there = StandIn(party__party=[{"id": 1, "code": "ADA", "name": "Ada"}], party__address=rows)
    batch = Batch((Attribute("code"), _ADDRESSES), ["a"], [("ADA", wanted)])
    report = await there.writer().write(PARTIES, batch)
    assert report.failures == {}
    assert there.written == ([{"addresses": expected}] if expected else [])


async def test_a_shipment_of_a_kit_belongs_to_the_sale_of_its_parts() -> None:
    there = StandIn(
        stock__move=[
            {"id": 3, "origin": "sale.line.component,5", "product.": {"code": "PART"}, "quantity": 2.0, "sale": 12,
             "sale.": {"reference": "BC-118", "number": "S1"}},
            {"id": 4, "origin": None, "product.": {"code": "GIFT"}, "quantity": 1.0, "sale": None, "sale.": None},
        ],
    )  # fmt: skip
    rows = [{"id": 1, "number": "20", "outgoing_moves": [3, 4]}]
    (record,) = await SaleShipments().composed(cast("Client", there), rows)
    assert (record["id"], record["sale_reference"], record["sale_number"]) == ("1@12", "BC-118", "S1")
    assert [line["product_code"] for line in record["lines"]] == ["PART"]
    (whole,) = await Shipments().composed(cast("Client", there), rows)
    assert [line["sale_reference"] for line in whole["lines"]] == ["BC-118", None]
