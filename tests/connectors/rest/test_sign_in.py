"""A person signs in with a browser: once, until the service wants it again, and whatever becomes of refresh tokens."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from agent.connectors.contract import Prepared, Renewing, SigningIn
from agent.connectors.rest.connector import RestConnection, RestConnector
from agent.connectors.rest.credentials import Authentication
from agent.connectors.rest.entered import prepare
from agent.domain.errors import ConfigurationError, CredentialsError
from agent.domain.secret import Secret
from tests.connectors.rest.shop import SECRET, Service, running_service
from tests.connectors.rest.test_conformance import entered
from tests.connectors.rest.test_reading import read
from tests.helpers.postgres_server import free_port


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


def prepared(service: Service, **changed: str) -> Prepared:
    given = entered(Authentication.PERSON, ("127.0.0.1", service.server_port))
    redirect = {"redirect_address": f"http://127.0.0.1:{free_port()}/signed-in", "scope": "all"}
    return prepare({**given.values, **redirect, **changed}, given.secrets)


async def browser(address: str, *, state: str = "", host: str = "") -> list[int]:
    """Open a page as a browser does, following redirects; gives the statuses."""
    statuses = []
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(address)
        statuses.append(answer.status_code)
        back = httpx.URL(answer.headers["Location"])
        if state:
            back = back.copy_set_param("state", state)
        answer = await client.get(back, headers={"Host": host} if host else {})
        statuses.append(answer.status_code)
        assert SECRET not in answer.text
    return statuses


async def signed_in(
    connector: RestConnector, values: Prepared, visit: Callable[[str], None] | None = None
) -> Mapping[str, Secret]:
    """Sign in; `visit` is called with the address in the place of a browser."""
    visits: list[asyncio.Task[object]] = []
    made = await connector.signed_in(
        values.values, values.secrets,
        lambda address: visits.append(asyncio.ensure_future(browser(address))) if visit is None else visit(address),
        lambda _new, _old: None,
    )  # fmt: skip
    await asyncio.gather(*visits)
    return made


def renewing(connector: RestConnector, values: Prepared, secrets: dict[str, Secret]) -> RestConnection:
    """A connection whose new secrets go into `secrets`."""
    connection = connector.open(values.values, dict(secrets))
    assert isinstance(connection, Renewing)
    connection.renew(lambda new, _old: secrets.update(new))
    return connection


@pytest.mark.parametrize("place", ["Header", "Body"])
async def test_a_person_signs_in_once_and_the_agent_goes_on_by_itself(service: Service, place: str) -> None:
    connector = RestConnector()
    assert isinstance(connector, SigningIn)
    values = prepared(service, client_place=place)
    secrets = dict(await signed_in(connector, values))
    assert secrets["refresh_token"].reveal() == service.refresh
    for _ in range(2):
        await read(renewing(connector, values, secrets))
    assert service.tokens == 1, "the access token still holds"
    again = RestConnector()  # as after a start
    await read(renewing(again, values, secrets))
    assert service.tokens == 2
    assert secrets["refresh_token"].reveal() == service.refresh, "the new one is kept"
    await read(renewing(RestConnector(), values, secrets))


async def test_connections_at_once_ask_for_one_token(service: Service) -> None:
    values = prepared(service)
    secrets = dict(await signed_in(RestConnector(), values))
    connector = RestConnector()
    old = dict(secrets)
    packets = await asyncio.gather(*(read(renewing(connector, values, secrets)) for _ in range(5)))
    assert all(sum(map(len, one)) == 10 for one in packets)
    assert service.tokens == 2
    service.revoked = 2
    await asyncio.gather(*(read(renewing(connector, values, old)) for _ in range(5)))
    assert service.tokens == 3, "whoever has the refresh token of before gets what came of it"


async def test_a_sign_in_that_counts_no_more_is_told_and_healed_by_another(service: Service) -> None:
    connector, values = RestConnector(), prepared(service)
    secrets = dict(await signed_in(connector, values))
    service.refresh, service.revoked = "taken back", service.tokens
    with pytest.raises(CredentialsError) as raised:
        await read(renewing(connector, values, secrets))
    assert (raised.value.field, "press Validate" in raised.value.remedy) == ("refresh_token", True)
    healed = await signed_in(connector, Prepared(values.values, secrets))
    assert healed["refresh_token"].reveal() == service.refresh
    await read(renewing(connector, values, dict(healed)))


async def test_who_is_cancelled_while_a_token_is_being_given_loses_no_sign_in(service: Service) -> None:
    values = prepared(service)
    secrets = dict(await signed_in(RestConnector(), values))
    asked, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        loop.call_soon_threadsafe(asked.set)
        go_on.wait(10)

    service.before_token = hold
    connector = RestConnector()
    reading = asyncio.ensure_future(read(renewing(connector, values, secrets)))
    await asked.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    service.before_token = None
    go_on.set()
    await read(renewing(connector, values, secrets))
    assert secrets["refresh_token"].reveal() == service.refresh
    assert service.tokens == 2


async def test_a_token_that_could_not_be_kept_is_kept_before_anything_else(service: Service) -> None:
    values = prepared(service)
    secrets = dict(await signed_in(RestConnector(), values))
    connector, told = RestConnector(), []

    def locked(_new: Mapping[str, Secret], _old: Mapping[str, Secret]) -> None:
        raise ConfigurationError("The vault is locked.", code="vault-locked")

    connection = connector.open(values.values, dict(secrets))
    connection.renew(locked)
    with pytest.raises(ConfigurationError, match="locked"):
        await read(connection)
    again = connector.open(values.values, dict(secrets))
    again.renew(lambda new, old: told.append((new["refresh_token"], old["refresh_token"])))
    await read(again)
    assert told == [(Secret(service.refresh), secrets["refresh_token"])]
    assert service.tokens == 2


async def test_without_a_sign_in_nothing_is_asked_of_the_service(service: Service) -> None:
    values = prepared(service)
    with pytest.raises(CredentialsError) as raised:
        await read(RestConnector().open(values.values, values.secrets))
    assert raised.value.code == "sign-in-needed"
    assert service.asked == []


async def test_what_a_stranger_sends_back_is_not_believed(service: Service) -> None:
    connector, values = RestConnector(), prepared(service)
    told: list[list[int]] = []

    async def strangers(address: str) -> None:
        told.append(await browser(address, state="guessed"))
        told.append(await browser(address, host="evil.example"))
        told.append(await browser(address))

    visits: list[asyncio.Task[None]] = []
    await signed_in(connector, values, lambda address: visits.append(asyncio.ensure_future(strangers(address))))
    await asyncio.gather(*visits)
    assert told == [[302, 400], [302, 404], [302, 200]]


async def test_the_page_is_asked_with_a_challenge_and_without_a_secret(service: Service) -> None:
    asking: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    values = prepared(service, authorization_url=f"http://127.0.0.1:{service.server_port}/authorize?prompt=consent")
    going = RestConnector().signed_in(values.values, values.secrets, asking.set_result, lambda _new, _old: None)
    waiting = asyncio.ensure_future(going)
    asked = await asking
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    query = parse_qs(urlsplit(asked).query)
    assert sorted(query) == ["client_id", "code_challenge", "code_challenge_method", "prompt", "redirect_uri",
                             "response_type", "scope", "state"]  # fmt: skip
    assert SECRET not in asked
    with socket.create_server(("127.0.0.1", urlsplit(values.values["redirect_address"]).port or 0)):
        pass  # nobody listens any more


@pytest.mark.parametrize(
    ("trouble", "code", "field"),
    [("denies", "sign-in-refused", "authorization_url"), ("forgets", "no-refresh-token", "scope")],
)
async def test_a_sign_in_that_leads_nowhere_says_why(service: Service, trouble: str, code: str, field: str) -> None:
    setattr(service, trouble, True)
    with pytest.raises(ConfigurationError) as raised:
        await signed_in(RestConnector(), prepared(service))
    assert (raised.value.code, raised.value.field) == (code, field)


async def test_a_port_that_is_taken_is_told(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        values = prepared(service, redirect_address=f"http://127.0.0.1:{taken.getsockname()[1]}/signed-in")
        with pytest.raises(ConfigurationError) as raised:
            await signed_in(RestConnector(), values)
    assert raised.value.field == "redirect_address"


@pytest.mark.parametrize(
    "address", ["https://127.0.0.1:5000/x", "http://agent.example:5000/x", "http://127.0.0.1/x", "http://127.0.0.1:80/"]
)
def test_the_redirect_address_has_to_be_on_this_computer(service: Service, address: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        prepared(service, redirect_address=address)
    assert raised.value.field == "redirect_address"
