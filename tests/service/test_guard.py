"""Who may ask: the owner of the token on this machine, from no web page; and how refusals look."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import httpx
import pytest

from agent.api import base_models, log_models
from agent.domain.errors import AgentError, ConfigurationError
from agent.gui.session_presenter import SIGN_IN_CODES
from tests.helpers.running_service import RunningService
from tests.service.inside import TOKEN, Inside

STATE = "/api/v1/state"


def operations(inside: Inside) -> Iterator[tuple[str, str]]:
    """Every operation that the contract describes, with something in the place of path parameters."""
    for path, found in inside.application.openapi()["paths"].items():
        for method in found:
            yield method.upper(), re.sub(r"\{[^}]+\}", "temp", path)
    yield "GET", "/api/v1/openapi.json"


def problem(response: httpx.Response) -> base_models.Problem:
    assert response.headers["content-type"] == "application/problem+json"
    told = base_models.Problem.model_validate_json(response.content)
    assert told.status == response.status_code
    assert told.title
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", told.code)
    return told


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": f"Bearer {TOKEN} "}],
)
async def test_nothing_but_health_is_answered_without_the_token(shared_inside: Inside, headers: dict[str, str]) -> None:
    open_to_all = []
    async with shared_inside.http(headers) as http:
        for method, path in operations(shared_inside):
            response = await http.request(method, path, json={} if method in ("POST", "PUT") else None)
            if response.status_code == 200:
                open_to_all.append((method, path))
            else:
                assert (response.status_code, problem(response).code) == (401, "token-wrong"), (method, path)
                assert response.headers["www-authenticate"] == "Bearer"
    assert open_to_all == [("GET", "/api/v1/health")]
    assert shared_inside.stopped == []


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:80", "localhost", "127.0.0.1:4711.evil.example", ""]
)
async def test_other_names_for_our_address_are_refused(shared_inside: Inside, host: str) -> None:
    async with shared_inside.http() as http:
        for path in (STATE, "/api/v1/health"):
            told = problem(await http.get(path, headers={"Host": host}))
            assert (told.status, told.code) == (403, "host-refused")


async def test_both_our_names_are_answered(shared_inside: Inside) -> None:
    async with shared_inside.http() as http:
        for host in ("127.0.0.1:4711", "localhost:4711"):
            assert (await http.get(STATE, headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:4711", ""])
async def test_web_pages_are_refused_even_with_the_token(shared_inside: Inside, origin: str) -> None:
    async with shared_inside.http() as http:
        for path in (STATE, "/api/v1/health"):
            response = await http.get(path, headers={"Origin": origin})
            assert problem(response).code == "origin-refused"
            assert not [name for name in response.headers if name.startswith("access-control")]


async def test_a_body_has_to_tell_its_length_and_to_stay_below_the_limit(shared_inside: Inside) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{}"

    bodies: list[tuple[bytes | AsyncIterator[bytes], dict[str, str]]] = [
        (b"{}", {"Content-Length": "16000001"}),
        (b"{}", {"Content-Length": "-1"}),
        (b"{}", {"Content-Length": "9" * 5_000}),
        (chunks(), {}),
    ]

    async with shared_inside.http() as http:
        for content, headers in bodies:
            response = await http.post("/api/v1/flows/check", content=content, headers=headers)
            assert (response.status_code, problem(response).code) == (413, "too-large")


async def test_a_session_that_has_ended_or_is_another_services_leads_to_sign_in(inside: Inside) -> None:
    for session in ("session-of-another-service", "ü"):
        async with inside.http() as http:
            response = await http.get(STATE, headers={b"Operator-Session": session.encode()})
            assert (response.status_code, problem(response).code) == (401, "session-expired")
    async with inside.client("session-of-another-service") as client:
        with pytest.raises(ConfigurationError) as raised:
            await client.state()
        assert raised.value.code in SIGN_IN_CODES, "the window asks for the operator"
        # Signing in has to be possible for whoever still holds an old session.
        assert (await client.sign_in("anna", "correct horse")).name == "anna"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"{bad hunter2hunter2", "body"),
        (b'{"name": "anna", "password": ["hunter2hunter2"]}', "password"),
        (b'{"name": "anna", "password": "x", "hunter2hunter2": 1}', "…"),
        (b'{"name": "hunter2hunter2\\ud800", "password": "x"}', "name"),
        (b'"hunter2hunter2"', "body"),
        (b"\xff\xfehunter2hunter2", "body"),
        (b"", "body"),
    ],
)
async def test_what_was_sent_is_never_quoted(shared_inside: Inside, body: bytes, place: str) -> None:
    async with shared_inside.http() as http:
        response = await http.post("/api/v1/sessions", content=body, headers={"Content-Type": "application/json"})
        told = problem(response)
        assert (told.status, told.code, told.field) == (422, "request-invalid", place)
        assert "hunter2" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/docs", 404),
        ("POST", "/api/v1/health", 405),
        ("GET", "/api/v1/flows/nothing", 404),
        ("PUT", "/api/v1/settings/nothing", 422),
        ("GET", "/api/v1/runs?limit=0", 422),
        ("GET", "/api/v1/log?first=-1", 422),
        ("GET", "/api/v1/runs/" + "x" * 200, 422),
    ],
)
async def test_every_refusal_is_a_problem_detail(shared_inside: Inside, method: str, path: str, status: int) -> None:
    async with shared_inside.http() as http:
        assert problem(await http.request(method, path)).status == status


async def test_something_unexpected_is_answered_without_its_words_and_logged(inside: Inside) -> None:
    @inside.application.get("/api/v1/broken")
    def broken() -> None:
        raise ZeroDivisionError("hunter2hunter2")

    async with inside.http() as http:
        with pytest.raises(ZeroDivisionError):  # the server logs it; this transport hands it on
            await http.get("/api/v1/broken")
    async with inside.client() as client:
        hits = await client.search_log(log_models.LogSearch(text="could not answer"))
        (line,) = (await client.log_hits(hits.id, 0)).items
    assert "ZeroDivisionError" in line.detail
    assert "hunter2" not in line.model_dump_json()


def test_the_real_server_refuses_the_same_way_and_goes_on(shared_service: RunningService) -> None:
    with shared_service.http({}) as http:
        assert problem(http.get(STATE)).code == "token-wrong"
        told = set(http.get("/api/v1/health").headers)
        assert told == {"content-length", "content-type", "connection"}, "nothing else is told"
    with shared_service.http() as http:
        for headers, code in (({"Host": "evil.example"}, "host-refused"), ({"Origin": "null"}, "origin-refused")):
            assert problem(http.get(STATE, headers=headers)).code == code
        large = http.post("/api/v1/flows/check", content=b"x" * 16_000_001)
        assert (large.status_code, problem(large).code) == (413, "too-large")
        assert http.get(STATE).status_code == 200


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def is_cut(connection: socket.socket) -> bool:
    """Whether the other side hangs up."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.skipif(sys.platform == "win32", reason="counts file descriptors")
