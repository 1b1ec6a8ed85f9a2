"""Sends single requests to one store: signs them, keeps to the quota, retries, and turns failures into our errors."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from agent.connectors.bigcommerce.credentials import API_PATH, Account, AccountKind
from agent.connectors.bigcommerce.failures import answer_failure, unproven
from agent.domain.errors import ConfigurationError, TransientError
from agent.domain.secret import Secret
from agent.http.failures import network_failure
from agent.http.pacing import Gate
from agent.http.retry import Retry, RetryPolicy

Query = Sequence[tuple[str, str]]

_log = logging.getLogger(__name__)

_WITHOUT_BODY = frozenset({204})
"""How V2 says that a list is empty. Nothing with another status is an empty list."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with success, or with one of the statuses that the caller asked to see."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    seconds: float

    @property
    def server_time(self) -> datetime | None:
        """When the store had received the request at the latest, by its own clock; None where it does not say."""
        try:
            return parsedate_to_datetime(self.headers["date"]).astimezone(UTC)
        except (KeyError, ValueError):
            return None


class StoreAuth(httpx.Auth):
    """Adds the credentials to a request, and takes them off again, so that no failed request carries them about."""

    def __init__(self, *, account: Account, username: str, token: Secret) -> None:
        self._legacy = account.kind is AccountKind.LEGACY
        self._username = username
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """httpx calls this around each request."""
        if self._legacy:
            pair = f"{self._username}:{self._token.reveal()}".encode()
            name, value = "Authorization", f"Basic {base64.b64encode(pair).decode('ascii')}"
        else:
            name, value = "X-Auth-Token", self._token.reveal()
        request.headers[name] = value
        try:
            yield request
        finally:
            request.headers.pop(name, None)


