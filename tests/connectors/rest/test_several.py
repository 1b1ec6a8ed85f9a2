"""Several records in one request to a REST service: each gets its own result, one bad one sinks no other, and whatever
the answer leaves out, nothing is lost and nothing is there twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from agent.connectors.conformance import Address, Answer, Credentials, Medium, Stand, Writing
from agent.connectors.conformance.nonsense import NonsenseCases
from agent.connectors.conformance.writing import WritingCases
from agent.connectors.contract import LookUp, WriteTarget
from agent.connectors.rest.connector import RestConnection, RestConnector
from agent.domain.app import Attribute, DataType
from agent.domain.errors import AmbiguousWriteError
from agent.domain.packet import Batch, WriteReport
from agent.http.retry import RetryPolicy
from tests.connectors.rest.bulk_shop import BULK, BulkShop, running_bulk_shop

ATTRIBUTES = (Attribute("sku"), Attribute("name"), Attribute("price", DataType.DECIMAL))
BY_ORDER = BULK.replace("match: {sku: sku}, ", "")
BY_NUMBER = BULK.replace("match: {sku: sku}", "index: number")


class TestInOneRequest(WritingCases, NonsenseCases):
    """What every connector has to show of writing."""

    @asynccontextmanager
    async def stand(self) -> AsyncIterator[Stand]:
        with running_bulk_shop("each") as shop:
            batch = products("A", "B", "C")

            async def held() -> int:
                return len(shop.made)

            def entered(address: Address) -> Credentials:
                base = f"http://{address[0]}:{address[1]}"
                return Credentials(
                    {"base_url": base, "authentication": "None", "private": "Allow", "description": BULK}, {}
                )

            yield Stand(
                connector=RestConnector(RetryPolicy(first_wait_seconds=0.01, longest_wait_seconds=0.1), 0.5),
                medium=Medium.HTTP,
                address=("127.0.0.1", shop.server_port),
                credentials=entered,
                wrong=lambda _: {},
                writings=(
                    Writing(WriteTarget("products", "UPSERT", {}, "flow/post"), batch, held, b"POST /products",
                            refused=("P9", None, "1")),
                ),
                rate_limited=Answer(429, {"Retry-After": "1"}, b"{}"),
            )  # fmt: skip


@pytest.fixture
def shop(request: pytest.FixtureRequest) -> Iterator[BulkShop]:
    with running_bulk_shop(getattr(request, "param", "each")) as running:
        yield running


def products(*names: str | None) -> Batch:
    """Products P0, P1, … of these names; one of None has none, so that it is refused."""
    rows = [(f"P{number}", name, "12.50") for number, name in enumerate(names)]
    return Batch(ATTRIBUTES, [f"s{number}" for number in range(len(rows))], rows)


def opened(shop: BulkShop, description: str) -> RestConnection:
    values = {"base_url": shop.base, "authentication": "None", "private": "Allow", "description": description}
    connector = RestConnector(RetryPolicy(tries=1, limited_tries=1), read_seconds=2)
    prepared = connector.prepare(values, {})
    return connector.open(prepared.values, prepared.secrets)


async def write(shop: BulkShop, batch: Batch, action: str = "POST", description: str = BULK) -> WriteReport:
    async with opened(shop, description) as connection:
        return await connection.write(WriteTarget("products", action, {}, "x"), batch, lambda _: b"")


async def look_up(shop: BulkShop, batch: Batch, action: str = "POST") -> LookUp:
    async with opened(shop, BULK) as connection:
        return await connection.look_up(WriteTarget("products", action, {}, "x"), batch)


async def test_records_go_together_and_each_gets_its_id(shop: BulkShop) -> None:
    report = await write(shop, products(*"ABCDEF"))
    assert (list(report.destination_ids), dict(report.failures)) == (["1", "2", "3", "4", "5", "6"], {})
    assert shop.sizes == [4, 2]
    assert shop.bodies[0]["products"][0] == {"sku": "P0", "name": "A", "price": "12.50"}, "all digits are kept"
    assert shop.bodies[0]["dry_run"] is False


@pytest.mark.parametrize(
    ("shop", "description"),
    [("each", BULK), ("each", BY_ORDER), ("each", BY_NUMBER), ("shuffled", BULK), ("shuffled", BY_NUMBER)],
    indirect=["shop"],
)
async def test_each_result_is_told_of_its_own_record(shop: BulkShop, description: str) -> None:
    report = await write(shop, products("A", None, "C", "D"), description=description)
    assert list(report.destination_ids) == ["1", "", "2", "3"]
    assert {row: error.message for row, error in report.failures.items()} == {
        1: "127.0.0.1 refuses the record: a product needs a name."
    }
    assert shop.sizes == [4]


@pytest.mark.parametrize("shop", ["whole", "careless", "failures"], indirect=True)
async def test_one_bad_record_does_not_sink_a_request_that_is_refused_as_a_whole(shop: BulkShop) -> None:
    """Also where the service has made some all the same: those are found, and not made again."""
    description = (
        BY_NUMBER.replace("results: results", "results: results, first: 0") if shop.manner == "failures" else BULK
    )
    description = description.replace("success: \"status == 'ok'\"", 'refused: "message || errors"')
    batch = products("A", "B", None, "D")
    report = await write(shop, batch, description=description)
    assert set(report.failures) == {2}
    assert report.failures[2].message.startswith("127.0.0.1 refuses the record: ")
    assert sorted(shop.made) == ["P0", "P1", "P3"]
    assert {batch.rows[row][0]: id_ for row, id_ in enumerate(report.destination_ids) if id_} == {
        sku: str(one["id"]) for sku, one in shop.products.items()
    }


@pytest.mark.parametrize("shop", ["forgetful", "limited"], indirect=True)
@pytest.mark.parametrize("description", [BULK, BY_ORDER])
@pytest.mark.parametrize("action", ["POST", "UPSERT"])
async def test_a_record_without_a_result_is_looked_for_before_it_is_sent_again(
    shop: BulkShop, description: str, action: str
) -> None:
    report = await write(shop, products("A", "B", "C", "D"), action, description)
    assert (list(report.destination_ids), dict(report.failures)) == (["1", "2", "3", "4"], {})
    assert shop.made == ["P0", "P1", "P2", "P3"]


@pytest.mark.parametrize("shop", ["mute"], indirect=True)
async def test_a_record_that_is_never_told_of_is_explained_and_holds_up_no_other(shop: BulkShop) -> None:
    report = await write(shop, products("A", "Ghost", "C"))
    assert list(report.destination_ids) == ["1", "", "2"]
    assert {row: error.code for row, error in report.failures.items()} == {1: "untold"}


async def test_a_lost_answer_is_ambiguous_and_each_record_is_looked_up(shop: BulkShop) -> None:
    shop.loses_answer = True
    batch = products("A", None, "C")
    with pytest.raises(AmbiguousWriteError):
        await write(shop, batch)
    assert dict((await look_up(shop, batch)).written) == {0: "1", 2: "2"}
    report = await write(shop, batch)
    assert (list(report.destination_ids), set(report.failures)) == (["1", "", "2"], {1})
    assert shop.made == ["P0", "P2"]


async def test_what_is_there_is_changed_by_its_id_and_the_rest_is_made(shop: BulkShop) -> None:
    await write(shop, products("A", "B"))
    report = await write(shop, products("A2", "B2", "C"), "UPSERT")
    assert list(report.destination_ids) == ["1", "2", "3"]
    assert shop.bodies[-1]["products"][0] == {"id": 1, "sku": "P0", "name": "A2", "price": "12.50"}
    assert [one["name"] for one in shop.products.values()] == ["A2", "B2", "C"]
    assert shop.sizes == [2, 1, 2]


async def test_two_records_of_one_name_are_never_in_one_request(shop: BulkShop) -> None:
    twice = Batch(ATTRIBUTES, ["a", "b", "c"], [("P0", "A", "1"), ("p0 ", "Again", "1"), ("P0", "B", "1")])
    report = await write(shop, twice)
    assert (list(report.destination_ids), shop.made) == (["1", "2", "1"], ["P0", "p0 "])
    assert shop.sizes == [1, 1]


@pytest.mark.parametrize("answer", [{"results": "fine"}, [], {}, "fine", {"results": None}])
async def test_an_answer_without_results_is_no_success(shop: BulkShop, answer: object) -> None:
    shop.answer = answer
    with pytest.raises(AmbiguousWriteError):
        await write(shop, products("A", "B"))


@pytest.mark.parametrize(
    "result", [{}, None, "ok", {"id": 1}, {"status": "ok"}, {"status": "ok", "sku": "P7", "id": 1}]
)
async def test_a_result_that_proves_nothing_is_not_believed(shop: BulkShop, result: object) -> None:
    """Nothing was made: neither an empty result, nor one of another record, says otherwise."""
    shop.answer = {"results": [result, result]}
    report = await write(shop, products("A", "B"))
    assert set(report.failures) == {0, 1}


async def test_all_or_nothing_needs_no_results(shop: BulkShop) -> None:
    """Where the answer has no results, success is that of all; the ids are what names the records."""
    description = BULK.replace("results: results, match: {sku: sku}, ", "").replace("success: \"status == 'ok'\"", "")
    report = await write(shop, products("A", "B"), description=description.replace(", id: id, batch", ", batch"))
    assert (list(report.destination_ids), shop.sizes) == (["s0", "s1"], [2])


async def test_a_preview_of_several_says_what_is_there(shop: BulkShop) -> None:
    await write(shop, products("A"))
    async with opened(shop, BULK) as connection:
        found = await connection.present(WriteTarget("products", "UPSERT", {}, "x"), products("A", "B"))
    assert (found.rows[0], found.rows[1], found.stand_ins) == (("P0", "A", "12.50"), None, frozenset({1}))


async def test_batches_are_as_large_as_the_description_says(shop: BulkShop) -> None:
    async with opened(shop, BULK.replace("size: 4", "size: 200")) as connection:
        assert connection.packet_records("products", "POST") == 200
