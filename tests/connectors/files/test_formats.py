"""Encodings, separators and forms of records are recognised; what is broken or harmful is refused with its place."""

from __future__ import annotations

import pytest

from agent.connectors.contract import ReadRequest
from agent.domain.errors import ConfigurationError
from tests.connectors.files.exchange import Exchange, documents, ids

UMLAUT = "id;name\n1;Jörg Weiß\n2;Łukasz\n"


async def one(exchange: Exchange, name: str, content: str | bytes, **options: str) -> list[object]:
    exchange.put(name, content)
    return list(documents(await exchange.read(name, options)))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
async def test_the_separator_is_recognised(exchange: Exchange, separator: str) -> None:
    content = f'id{separator}name\n1{separator}"a, b; c"\n2{separator}d\n'
    assert await one(exchange, "a.csv", content) == [{"id": "1", "name": "a, b; c"}, {"id": "2", "name": "d"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
async def test_unicode_is_recognised(exchange: Exchange, encoding: str) -> None:
    found = await one(exchange, "a.csv", UMLAUT.encode(encoding))
    assert found == [{"id": "1", "name": "Jörg Weiß"}, {"id": "2", "name": "Łukasz"}]


async def test_windows_western_european_is_recognised(exchange: Exchange) -> None:
    text = "id;name;ort\n" + "".join(f"{number};Jörg Weiß;Köln, Straße der Jugend\n" for number in range(30))
    found = await one(exchange, "a.csv", text.encode("cp1252"))
    assert found[0] == {"id": "0", "name": "Jörg Weiß", "ort": "Köln, Straße der Jugend"}


async def test_the_encoding_that_the_node_names_is_taken(exchange: Exchange) -> None:
    found = await one(exchange, "a.csv", "id;name\n1;Łukasz\n".encode("cp1250"), encoding="windows-1250")
    assert found == [{"id": "1", "name": "Łukasz"}]


async def test_a_file_without_names_of_columns(exchange: Exchange) -> None:
    assert await one(exchange, "a.csv", "1,Ann\n2,Bob\n", header="no") == [
        {"column_1": "1", "column_2": "Ann"}, {"column_1": "2", "column_2": "Bob"},
    ]  # fmt: skip


async def test_empty_lines_and_missing_values(exchange: Exchange) -> None:
    assert await one(exchange, "a.csv", "id,name\n\n1\n2,\n") == [{"id": "1"}, {"id": "2", "name": ""}]


async def test_an_empty_file_has_no_records(exchange: Exchange) -> None:
    assert await one(exchange, "a.csv", "") == []
    assert await one(exchange, "b.csv", "id,name\n") == []
    assert await one(exchange, "c.json", "[]") == []


async def test_json_keeps_every_digit_and_finds_its_list(exchange: Exchange) -> None:
    content = '{"data": {"orders": [{"id": 1, "total": 12.340000000000000001, "lines": [{"sku": "A"}]}]}}'
    assert await one(exchange, "a.json", content, records="data.orders") == [
        {"id": 1, "total": 12.340000000000000001, "lines": [{"sku": "A"}]}
    ]
    (packet, *_) = await exchange.read("a.json", records="data.orders")
    assert b"12.340000000000000001" in packet.documents[0]


async def test_a_json_object_alone_is_one_record(exchange: Exchange) -> None:
    assert await one(exchange, "a.json", ' {"id": 1}') == [{"id": 1}]


async def test_xml_becomes_objects(exchange: Exchange) -> None:
    content = """<?xml version="1.0" encoding="iso-8859-1"?><s:shop xmlns:s="urn:s"><head>x</head><s:orders>
    <s:order no="7"><name>Jörg</name><line>A</line><line qty="2">B</line><note/></s:order></s:orders></s:shop>"""
    assert await one(exchange, "a.xml", content.encode("latin-1"), records="order") == [
        {"@no": "7", "name": "Jörg", "line": ["A", {"@qty": "2", "#text": "B"}], "note": None}
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "id,id\n1,2\n", "line 1: two columns are called “id”"),
        ("a.csv", "id,name\n1,Ann\n2,Bob,Cy\n", "line 3: there are 3 values, and 2 columns have a name"),
        ("a.csv", 'id,name\n1,"Ann\n2,Bob\n', "line 2: a quote is opened and never closed"),
        ("a.csv", "id,name\n1," + "x" * 200_000, "line 2: a value is longer than 131,072 characters"),
        ("a.csv", 'id,name\n1,"Ann"x\n', "line 2: a quote ends in the middle of a value"),
        ("a.csv", b"id,name\n" + b"1,Ann\n" * 60_000 + b"2,J\xf6rg\n", "line 60002: this is not utf-8"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" * 20, "at the beginning: it"),
        ("a.csv", b"id,name\n" + b"1,Ann\n" * 60_000 + b"2,\x00\n", "line 60002: it holds bytes of zero"),
        ("a.jsonl", '{"id": 1}\n{"id": 2\n', "line 2: this is no JSON object"),
        ("a.jsonl", '{"id": 1}\n[2]\n', "line 2: this is no JSON object"),
        ("a.jsonl", '{"a":' * 100_000, "line 1: this is no JSON object"),
        ("a.json", '[{"id": 1}, {"id": 2', "this is no JSON after 1 records"),
        ("a.json", '[{"id": 1}, 7]', "entry 2 of the list is no object"),
        ("a.json", '{"orders": []}', "there is no list items"),
        ("a.json", '[{"a":' + "[" * 100_000, "at the beginning: "),
        ("a.xml", "<a><b></a>", "line 1: this is no well-formed XML"),
        ("a.xml", '<!DOCTYPE a [<!ENTITY x "y">]><a><b>&x;</b></a>', "it has a document type"),
        ("a.xml", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "it has a document type"),
        ("a.xml", "<a>" * 5_000, "elements are nested more than 100 deep"),
    ],
)
async def test_what_is_broken_or_meant_to_harm_is_refused_with_its_place(
    exchange: Exchange, name: str, content: str | bytes, said: str
) -> None:
    exchange.put(name, content)
    with pytest.raises(ConfigurationError) as caught:
        await exchange.read(name, {"records": "items"} if "items" in said else {})
    assert said in caught.value.message
    assert caught.value.message.startswith(name)
    assert caught.value.code == "file-malformed"
    assert caught.value.remedy


async def test_a_broken_line_lets_what_was_before_it_arrive(exchange: Exchange) -> None:
    exchange.put("a.jsonl", '{"id": 1}\n{"id": 2}\noops\n')
    arrived: list[str] = []
    async with exchange.opened() as connection:
        packets = connection.read(ReadRequest("a.jsonl", "GET", (), {"id": "id"}, None, None, 1))
        arrived += (await anext(packets)).source_ids
        arrived += (await anext(packets)).source_ids
        with pytest.raises(ConfigurationError, match="line 3"):
            await anext(packets)
    assert arrived == ["1", "2"]


async def test_a_record_without_the_id_is_told(exchange: Exchange) -> None:
    exchange.put("a.csv", "id,name\n1,Ann\n,Bob\n")
    with pytest.raises(ConfigurationError, match="record 2 has no id, by which records are told apart"):
        await exchange.read("a.csv", id="id")


async def test_an_id_inside_an_object(exchange: Exchange) -> None:
    exchange.put("a.jsonl", '{"order": {"no": 17}}\n')
    assert ids(await exchange.read("a.jsonl", id="order.no")) == ["17"]


async def test_a_file_of_an_unknown_kind_needs_the_option(exchange: Exchange) -> None:
    exchange.put("orders.dat", "id\n1\n")
    with pytest.raises(ConfigurationError) as caught:
        await exchange.read("orders.dat")
    assert caught.value.code == "format-unknown"
    assert documents(await exchange.read("orders.dat", format="csv")) == [{"id": "1"}]


async def test_columns_without_names_are_those_of_the_first_row_after_an_interruption_too(exchange: Exchange) -> None:
    for name, content in (
        ("orders.csv", b"1,2,3\n4,5,6\n7\n8,9,10\n"),
        ("utf-16.csv", "1,2,3\n4,5,6\n7\n8,9,10\n".encode("utf-16")),
    ):
        exchange.put(name, content)
        whole = await exchange.read(name, header="no", at_once=2)
        rest = await exchange.read(name, header="no", at_once=2, position=whole[0].position)
        assert documents(rest) == [
            {"column_1": "7"}, {"column_1": "8", "column_2": "9", "column_3": "10"},
        ]  # fmt: skip
        assert documents(whole)[2:] == documents(rest)
