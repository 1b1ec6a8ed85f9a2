"""SAP Business One against a fake of ours: what every connector has to show, sessions, orders that are made once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import pytest

from agent.connectors.conformance import Address, Answer, Conformance, Credentials, Medium, Reading, Stand, Writing
from agent.connectors.contract import ReadRequest, SentClause, WriteTarget
from agent.connectors.rest.connector import RestConnection
from agent.connectors.rest.sap.connector import SapConnector
from agent.domain.app import Attribute, DataType
from agent.domain.errors import AmbiguousWriteError, ConfigurationError, CredentialsError
from agent.domain.packet import Batch, Value, WriteReport
from agent.domain.secret import Secret
from agent.http.retry import RetryPolicy
from tests.connectors.rest.fake_sap import COMPANY, PASSWORD, USER, FakeSap, running_sap

ORDER = (Attribute("CardCode"), Attribute("NumAtCard"), Attribute("DocumentLines", DataType.JSON))


def entered(address: Address, *, password: str = PASSWORD, scheme: str = "http", company: str = COMPANY) -> Credentials:
    """What an operator enters."""
    values = {"base_url": f"{scheme}://{address[0]}:{address[1]}/b1s/v1", "company": company, "user": USER,
              "private": "Allow"}  # fmt: skip
    return Credentials(values, {"password": Secret(password)})


class TestSap(Conformance):
    """Business partners are read, orders are made."""

    @asynccontextmanager
    async def stand(self) -> AsyncIterator[Stand]:
        with running_sap() as sap:
            rows: list[tuple[Value, ...]] = [("C01", f"Store's {number}", "[]") for number in range(3)]

            async def change() -> str:
                sap.put("BusinessPartners", {"CardCode": "C04", "CardName": "Renamed"})
                return "C04"

            async def held() -> int:
                wanted = {row[1] for row in rows}
                return sum(one["NumAtCard"] in wanted for one in sap.tables["Orders"].values())

            def since(moment: datetime) -> SentClause:
                return SentClause("updated_since", ">=", f"{moment:%Y-%m-%dT%H:%M:%SZ}")

            yield Stand(
                connector=SapConnector(RetryPolicy(first_wait_seconds=0.01, longest_wait_seconds=0.1), 0.5),
                medium=Medium.HTTP,
                address=("127.0.0.1", sap.server_port),
                credentials=entered,
                wrong=lambda address: {
                    "password": entered(address, password="another-password"),
                    "company": entered(address, company="NOBODY"),
                },
                untrusted=lambda address: entered(address, scheme="https"),
                readings=(
                    Reading(
                        "business_partners", sorted(sap.tables["BusinessPartners"]), word=b"/BusinessPartners",
                        since=since, change=change, missing="C99",
                    ),
                ),
                writings=(
                    Writing(WriteTarget("orders", "POST", {}, "flow/post"), Batch(ORDER, ["a", "b", "c"], rows), held,
                            b"POST /b1s/v1/Orders", refused=("C01", None, "[]")),
                ),
                rate_limited=Answer(429, {"Retry-After": "1"}, b"{}"),
            )  # fmt: skip


@pytest.fixture
def sap() -> Iterator[FakeSap]:
    with running_sap() as running:
        yield running


def opened(sap: FakeSap, connector: SapConnector | None = None) -> RestConnection:
    given = entered(("127.0.0.1", sap.server_port))
    connector = connector or SapConnector()
    prepared = connector.prepare(given.values, given.secrets)
    return connector.open(prepared.values, prepared.secrets)


async def read(connection: RestConnection, schema: str = "business_partners", *clauses: SentClause) -> list[str]:
    request = ReadRequest(schema, "GET", clauses, {}, None, None, 100)
    async with connection:
        return [one async for packet in connection.read(request) for one in packet.source_ids]


async def write(sap: FakeSap, schema: str, action: str, batch: Batch) -> WriteReport:
    async with opened(sap) as connection:
        return await connection.write(WriteTarget(schema, action, {}, "x"), batch, lambda _: b"")


async def test_one_session_serves_many_connections_and_is_opened_anew_when_it_expires(sap: FakeSap) -> None:
    connector = SapConnector()
    for _ in range(3):
        assert len(await read(opened(sap, connector))) == 10
    assert sap.logins == 1
    sap.sessions.clear()
    assert len(await read(opened(sap, connector))) == 10
    assert sap.logins == 2


async def test_what_sap_says_of_wrong_credentials_is_told(sap: FakeSap) -> None:
    given = entered(("127.0.0.1", sap.server_port), password="wrong-password")
    with pytest.raises(CredentialsError) as raised:
        await read(SapConnector().open(given.values, given.secrets))
    assert "Fail to get DB Credentials from SLD" in raised.value.message
    assert raised.value.field == "password"


async def test_filters_are_joined_and_quotes_in_values_stay_values(sap: FakeSap) -> None:
    sap.put("Orders", {"CardCode": "O'Brien", "NumAtCard": "1"})
    sap.put("Orders", {"CardCode": "C02", "NumAtCard": "2"}, "2020-01-01")
    since, owner = SentClause("updated_since", ">=", "2026-01-01"), SentClause("CardCode", "=", "O'Brien")
    assert await read(opened(sap), "orders", since, owner) == ["1"]
    assert await read(opened(sap), "orders", SentClause("CardCode", "=", "x' or CardCode eq 'C02")) == []


@pytest.mark.parametrize("since", ["2026-11-27T03:00:00Z", "2026-11-27", "2026-11-27 04:00:00+01:00"])
async def test_changes_of_the_same_day_are_read_in_whatever_time_zone_the_server_is(sap: FakeSap, since: str) -> None:
    sap.put("Items", {"ItemCode": "NEW"}, "2026-11-27")
    sap.put("Items", {"ItemCode": "OLD"}, "2020-01-01")
    sap.put("Items", {"ItemCode": "RENAMED"}, "2020-01-01")
    sap.put("Items", {"ItemCode": "RENAMED"}, "2026-11-26")  # it is still the evening before, where the server is
    sap.put("Orders", {"NumAtCard": "1"}, "2026-11-26")
    clause = SentClause("updated_since", ">=", since)
    assert await read(opened(sap), "items", clause) == ["NEW", "RENAMED"]
    assert await read(opened(sap), "orders", clause) == ["1"]


async def test_a_filter_that_is_no_moment_is_told_by_its_name(sap: FakeSap) -> None:
    with pytest.raises(ConfigurationError) as raised:
        await read(opened(sap), "items", SentClause("updated_since", ">=", "yesterday"))
    assert (raised.value.code, raised.value.field) == ("filter-value", "updated_since")


async def test_validate_asks_for_something_that_every_server_answers(sap: FakeSap) -> None:
    async with opened(sap) as connection:
        report = await connection.check(lambda _: None)
    assert ("Service", "SAP Business One") in report.facts


async def test_the_same_order_never_becomes_two(sap: FakeSap) -> None:
    lines = '[{"ItemCode": "CUP", "Quantity": 2, "UnitPrice": 12.50}]'
    batch = Batch(ORDER, ["a"], [("C01", "Store's 4711", lines)])
    first = await write(sap, "orders", "POST", batch)
    again = await write(sap, "orders", "POST", batch)
    assert list(first.destination_ids) == list(again.destination_ids) == ["1"]
    assert [one["DocumentLines"] for one in sap.tables["Orders"].values()] == [
        [{"ItemCode": "CUP", "Quantity": 2, "UnitPrice": 12.5}]
    ]


async def test_partners_are_changed_or_made_and_a_refusal_is_told_in_saps_words(sap: FakeSap) -> None:
    partner = (Attribute("CardCode"), Attribute("CardName"))
    batch = Batch(partner, ["a", "b", "c"], [("C01", "New name"), ("N'1", "Made"), ("N2", None)])
    report = await write(sap, "business_partners", "UPSERT", batch)
    assert sap.tables["BusinessPartners"]["C01"]["CardName"] == "New name"
    assert sap.tables["BusinessPartners"]["N'1"]["CardName"] == "Made"
    assert {row: error.message for row, error in report.failures.items()} == {
        2: "127.0.0.1 refuses the record: Enter the name."
    }


PARTNER = (Attribute("CardCode"), Attribute("CardName"))


def partners(*names: str | None) -> Batch:
    """Business partners N0, N1, … of these names; one of None is refused."""
    rows = [(f"N{number}", name) for number, name in enumerate(names)]
    return Batch(PARTNER, [f"s{number}" for number in range(len(rows))], rows)


async def test_many_go_in_one_request_and_so_does_the_search_for_them(sap: FakeSap) -> None:
    report = await write(sap, "business_partners", "UPSERT", partners(*[f"Bäcker {number}" for number in range(60)]))
    assert list(report.destination_ids) == [f"N{number}" for number in range(60)]
    assert sap.asked == ["POST /b1s/v1/$batch"] * 4, "50 are looked for and made, then 10"
    assert len(sap.inside) == 120
    assert sap.tables["BusinessPartners"]["N59"]["CardName"] == "Bäcker 59"


@pytest.mark.parametrize("stops", [True, False])
async def test_in_a_batch_a_refusal_is_that_of_one_record_alone(sap: FakeSap, stops: bool) -> None:
    """Also where the server leaves everything after the first failure undone, and unanswered."""
    sap.stops = stops
    report = await write(sap, "business_partners", "UPSERT", partners("A", None, "C", None, "E"))
    assert list(report.destination_ids) == ["N0", "", "N2", "", "N4"]
    assert {row: error.message for row, error in report.failures.items()} == dict.fromkeys(
        (1, 3), "127.0.0.1 refuses the record: Enter the name."
    )
    assert [one for one in sap.inside if one.startswith("PATCH")] == [], "nothing is written twice"


async def test_of_orders_that_are_there_none_is_made_again_in_a_batch(sap: FakeSap) -> None:
    sap.put("Orders", {"CardCode": "C01", "NumAtCard": "Store's 2"})
    batch = Batch(ORDER, ["a", "b", "c"], [("C01", f"Store's {number}", "[]") for number in (1, 2, 3)])
    report = await write(sap, "orders", "POST", batch)
    assert list(report.destination_ids) == ["2", "1", "3"]
    assert len(sap.tables["Orders"]) == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda _: b"<html>",
        lambda _: b"--batchresponse--",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole.replace(b"Content-ID: 1", b"Content-ID: 2"),
        lambda whole: whole.replace(b"HTTP/1.1 20", b""),
    ],
)
async def test_an_answer_to_a_batch_that_is_none_is_never_believed(
    sap: FakeSap, spoil: Callable[[bytes], bytes]
) -> None:
    """The orders were made: they are found, now or by the agent's look-up, and not made again."""
    batch = Batch(ORDER, ["a", "b", "c"], [("C01", f"Store's {number}", "[]") for number in range(3)])
    sap.spoils = spoil
    with suppress(AmbiguousWriteError):
        report = await write(sap, "orders", "POST", batch)
        assert list(report.destination_ids) == ["1", "2", "3"]
    sap.spoils = None
    async with opened(sap) as connection:
        found = await connection.look_up(WriteTarget("orders", "POST", {}, "x"), batch)
    assert dict(found.written) == {0: "1", 1: "2", 2: "3"}
    assert len(sap.tables["Orders"]) == 3