def test_a_crowd_that_says_nothing_keeps_nobody_out(shared_service: RunningService) -> None:
    port = shared_service.endpoint.port
    with ExitStack() as stack:
        crowd = [stack.enter_context(connected(port)) for _ in range(300)]
        for one in crowd[1::2]:
            one.sendall(b"GET /api/v1/state HTTP/1.1\r\nHost: ")
        with shared_service.http() as http:
            assert http.get(STATE).status_code == 200
        assert shared_service.process().num_fds() < 200
        assert is_cut(crowd[0])


def test_endless_headers_are_cut_off(shared_service: RunningService) -> None:
    with connected(shared_service.endpoint.port) as connection:
        connection.sendall(b"GET /api/v1/state HTTP/1.1\r\n")
        endless = b"X: y\r\n" * 2_000_000
        with pytest.raises(ConnectionError):
            connection.sendall(endless)


def test_who_has_not_shown_the_token_keeps_no_connection(shared_service: RunningService) -> None:
    with shared_service.http({}) as http:
        for path in (STATE, "/api/v1/health"):
            assert http.get(path).headers["connection"] == "close"
    with shared_service.http() as http:
        assert "connection" not in http.get(STATE).headers


async def test_the_client_rebuilds_the_error(shared_inside: Inside) -> None:
    async with shared_inside.client() as client:
        with pytest.raises(AgentError) as raised:
            await client.flow("nothing")
    assert (raised.value.code, type(raised.value).__name__) == ("flow-not-found", "NotFoundError")