class StoreClient:
    """Requests to one store.

    Args:
        http: The HTTP client, with `StoreAuth`.
        account: Whose store it is.
        gate: The store's gate, shared with all other clients of the store.
        retry: What is tried again.
        clock: Monotonic seconds, to know how long an answer took.
    """

    def __init__(
        self, *, http: httpx.AsyncClient, account: Account, gate: Gate, retry: Retry, clock: Callable[[], float]
    ) -> None:
        self.account = account
        self.gate = gate
        self._http = http
        self._caller = object()
        self._retry = retry
        self._clock = clock

    def v2(self, path: str) -> str:
        """The address of a V2 resource."""
        if self.account.kind is AccountKind.LEGACY:
            return f"{self.account.base}/{path}"
        return f"{self.account.base}/v2/{path}"

    def v3(self, path: str) -> str:
        """The address of a V3 resource. Legacy accounts have none."""
        if self.account.kind is AccountKind.LEGACY:
            raise ConfigurationError(
                "Legacy API accounts can use V2 of the API alone.",
                code="legacy-account",
                remedy="Create a store-level API account, and use its API Path and token.",
                field=API_PATH,
            )
        return f"{self.account.base}/v3/{path}"

    async def get(
        self,
        address: str,
        query: Query | Callable[[], Query] = (),
        *,
        headers: Query = (),
        accept: frozenset[int] = frozenset(),
        policy: RetryPolicy | None = None,
        on_failure: Callable[[TransientError], None] | None = None,
    ) -> Answer:
        """Fetch. A `query` that is a function is asked before each try. Answers with a status in `accept` are returned,
        not raised."""

        async def once() -> Answer:
            parameters = query() if callable(query) else query
            answer = await self._once("GET", address, query=parameters, headers=headers, accept=accept)
            if not answer.content and answer.status not in accept | _WITHOUT_BODY:
                raise _empty(self.account.host, answer)
            return answer

        return await self._retry.run(once, policy=policy, on_failure=on_failure)

    async def send(
        self,
        method: str,
        address: str,
        body: object = None,
        *,
        accept: frozenset[int] = frozenset(),
        policy: RetryPolicy | None = None,
    ) -> Answer:
        """Write JSON, or delete. Answers with a status in `accept` are returned, not raised.

        Raises:
            AmbiguousWriteError: It may have been written.
        """
        content = None if method == "DELETE" else msgspec.json.encode(body)

        async def once() -> Answer:
            # BigCommerce wants stock, catalogue and orders to be written one after the other.
            async with self.gate.writes.turn():
                answer = await self._once(method, address, body=content, accept=accept)
            if answer.content and answer.status not in accept:
                self._must_be_whole(answer)
            return answer

        return await self._retry.run(once, policy=policy)

    async def _once(
        self,
        method: str,
        address: str,
        *,
        query: Query = (),
        headers: Query = (),
        body: bytes | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> Answer:
        sent = [*headers, ("Accept", "application/json")]
        if body is not None:
            sent.append(("Content-Type", "application/json"))
        async with self.gate.turn(self._caller) as turn:
            begun = self._clock()
            try:
                response = await self._http.request(method, _url(address, query), headers=sent, content=body)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                _forget_frames(error)
                raise network_failure(error, host=self.account.host, writing=method != "GET") from error
            turn.answered(response.headers, refused=response.status_code == 429)
        # The stream, read to its end, holds on to the response, which holds the content: megabytes that only the
        # garbage collector would find, whenever it happens to look.
        response.stream = httpx.ByteStream(b"")
        answer = Answer(response.status_code, response.headers, response.content, self._clock() - begun)
        path = urlsplit(address).path
        if answer.status not in accept:
            failure = answer_failure(
                account=self.account,
                method=method,
                path=path,
                status=answer.status,
                headers=answer.headers,
                content=answer.content,
            )
            if failure is not None:
                raise failure
            self._must_be_json(answer, path, writing=method != "GET")
        return answer

    def _must_be_whole(self, answer: Answer) -> None:
        try:
            msgspec.json.decode(answer.content)
        except msgspec.DecodeError as error:
            raise unproven(self.account.host) from error

    def _must_be_json(self, answer: Answer, path: str, *, writing: bool) -> None:
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not answer.content or kind == "application/json" or kind.endswith("+json"):
            return
        if writing:
            # What put the page in the answer's place may have let the request through.
            raise unproven(self.account.host)
        raise ConfigurationError(
            f"The answer did not come from the BigCommerce API (got {kind or 'content without a type'}).",
            code="not-the-api",
            remedy="Check the API Path, and whether a proxy or a sign-in page of the network answers in its place.",
            detail=f"{path} → {answer.status}",
            field=API_PATH,
        )


def log_retry(account: Account) -> Callable[[TransientError, float], None]:
    """For `Retry`: logs what failed and when it is tried again."""

    def on_failure(error: TransientError, wait: float) -> None:
        _log.info("Store %s: %s Trying again in %.1f s. %s", account.name, error.message, wait, error.detail)

    return on_failure


def log_recovery(account: Account) -> Callable[[int], None]:
    """For `Retry`: logs that it works again."""

    def on_recovery(failures: int) -> None:
        _log.info("Store %s answers again, after %d failed tries.", account.name, failures)

    return on_recovery


def _empty(host: str, answer: Answer) -> TransientError:
    return TransientError(
        f"{host} gave an answer without a body.",
        code="answer-not-understood",
        remedy="The agent tries again by itself. If it stays, tell support, with the log.",
        detail=f"status {answer.status}",
    )


def _forget_frames(error: BaseException | None) -> None:
    """Clear the variables of the frames that an error came through: the request on its way to the wire is among them,
    with the token, and a crash report may show variables."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _url(address: str, query: Query) -> str:
    if not query:
        return address
    # Colons stay as they are: some resources do not understand them encoded.
    return f"{address}?" + "&".join(f"{quote(key, safe=':')}={quote(value, safe=':,@')}" for key, value in query)