async def test_without_batches_records_go_one_by_one(sap: FakeSap) -> None:
    given = entered(("127.0.0.1", sap.server_port))
    prepared = SapConnector().prepare({**given.values, "sending": "One at a time"}, given.secrets)
    async with SapConnector().open(prepared.values, prepared.secrets) as connection:
        target = WriteTarget("business_partners", "UPSERT", {}, "x")
        report = await connection.write(target, partners("A", None, "C"), lambda _: b"")
    assert list(report.destination_ids) == ["N0", "", "N2"]
    assert "POST /b1s/v1/$batch" not in sap.asked


async def test_a_server_that_refuses_batches_gets_the_records_one_by_one(sap: FakeSap) -> None:
    sap.takes_batches = False
    report = await write(sap, "business_partners", "UPSERT", partners("A", None, "C"))
    assert list(report.destination_ids) == ["N0", "", "N2"]
    assert set(report.failures) == {1}


@pytest.mark.parametrize("typed", ["sap.test:50000", "https://SAP.test:50000/b1s", "https://sap.test:50000/b1s/v1/"])
def test_the_address_is_completed(typed: str) -> None:
    values: dict[str, Any] = {"base_url": typed, "company": " SBO ", "user": "manager"}
    prepared = SapConnector().prepare(values, {"password": Secret("p")})
    assert prepared.values["base_url"] == "https://sap.test:50000/b1s/v1"
    assert prepared.values["company"] == "SBO"
    assert SapConnector().prepare(prepared.values, prepared.secrets).values == prepared.values


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"base_url": ""}, "base_url"), ({"company": ""}, "company"), ({"user": " "}, "user"),
        ({"base_url": "https://sap.test/b1s/v2"}, "base_url"), ({"private": "Perhaps"}, "private"),
        ({"sending": "Perhaps"}, "sending"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_at_its_field(changed: dict[str, str], field: str) -> None:
    values = {"base_url": "https://sap.test", "company": "SBO", "user": "manager"}
    with pytest.raises(ConfigurationError) as raised:
        SapConnector().prepare({**values, **changed}, {"password": Secret("p")})
    assert raised.value.field == field
