"""Signing in with access tokens: fetched once, renewed when they are refused, and explained when they are not given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agent.connectors.contract import WriteTarget
from agent.connectors.rest.connector import RestConnection, RestConnector
from agent.connectors.rest.credentials import Authentication
from agent.connectors.rest.entered import prepare
from agent.domain.errors import ConfigurationError, CredentialsError
from agent.domain.secret import Secret
from agent.domain.sent import Sent
from agent.http.retry import RetryPolicy
from tests.connectors.rest.shop import DESCRIPTION, SECRET, Service, running_service
from tests.connectors.rest.test_conformance import entered
from tests.connectors.rest.test_reading import read
from tests.connectors.rest.test_writing import batch


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


def opened(service: Service, connector: RestConnector, kind: Authentication, **changed: str) -> RestConnection:
    given = entered(kind, ("127.0.0.1", service.server_port))
    prepared = connector.prepare({**given.values, **changed}, given.secrets)
    return connector.open(prepared.values, prepared.secrets)


async def test_a_token_is_fetched_once_for_many_connections(service: Service) -> None:
    connector = RestConnector()
    for _ in range(3):
        await read(opened(service, connector, Authentication.OAUTH2))
    assert service.tokens == 1


async def test_a_token_that_is_refused_is_fetched_anew(service: Service) -> None:
    connector = RestConnector()
    await read(opened(service, connector, Authentication.OAUTH2))
    service.revoked = 1
    packets = await read(opened(service, connector, Authentication.OAUTH2))
    assert len(packets[0].documents) == 3
    assert service.tokens == 2


async def test_credentials_that_get_no_token_are_said_to_be_refused(service: Service) -> None:
    given = entered(Authentication.OAUTH2, ("127.0.0.1", service.server_port), secret="another-secret")
    connection = RestConnector().open(given.values, given.secrets)
    with pytest.raises(CredentialsError) as raised:
        await read(connection)
    assert raised.value.field == "client_secret"
    assert "(invalid_client)" in raised.value.message


async def test_a_token_url_that_gives_none_is_said_to_be_wrong(service: Service) -> None:
    wrong = f"http://127.0.0.1:{service.server_port}/api/nothing"
    with pytest.raises(ConfigurationError) as raised:
        await read(opened(service, RestConnector(), Authentication.OAUTH2, token_url=wrong))
    assert raised.value.field == "client_secret"


async def test_a_key_in_the_query_is_on_the_wire_and_nowhere_else(service: Service) -> None:
    told: list[Sent] = []
    connection = opened(service, RestConnector(), Authentication.KEY)
    connection.tell(told.append)
    await read(connection, "CURSOR")
    assert all(f"key={SECRET}" in asked for asked in service.asked)
    assert told
    assert not any(SECRET in repr(one) for one in told)


@pytest.mark.parametrize("signature", ["HMAC-SHA256", "HMAC-SHA1"])
async def test_requests_are_signed_one_by_one(service: Service, signature: str) -> None:
    connector = RestConnector(RetryPolicy(tries=1, limited_tries=1))
    description = DESCRIPTION.replace(
        "path: /orders/linked", 'path: /orders/linked\n        query: {$by: "a\'[é ]+~/"}'
    )
    changed = {"signature": signature, "realm": "77_SB1", "description": description}
    packets = await read(opened(service, connector, Authentication.OAUTH1, **changed), "LINK")
    assert len([one for packet in packets for one in packet.source_ids]) == 10
    assert len(service.nonces) == len(service.asked) == 4
    async with opened(service, connector, Authentication.OAUTH1, **changed) as connection:
        wanted = batch(("R1", "Ann", None, None))
        report = await connection.write(WriteTarget("customers", "UPSERT", {}, "x"), wanted, lambda _: b"")
    assert list(report.destination_ids) == ["1"]


async def test_a_wrong_secret_of_oauth_1_is_told_with_its_field(service: Service) -> None:
    given = entered(Authentication.OAUTH1, ("127.0.0.1", service.server_port), secret="another")
    prepared = RestConnector().prepare(given.values, given.secrets)
    with pytest.raises(CredentialsError) as raised:
        await read(RestConnector().open(prepared.values, prepared.secrets))
    assert raised.value.field == "consumer_secret"


@pytest.mark.parametrize("action", ["LINK", "NEXT"])
async def test_a_key_that_the_service_repeats_in_a_next_page_is_kept_nowhere(service: Service, action: str) -> None:
    service.echoes_key = True
    told: list[Sent] = []
    connection = opened(service, RestConnector(), Authentication.KEY)
    connection.tell(told.append)
    packets = await read(connection, action)
    assert len([one for packet in packets for one in packet.source_ids]) == 10
    assert not any(SECRET in f"{packet.position}" for packet in packets)
    assert not any(SECRET in repr(one) for one in told)
    assert all(asked.count(SECRET) == 1 for asked in service.asked)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"base_url": ""}, "base_url"),
        ({"base_url": "ftp://shop.test"}, "base_url"),
        ({"base_url": "https://anna:secret@shop.test"}, "base_url"),
        ({"base_url": "https://shop.test/api?key=1"}, "base_url"),
        ({"base_url": "https://shop.test/../x"}, "base_url"),
        ({"authentication": "Guessing"}, "authentication"),
        ({"authentication": "API key", "key_name": "X Key"}, "key_name"),
        ({"authentication": "Bearer token"}, "token"),
        ({"authentication": "OAuth 2.0 client credentials", "token_url": "https://x.test"}, "client_id"),
        ({"private": "Perhaps"}, "private"),
        ({"description": " "}, "description"),
    ],
)
def test_what_cannot_be_right_is_refused_at_its_field(changed: dict[str, str], field: str) -> None:
    values = {"base_url": "https://shop.test/api", "description": DESCRIPTION}
    with pytest.raises(ConfigurationError) as raised:
        prepare({**values, **changed}, {})
    assert raised.value.field == field
    assert raised.value.remedy


def test_what_people_paste_is_tidied() -> None:
    given: Any = {"base_url": " Shop.TEST/api/ ", "description": f"\ufeff{DESCRIPTION}\n", "authentication": "API key"}
    prepared = prepare(given, {"api_key": Secret(" k \n")})
    assert prepared.values["base_url"] == "https://shop.test/api"
    assert (prepared.values["key_place"], prepared.values["key_name"]) == ("Header", "X-API-Key")
    assert prepared.secrets["api_key"].reveal() == "k"
    assert prepare(prepared.values, prepared.secrets) == type(prepared)(prepared.values, prepared.secrets)
