"""What was sent is told as it was sent, without the credentials, whether an answer came or not."""

from __future__ import annotations

from collections.abc import Generator

import httpx
import pytest

from agent.domain.sent import Sent
from agent.http.factory import http_client


class Key(httpx.Auth):
    """Adds a key, as connectors do."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["X-Auth-Token"] = "the-secret-token"
        yield request


def client(answer: httpx.Response | Exception, told: list[Sent], seen: list[httpx.Request]) -> httpx.AsyncClient:
    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return http_client(auth=Key(), transport=httpx.MockTransport(handle), observer=told.append)


@pytest.mark.parametrize("status", [200, 404, 500])
async def test_a_request_is_told_with_its_answer_and_without_the_credentials(status: int) -> None:
    told, seen = list[Sent](), list[httpx.Request]()
    async with client(httpx.Response(status, json={}), told, seen) as http:
        await http.put("https://store.example/v3/items?page=2", content=b'{"a":1}', headers={"X-Other": "yes"})
    (sent,) = told
    assert seen[0].headers["X-Auth-Token"] == "the-secret-token"
    assert (sent.method, sent.target, sent.status) == ("PUT", "https://store.example/v3/items?page=2", status)
    assert sent.body == b'{"a":1}'
    assert dict(sent.headers)["x-other"] == "yes"
    assert "the-secret-token" not in repr(sent)
    assert sent.failed is (status >= 400)
    assert sent.seconds >= 0


async def test_a_request_without_an_answer_is_told_too() -> None:
    told, seen = list[Sent](), list[httpx.Request]()
    async with client(httpx.ReadTimeout("too slow"), told, seen) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get("https://store.example/v3/items")
    (sent,) = told
    assert (sent.status, sent.failure, sent.failed) == (None, "ReadTimeout", True)
