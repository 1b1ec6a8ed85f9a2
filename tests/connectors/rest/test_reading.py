"""Reading from a REST service: pages in every style, amounts with all their digits, and where a read must not lead."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from agent.connectors.contract import ReadRequest, SentClause, SentPart
from agent.connectors.rest.client import retry_after
from agent.connectors.rest.connector import RestConnection, RestConnector
from agent.connectors.rest.credentials import Authentication
from agent.domain.errors import AgentError, ConfigurationError, FatalError, TransientError
from agent.domain.packet import Packet, Position
from agent.http.retry import RetryPolicy
from tests.connectors.rest.shop import DESCRIPTION, Service, running_service
from tests.connectors.rest.test_conformance import entered

STYLES = ("GET", "OFFSET", "CURSOR", "LINK", "NEXT", "ALL")


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


def opened(service: Service, *, description: str = DESCRIPTION, private: str = "Allow") -> RestConnection:
    """A connection with a token that the service always takes."""
    given = entered(Authentication.BEARER, ("127.0.0.1", service.server_port))
    connector = RestConnector(RetryPolicy(tries=1, limited_tries=1), read_seconds=2)
    prepared = connector.prepare({**given.values, "description": description, "private": private}, given.secrets)
    return connector.open(prepared.values, prepared.secrets)


async def read(
    connection: RestConnection,
    action: str = "GET",
    *,
    clauses: Sequence[SentPart] = (),
    position: Position | None = None,
    records: int = 250,
) -> list[Packet]:
    """All packets."""
    request = ReadRequest("orders", action, clauses, {}, None, position, records)
    async with connection:
        return [packet async for packet in connection.read(request)]


def ending_with(status: int) -> str:
    """The description, with the status beyond the last page."""
    return DESCRIPTION.replace("size: 3", f"size: 3, past_the_end: {status}")


async def refused(service: Service, action: str = "GET", *, description: str = DESCRIPTION) -> AgentError:
    """What a read ends with."""
    with pytest.raises(AgentError) as raised:
        await read(opened(service, description=description), action)
    return raised.value


@pytest.mark.parametrize("action", STYLES)
async def test_every_style_of_paging_brings_every_record_once(service: Service, action: str) -> None:
    packets = await read(opened(service), action)
    assert [one for packet in packets for one in packet.source_ids] == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("action", ["GET", "OFFSET"])
@pytest.mark.parametrize("orders", [0, 1, 2, 4, 6, 7])
@pytest.mark.parametrize("past_the_end", [None, 404, 400])
async def test_a_service_that_gives_less_than_was_asked_for_is_read_to_its_end(
    action: str, orders: int, past_the_end: int | None
) -> None:
    with running_service(orders=orders) as service:
        service.most_page, service.past_the_end = 2, past_the_end  # the description asks for 3
        packets = await read(opened(service, description=ending_with(past_the_end or 404)), action)
    assert [one for packet in packets for one in packet.source_ids] == [str(one) for one in range(1, orders + 1)]


@pytest.mark.parametrize("status", [404, 410, 422])
async def test_a_last_page_that_is_full_ends_where_the_service_has_no_further_one(status: int) -> None:
    with running_service(orders=6) as service:
        service.past_the_end = status
        packets = await read(opened(service, description=ending_with(422)))
    assert len([one for packet in packets for one in packet.source_ids]) == 6


async def test_a_refusal_after_a_full_page_is_no_end_and_after_a_short_first_one_is() -> None:
    """Some services refuse to go on after so many records: what comes then must not be taken for read."""
    with running_service(orders=6) as service:
        service.past_the_end = 400
        assert isinstance(await refused(service), FatalError)
    with running_service(orders=2) as service:
        service.past_the_end = 400
        assert [len(packet) for packet in await read(opened(service))] == [2, 0]


@pytest.mark.parametrize("style", ["page", "offset"])
async def test_pages_that_are_short_amid_a_list_do_not_end_it(service: Service, style: str) -> None:
    """Some services leave records out of a page after they have counted it, such as those that nobody may see."""
    service.hides = {5, 6, 9}
    packets = await read(opened(service), {"page": "GET", "offset": "OFFSET"}[style])
    given = [one for packet in packets for one in packet.source_ids]
    assert list(dict.fromkeys(given)) == ["1", "2", "3", "4", "7", "8", "10"]
    assert style == "offset" or len(given) == 7  # by offset, what is left out makes the next page begin earlier


async def test_a_last_page_that_comes_again_ends_the_list(service: Service) -> None:
    service.clamps = True
    packets = await read(opened(service))
    assert [one for packet in packets for one in packet.source_ids] == [str(one) for one in range(1, 11)]


async def test_a_service_that_knows_no_pages_is_not_read_for_ever(service: Service) -> None:
    page = {"data": {"orders": [{"id": one} for one in range(3)]}}
    service.answer = (200, {}, json.dumps(page).encode())
    error = await refused(service)
    assert isinstance(error, FatalError)
    assert error.code == "same-page"


async def test_amounts_keep_the_digits_that_the_service_wrote(service: Service) -> None:
    (packet,) = await read(opened(service), "ALL")
    assert packet.documents[0].startswith(b'{"id": 1, "total": 1.10, ')


@pytest.mark.parametrize("action", STYLES)
async def test_a_page_is_cut_into_packets_and_goes_on_in_the_middle_of_it(service: Service, action: str) -> None:
    packets = await read(opened(service), action, records=2)
    for number, packet in enumerate(packets[:-1], 1):
        position = json.loads(json.dumps(packet.position))
        rest = await read(opened(service), action, position=position, records=2)
        found = [one for piece in (*packets[:number], *rest) for one in piece.source_ids]
        assert found == [str(number) for number in range(1, 11)]


async def test_the_bookmark_is_the_services_time_when_the_read_began(service: Service) -> None:
    before = datetime.now(UTC)
    packets = await read(opened(service))
    moment = packets[-1].bookmark.moment if packets[-1].bookmark else None
    assert moment is not None
    assert before - timedelta(seconds=5) < moment <= before


async def test_filters_are_sent_by_the_names_that_the_description_gives_them(service: Service) -> None:
    service.change(7)
    since = SentClause("since", ">=", (datetime.now(UTC) - timedelta(hours=1)).isoformat())
    packets = await read(opened(service), clauses=[since])
    assert [one for packet in packets for one in packet.source_ids] == ["7"]
    for clause in (SentClause("since", "<", "2026"), SentClause("color", "=", "red")):
        with pytest.raises(ConfigurationError) as raised:
            await read(opened(service), clauses=[clause])
        assert raised.value.code == "filter-unknown"


async def test_a_next_page_on_another_server_gets_no_credentials(service: Service) -> None:
    with running_service() as other:
        service.elsewhere = f"http://127.0.0.1:{other.server_port}"
        for action in ("LINK", "NEXT"):
            error = await refused(service, action)
            assert (error.code, error.field) == ("another-server", "base_url")
        assert other.asked == []


async def test_a_redirect_is_not_followed(service: Service) -> None:
    description = DESCRIPTION.replace("/orders/paged", "/redirect")
    assert (await refused(service, description=description)).code == "redirected"


async def test_private_networks_are_refused_unless_allowed(service: Service) -> None:
    with pytest.raises(ConfigurationError) as raised:
        await read(opened(service, private="Refuse"))
    assert (raised.value.code, raised.value.field) == ("private-address", "private")
    assert "127.0.0.1" in raised.value.message
    assert service.asked == []


async def test_a_service_that_names_the_same_page_for_ever_is_left(service: Service) -> None:
    page = {"data": {"orders": [{"id": 1}]}, "cursor": "same"}
    service.answer = (200, {}, json.dumps(page).encode())
    error = await refused(service, "CURSOR")
    assert isinstance(error, FatalError)
    assert error.code == "same-page"


@pytest.mark.parametrize(
    "content",
    [
        b'{"errors": [{"message": "the database is down"}]}', b'{"data": {}}', b'"fine"',
        b"<html>Please sign in</html>", b'{"data": {"orders": {}}}', b'{"data": {"orders": [1]}}',
        b'{"data": {"orders": [{"id',
    ],
)  # fmt: skip
async def test_what_is_not_as_described_is_not_taken_for_records(service: Service, content: bytes) -> None:
    service.answer = (200, {}, content)
    assert (await refused(service)).code == "not-the-api"


async def test_a_list_may_be_null_and_left_away_where_the_description_says_so(service: Service) -> None:
    service.answer = (200, {}, b'{"data": {"orders": null}}')
    assert [len(packet) for packet in await read(opened(service))] == [0]
    service.answer = (200, {}, b'{"data": {}}')
    description = DESCRIPTION.replace("path: /orders/all", "path: /orders/all\n        absent_if_empty: true")
    assert [len(packet) for packet in await read(opened(service, description=description), "ALL")] == [0]


async def test_without_a_date_of_the_service_the_bookmark_leaves_room_for_its_clock(service: Service) -> None:
    service.answer = (200, {}, b'{"data": {"orders": []}}')
    service.tells_date = False
    (packet,) = await read(opened(service))
    assert packet.bookmark is not None
    assert packet.bookmark.moment is not None
    assert timedelta(minutes=4) < datetime.now(UTC) - packet.bookmark.moment < timedelta(minutes=10)


async def test_a_record_without_its_key_is_told(service: Service) -> None:
    service.answer = (200, {}, b'{"data": {"orders": [{"number": 1}]}}')
    error = await refused(service)
    assert (error.code, error.field) == ("no-key", "description")
    assert "“id”" in error.message


async def test_a_service_that_wants_to_be_left_alone_is_asked_later(service: Service) -> None:
    service.answer = (503, {"Retry-After": "7"}, b"")
    error = await refused(service)
    assert isinstance(error, TransientError)
    assert error.retry_after_seconds == 7


def test_retry_after_may_be_a_moment() -> None:
    now = datetime(2026, 11, 27, 12, tzinfo=UTC)
    later = {"Retry-After": format_datetime(now + timedelta(seconds=90), usegmt=True)}
    assert retry_after(later, now) == 90
    assert retry_after({"Retry-After": "soon"}, now) is None


async def test_the_description_is_what_people_see_as_schemas(service: Service) -> None:
    async with opened(service) as connection:
        schemas = {schema.name: schema for schema in await connection.schemas()}
    assert schemas["orders"].primary_key == "id"
    assert [action.name for action in schemas["customers"].actions] == ["POST", "UPSERT", "PUT", "DELETE"]
