import httpcore
import httpx
import pytest

from agent.http.factory import CONNECT_SECONDS, READ_SECONDS, USER_AGENT, http_client, is_loopback


async def seen(client: httpx.AsyncClient) -> httpx.Response:
    async with client:
        return await client.get("https://shop.example/")


@pytest.mark.parametrize(("loopback", "encoding"), [(True, "identity"), (False, "gzip")])
async def test_compression_is_asked_for_except_on_this_machine(loopback: bool, encoding: str) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=dict(request.headers)))

    headers = (await seen(http_client(loopback=loopback, transport=transport))).json()

    assert headers["accept-encoding"] == encoding
    assert headers["user-agent"] == USER_AGENT


async def test_redirects_are_not_followed() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(301, headers={"Location": "https://elsewhere.example/"})

    assert (await seen(http_client(transport=httpx.MockTransport(answer)))).status_code == 301
    assert asked == ["shop.example"]


async def test_waiting_is_bounded() -> None:
    async with http_client() as client:
        assert (client.timeout.connect, client.timeout.read) == (CONNECT_SECONDS, READ_SECONDS)


async def test_proxies_are_not_used_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")

    async with http_client(loopback=True) as client:
        assert not client.trust_env
    async with http_client() as client:
        assert client.trust_env


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True),
     ("10.0.0.1", False), ("shop.example", False), ("localhost.example", False), ("", False)],
)  # fmt: skip
def test_loopback_is_this_machine_alone(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


class RecordingStream(httpcore.AsyncNetworkStream):
    """Answers one request, and notes how much it is asked for at once."""

    def __init__(self) -> None:
        self.wanted: list[int] = []

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        self.wanted.append(max_bytes)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        pass

    async def aclose(self) -> None:
        pass

    def get_extra_info(self, info: str) -> object:
        return None


async def test_large_answers_are_read_in_large_pieces() -> None:
    stream = RecordingStream()
    connection = httpcore.AsyncHTTP11Connection(httpcore.Origin(b"http", b"shop.example", 80), stream)

    assert (await connection.request("GET", "http://shop.example/")).content == b"ok"

    assert stream.wanted == [256 * 1024]
