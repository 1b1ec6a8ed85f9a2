"""Writing to a REST service: one request a record, refusals told record by record, and nothing made twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.connectors.contract import WriteTarget
from agent.domain.app import Attribute, DataType
from agent.domain.errors import AmbiguousWriteError, ConfigurationError, RecordError
from agent.domain.packet import Batch, Value, WriteReport
from tests.connectors.rest.shop import DESCRIPTION, Service, running_service
from tests.connectors.rest.test_reading import opened

ATTRIBUTES = (Attribute("reference"), Attribute("name"), Attribute("address.city"), Attribute("credit", DataType.TEXT))


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


def batch(*rows: tuple[Value, ...], attributes: tuple[Attribute, ...] = ATTRIBUTES) -> Batch:
    return Batch(attributes, [str(number) for number in range(len(rows))], rows)


async def write(service: Service, action: str, wanted: Batch, description: str = DESCRIPTION) -> WriteReport:
    async with opened(service, description=description) as connection:
        return await connection.write(WriteTarget("customers", action, {}, "x"), wanted, lambda _: b"")


async def test_records_are_sent_in_the_form_that_the_service_wants(service: Service) -> None:
    report = await write(service, "UPSERT", batch(("R1", "Ann", "Graz", "12.50")))
    assert list(report.destination_ids) == ["1"]
    assert service.customers[1] == {
        "id": 1, "reference": "R1", "name": "Ann", "address": {"city": "Graz"}, "credit": 12.5
    }  # fmt: skip


async def test_what_is_there_is_changed_and_what_is_not_is_made(service: Service) -> None:
    await write(service, "UPSERT", batch(("R1", "Ann", "Graz", "1"), ("R2", "Bob", "Linz", "2")))
    report = await write(service, "UPSERT", batch(("R2", "Rob", None, None), ("R3", "Cid", None, None)))
    assert list(report.destination_ids) == ["2", "3"]
    assert [one["name"] for one in service.customers.values()] == ["Ann", "Rob", "Cid"]
    assert service.customers[2]["address"] == {"city": "Linz"}


async def test_a_refused_record_does_not_hold_up_the_others(service: Service) -> None:
    rows = (("R1", "Ann", None, None), ("R2", None, None, None), ("R3", "silently refused", None, None),
            ("R4", "Dan", None, "much"), ("R5", "Eve", None, None))  # fmt: skip
    report = await write(service, "POST", batch(*rows))
    assert {row: error.message for row, error in report.failures.items()} == {
        1: "127.0.0.1 refuses the record: a customer needs a name.",
        2: "127.0.0.1 refuses the record: no such name.",
        3: "“much” does not fit credit.",
    }
    assert [one["reference"] for one in service.customers.values()] == ["R1", "R5"]


async def test_an_update_needs_the_record_to_be_there(service: Service) -> None:
    await write(service, "UPSERT", batch(("R1", "Ann", None, None)))
    report = await write(service, "PUT", batch(("R1", "Anna", None, None), ("R2", "Bob", None, None)))
    assert service.customers[1]["name"] == "Anna"
    assert {row: error.code for row, error in report.failures.items()} == {1: "not-there"}


async def test_a_find_that_gives_others_as_well_is_not_believed(service: Service) -> None:
    """A service that does not know the filter gives everything, or the first page of it: that says nothing."""
    for number in (1, 2):
        service.customers[number] = {"id": number, "reference": f"R{number}", "name": "x", "ref": f"R{number}"}
    service.ignores_filters = True
    assert list((await write(service, "UPSERT", batch(("R2", "Rob", None, None)))).destination_ids) == ["2"]
    with pytest.raises(ConfigurationError) as raised:
        await write(service, "UPSERT", batch(("R9", "New", None, None)))
    assert (raised.value.code, raised.value.field) == ("find-unclear", "description")
    similar = DESCRIPTION.replace('{reference: "{reference}"}}', '{reference: "{reference}"}, others: true}')
    report = await write(service, "UPSERT", batch(("R9", "New", None, None)), similar)
    assert list(report.destination_ids) == ["3"]
    service.tells_reference = False
    with pytest.raises(ConfigurationError):
        await write(service, "UPSERT", batch(("R2", "Ann", None, None)), similar)
    assert [one["name"] for one in service.customers.values()] == ["x", "Rob", "New"]


async def test_of_several_that_match_none_is_changed(service: Service) -> None:
    for number in (1, 2):
        service.customers[number] = {"id": number, "reference": "Smith", "name": "x"}
    report = await write(service, "UPSERT", batch(("Smith", "Rob", None, None), ("R3", "Ann", None, None)))
    assert report.failures[0].code == "several"
    assert [one["name"] for one in service.customers.values()] == ["x", "x", "Ann"]


@pytest.mark.parametrize("content", [b"<html>Please sign in</html>", b"{}", b"[]", b'"fine"', b'{"error": "no"}'])
async def test_an_answer_that_says_nothing_proves_nothing(service: Service, content: bytes) -> None:
    """Neither that a record was written, nor that it is there."""
    description = DESCRIPTION.replace(
        'find: {path: /customers, query: {reference: "{reference}"}}',
        'find: {path: "/customers/by/{reference}", single: true}',
    )
    service.answer = (200, {"Content-Type": "text/html"}, content)
    with pytest.raises((ConfigurationError, AmbiguousWriteError)):
        await write(service, "UPSERT", batch(("R1", "Ann", None, None)), description)


async def test_values_with_dots_in_their_names_are_filled_in(service: Service) -> None:
    description = DESCRIPTION.replace('query: {reference: "{reference}"}}', 'query: {reference: "{address.city}"}}')
    service.customers[1] = {"id": 1, "reference": "Graz", "name": "x", "address": {"city": "Wels"}}
    with pytest.raises(ConfigurationError, match=r"address\.city"):
        await write(service, "UPSERT", batch(("R1", "Ann", "Graz", None)), description)
    assert service.asked[-1] == "GET /api/customers?reference=Graz"


async def test_what_find_has_told_is_used_in_paths(service: Service) -> None:
    service.customers[7] = {"id": 7, "reference": "R7", "name": "x"}
    numbered = DESCRIPTION.replace(
        'delete: {method: DELETE, path: "/customers/{id}"}',
        """delete: {method: DELETE, path: "/customers/{id}"}
        find: {path: /customers, query: {reference: "{reference}"}}""",
    )
    report = await write(service, "DELETE", batch(("R7", None, None, None), ("R8", None, None, None)), numbered)
    assert (list(report.destination_ids), report.failures) == (["7", "1"], {})
    assert service.customers == {}


@pytest.mark.parametrize("said", [b"false", b'"false"', b"0", b'""', b"null", b"[]"])
async def test_nothing_at_the_place_of_a_refusal_is_no_refusal(service: Service, said: bytes) -> None:
    service.answer = (200, {}, b'{"customer": {"id": 5}, "errors": %s}' % said)
    description = DESCRIPTION.replace("POST:\n        create", "POST:\n        asks_first: false\n        create")
    report = await write(service, "POST", batch(("R1", "Ann", None, None)), description)
    assert (list(report.destination_ids), report.failures) == (["5"], {})


async def test_a_record_is_found_however_the_service_writes_what_names_it(service: Service) -> None:
    service.customers[1] = {"id": 1, "reference": "ann@shop.test", "name": "Ann"}
    service.ignores_case = True
    report = await write(service, "POST", batch(("Ann@Shop.test", "Ann", None, None)))
    assert list(report.destination_ids) == ["1"]
    assert len(service.customers) == 1


async def test_deleting_what_is_gone_is_no_failure(service: Service) -> None:
    await write(service, "UPSERT", batch(("R1", "Ann", None, None)))
    for _ in range(2):
        report = await write(service, "DELETE", batch(("1",), attributes=(Attribute("id"),)))
        assert not report.failures
    assert service.customers == {}


@pytest.mark.parametrize("hostile", ["../orders", "1/../../x", "1?admin=1", "1#x", "a b", "%2e%2e"])
async def test_a_value_stays_one_piece_of_the_address(service: Service, hostile: str) -> None:
    await write(service, "DELETE", batch((hostile,), attributes=(Attribute("id"),)))
    for asked in service.asked:
        path = asked.partition(" ")[2]
        assert path.startswith("/api/customers/")
        assert path.count("/") == 3
        assert "?" not in path


async def test_a_value_that_leads_upwards_is_refused(service: Service) -> None:
    report = await write(service, "DELETE", batch(("..",), ("",), attributes=(Attribute("id"),)))
    assert {row: error.code for row, error in report.failures.items()} == {0: "value-unfit", 1: "value-missing"}
    assert service.asked == []


async def test_a_preview_says_what_is_there(service: Service) -> None:
    await write(service, "UPSERT", batch(("R1", "Ann", "Graz", "1.50")))
    async with opened(service) as connection:
        target = WriteTarget("customers", "UPSERT", {}, "x")
        found = await connection.present(target, batch(("R1", "Anna", "Graz", "1.5"), ("R2", "Bob", None, None)))
    assert found.rows[0] == ("R1", "Ann", "Graz", "1.5")
    assert found.rows[1] is None
    assert (found.destination_ids[0], found.stand_ins) == ("1", frozenset({1}))


async def test_actions_that_read_do_not_write(service: Service) -> None:
    async with opened(service) as connection:
        with pytest.raises(ConfigurationError) as raised:
            await connection.write(WriteTarget("orders", "GET", {}, "x"), batch(), lambda _: b"")
    assert "customers POST" in raised.value.remedy


async def test_failures_are_record_errors(service: Service) -> None:
    report = await write(service, "POST", batch(("R2", None, None, None)))
    assert isinstance(report.failures[0], RecordError)
    assert report.failures[0].remedy


@pytest.mark.parametrize(("state", "written"), [('"done"', True), ('"wrong"', False), ("null", False), ("1", False)])
async def test_success_is_what_the_description_says(service: Service, state: str, written: bool) -> None:
    service.answer = (200, {}, b'{"customer": {"id": 5}, "state": %s, "notes": [{"text": "Why not"}]}' % state.encode())
    description = DESCRIPTION.replace("POST:\n        create", "POST:\n        asks_first: false\n        create")
    description = description.replace("refused: errors", "success: \"contains(['done', 'new'], state)\"")
    description = description.replace("errors.0.message", "join('; ', notes[].text)")
    report = await write(service, "POST", batch(("R1", "Ann", None, None)), description)
    if written:
        assert list(report.destination_ids) == ["5"]
    else:
        assert report.failures[0].message == "127.0.0.1 refuses the record: Why not."


async def test_an_answer_that_does_not_tell_of_success_proves_nothing(service: Service) -> None:
    service.answer = (200, {}, b'{"customer": {"id": 5}}')
    description = DESCRIPTION.replace("POST:\n        create", "POST:\n        asks_first: false\n        create")
    with pytest.raises(AmbiguousWriteError):
        await write(
            service, "POST", batch(("R1", "Ann", None, None)), description.replace("refused: errors", "success: ok")
        )
