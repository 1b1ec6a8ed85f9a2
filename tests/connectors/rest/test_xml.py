"""A REST service that speaks XML: read, found and written as one that speaks JSON, with what XML has of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from agent.connectors.rest.connector import RestConnection
from agent.connectors.rest.description import parse
from agent.connectors.rest.xml_bodies import xml_of
from agent.domain.errors import ConfigurationError, RecordError
from tests.connectors.rest.shop import IN_XML, Service, running_service
from tests.connectors.rest.test_reading import opened as opened_with
from tests.connectors.rest.test_reading import read
from tests.connectors.rest.test_writing import batch, write


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as running:
        running.speaks_xml = True
        yield running


def opened(service: Service) -> RestConnection:
    return opened_with(service, description=IN_XML)


@pytest.mark.parametrize("action", ["GET", "OFFSET", "CURSOR", "LINK", "NEXT", "ALL"])
async def test_every_style_of_paging_brings_every_record_once(service: Service, action: str) -> None:
    packets = await read(opened(service), action)
    assert [one for packet in packets for one in packet.source_ids] == [str(number) for number in range(1, 11)]
    assert packets[0].documents[0].startswith(b'{"id":1,"total":1.10,')  # a number, with its digits


@pytest.mark.parametrize("orders", [0, 1])
async def test_lists_of_one_and_of_none_are_lists(orders: int) -> None:
    with running_service(orders=orders) as service:
        service.speaks_xml = True
        packets = await read(opened(service), "ALL")
    assert [len(packet) for packet in packets] == [orders]


@pytest.mark.parametrize(
    "content",
    [b"<error>the database is down</error>", b"<answer>", b"{}", b"<answer><data><orders>5</orders></data></answer>",
     b'<!DOCTYPE a [<!ENTITY b "c">]><answer><data/></answer>', b"<a>" * 200 + b"</a>" * 200],
)  # fmt: skip
async def test_what_is_not_as_described_is_not_taken_for_records(service: Service, content: bytes) -> None:
    service.answer = (200, {"Content-Type": "application/xml"}, content)
    with pytest.raises(ConfigurationError) as raised:
        await read(opened(service))
    assert raised.value.code == "not-the-api"


async def test_attributes_lists_and_text_beside_elements_are_kept(service: Service) -> None:
    service.answer = (
        200,
        {},
        b"""<?xml version="1.0" encoding="iso-8859-1"?>
        <answer xmlns="urn:shop"><data><orders id="7"><id>7</id><total cur="EUR">1.50</total><paid>true</paid>
        <name>M\xfcller &amp; Co</name><lines><line>a</line><line>b</line></lines><note/></orders></data></answer>""",
    )
    (packet,) = await read(opened(service), "ALL")
    assert json.loads(packet.documents[0]) == {
        "@id": "7", "id": 7, "total": {"@cur": "EUR", "#text": "1.50"}, "paid": "true", "name": "Müller & Co",
        "lines": {"line": ["a", "b"]}, "note": None,
    }  # fmt: skip


async def test_records_are_made_once_and_changed(service: Service) -> None:
    await write(service, "UPSERT", batch(("R1", "Ann & <Bob>", None, "12.50")), IN_XML)
    report = await write(service, "UPSERT", batch(("R1", "Ann", None, "13.00")), IN_XML)
    assert list(report.destination_ids) == ["1"]
    assert [(one["name"], one["credit"]) for one in service.customers.values()] == [("Ann", "13.00")]


async def test_the_reason_of_a_refusal_is_told(service: Service) -> None:
    report = await write(service, "POST", batch(("R1", None, None, None), ("R2", "Bob", None, None)), IN_XML)
    assert "a customer needs a name" in report.failures[0].message
    assert list(report.destination_ids) == ["", "1"]


def test_what_xml_cannot_have_fails_that_record_alone() -> None:
    text = xml_of(["a", "b"], {"@n": 1, "c": [True, None, {"d": "é<"}], "#text": "x"})
    assert text.decode().split("\n")[1] == '<a><b n="1">x<c>true</c><c /><c><d>é&lt;</d></c></b></a>'
    for fields in ({"two words": 1}, {"a": "bell \x07"}, {"@a": {"b": 1}}, {"": 1}):
        with pytest.raises(RecordError):
            xml_of(["a"], fields)


def test_a_description_in_xml_needs_roots() -> None:
    with pytest.raises(ConfigurationError, match="needs “wrap”"):
        parse(IN_XML.replace(", wrap: customer", ""))


async def test_several_go_in_one_document_and_a_list_of_one_result_is_a_list(service: Service) -> None:
    description = (
        IN_XML.replace(
            "POST:\n        create: {method: POST, path: /customers, wrap: customer, id: answer.customer.id}",
            """POST:
        asks_first: false
        create: {method: POST, path: /customers, wrap: customers, id: key, batch: {
          each: customer, results: answer.done, match: {reference: ref}}}""",
        )
        .replace("refused: answer.errors", "success: \"state == 'ok'\"")
        .replace("answer.errors.message", "why")
    )
    both = b"<answer><done><ref>R2</ref><state>bad</state><why>no</why></done>%s</answer>"
    made = b"<done><ref>R1</ref><state>ok</state><key>7</key></done>"
    service.answer = (207, {"Content-Type": "application/xml"}, both % made)
    batch_of_two = batch(("R1", "Ann", None, None), ("R2", "Bob", None, None), ("R3", "Cid \x00", None, None))
    report = await write(service, "POST", batch_of_two, description)
    assert list(report.destination_ids) == ["7", "", ""]
    assert report.failures[1].message == "127.0.0.1 refuses the record: no."
    assert report.failures[2].code == "value-unfit"
    service.answer = (207, {"Content-Type": "application/xml"}, b"<answer>%s</answer>" % made)
    report = await write(service, "POST", batch(("R1", "Ann", None, None)), description)
    assert list(report.destination_ids) == ["7"]
    with pytest.raises(ConfigurationError, match="each"):
        parse(description.replace("each: customer, ", ""))
