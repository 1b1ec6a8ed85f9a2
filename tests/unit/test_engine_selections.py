"""`each` as a list: how it is written, checked and typed. What it maps to is in test_engine_mapping."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain.app import Attribute, DataType
from agent.domain.processflow import AttributeMapping
from agent.engine.checking.check import check
from agent.engine.documents.attribute_types import with_types
from agent.engine.documents.catalogue import Catalogue
from agent.engine.documents.document import parse
from tests.helpers.sample_apps import APPS, ORDERS, STORE
from tests.helpers.sample_flow import mapper_of, spoiled

_SHIPPING = Attribute("shipping", DataType.COLLECTION, members=(
    Attribute("city"),
    Attribute("line_items", DataType.COLLECTION, members=(Attribute("id", DataType.INTEGER), Attribute("sku"))),
))  # fmt: skip
_DOWNLOADS = Attribute("downloads", DataType.COLLECTION, members=(
    Attribute("line_items", DataType.COLLECTION, members=(Attribute("id"), Attribute("bytes", DataType.INTEGER))),
))  # fmt: skip
_ORDERS = replace(
    ORDERS,
    attributes=(*ORDERS.attributes[:-1], Attribute("consignments", DataType.JSON, members=(_SHIPPING, _DOWNLOADS))),
)
_APPS = {**APPS, "bigcommerce": replace(STORE, schemas=(_ORDERS,))}
_BOTH = "[consignments.shipping.line_items, consignments.downloads.line_items]"


def document(each: str, sku: str = "sku: sku") -> bytes:
    content = spoiled("each: consignments.shipping.line_items", f"each: {each}")
    return content.replace(b"sku: sku", sku.encode())


def lines(content: bytes) -> AttributeMapping:
    flow = parse(content, file="flow.yaml").flow
    assert flow is not None
    (found,) = [one for one in mapper_of(with_types(flow, Catalogue(flow, _APPS))).mappings if one.members]
    return found


def faults(content: bytes) -> dict[str, str]:
    problems = check(parse(content, file="flow.yaml"), _APPS)
    return {f"{problem.line}:{problem.column} {problem.code}": str(problem) for problem in problems}


@pytest.mark.parametrize(
    ("each", "selections"),
    [
        ("a.b", ("a.b",)),
        ("[a.b]", ("a.b",)),
        (_BOTH, ("consignments.shipping.line_items", "consignments.downloads.line_items")),
        ("\n          - a\n          - '$filter(b, $f)'", ("a", "$filter(b, $f)")),
    ],
)
def test_each_is_one_expression_or_a_list_of_them(each: str, selections: tuple[str, ...]) -> None:
    flow = parse(document(each), file="flow.yaml").flow
    assert flow is not None
    (found,) = [one for one in mapper_of(flow).mappings if one.members]
    assert found.selections == selections


@pytest.mark.parametrize(
    ("each", "fault", "words"),
    [
        ("[]", "26:15 missing-key", "names no expression"),
        ("[a, [b]]", "26:19 wrong-type", "a list of expressions"),
        ("[a, {b: c}]", "26:19 wrong-type", "a list of expressions"),
        ("[a, ~]", "26:19 wrong-type", "a list of expressions"),
        ("{a: b}", "26:15 wrong-type", "must be"),
        ("[consignments.shipping.line_items, a +]", "26:53 expression-syntax", "does not compile"),
        ("[consignments.shipping.line_items, consignments.download.line_items]", "26:63 unknown-attribute",
         "Did you mean “downloads”?"),
    ],
)  # fmt: skip
def test_a_fault_in_a_list_is_found_at_its_place(each: str, fault: str, words: str) -> None:
    assert words in faults(document(each))[fault]


def test_an_attribute_of_the_child_records_may_be_missing_in_all_places_but_one() -> None:
    assert faults(document(_BOTH, "sku: {value: sku}\n          size: bytes")) == {}
    unknown = faults(document(_BOTH, "sku: skuu"))
    assert "Did you mean “sku”?" in unknown["29:16 unknown-attribute"]
    assert (
        faults(
            document("[consignments.shipping.line_items, $reverse(consignments.pickups.line_items)]", "sku: anything")
        )
        == {}
    )


def test_the_type_is_that_of_the_first_place_that_has_the_attribute() -> None:
    types = {one.attribute: one.type for one in lines(document(_BOTH, "sku: sku\n          size: bytes")).members}
    assert types == {"id": DataType.INTEGER, "sku": DataType.TEXT, "size": DataType.INTEGER}
