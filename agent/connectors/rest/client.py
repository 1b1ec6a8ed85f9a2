"""Sends single requests below the base URL: signs them in, tries again what failed for the moment, and turns failures
into our errors. No redirect is followed, and no answer may be larger than a bound."""

from __future__ import annotations

import traceback
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_plus, urljoin, urlsplit, urlunsplit

import httpx

from agent.connectors.rest.credentials import BASE_URL
from agent.connectors.rest.xml_bodies import json_of
from agent.domain.errors import AgentError, AmbiguousWriteError, ConfigurationError, FatalError
from agent.http.failures import made_error, network_failure, status_failure
from agent.http.retry import Retry

MOST_BYTES = 100_000_000
"""No answer may be larger: it is held in memory."""

RECORD_STATUSES = frozenset({400, 404, 409, 410, 412, 413, 415, 422})
"""The statuses with which a service says something of the record that it was sent."""

NOT_THERE = frozenset({404, 410})
"""The statuses with which a service says that something is not there."""

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no failure, or one about a record."""

    status: int
    headers: httpx.Headers
    content: bytes
    """JSON text, also where the service speaks XML."""
    was_xml: bool = False

    @property
    def date(self) -> datetime | None:
        """The time at the service, by its header `Date`."""
        return _date(self.headers.get("Date", ""))


class Client:
    """Requests to one service.

    Args:
        http: The HTTP client, with what signs in.
        base: The base URL.
        headers: Sent with every request.
        secret_field: The field of the form at fault where the credentials are refused.
        retry: What is tried again.
        key_parameter: The query parameter that a key is sent in, empty where it is in none.
        speaks_xml: Whether the service sends and takes XML, not JSON.
    """

    def __init__(
        self,
        *,
        http: httpx.AsyncClient,
        base: str,
        headers: Mapping[str, str],
        secret_field: str,
        retry: Retry,
        key_parameter: str = "",
        speaks_xml: bool = False,
    ) -> None:
        self._http, self._base, self._headers, self._retry = http, base, headers, retry
        self._secret_field, self._key_parameter = secret_field, key_parameter
        self.host, self.speaks_xml = httpx.URL(base).host, speaks_xml

    def address(self, path: str) -> str:
        """The address of a path below the base URL."""
        return f"{self._base}{path}"

    def following(self, address: str, named: str) -> str:
        """The address that an answer names as the next page's: the whole of it, or what differs from `address`.

        A key that the service repeats in it is left out: it is added on the wire alone.

        Raises:
            ConfigurationError: it leads to another server, where the credentials do not belong.
        """
        found = urljoin(address, named)
        if _origin(found) != _origin(self._base):
            raise ConfigurationError(
                f"{self.host} names a next page on another server ({urlsplit(found).hostname or 'none'}).",
                code="another-server",
                remedy="Check the base URL: it has to begin as the service's own addresses do.",
                field=BASE_URL,
            )
        return without_parameter(found, self._key_parameter) if self._key_parameter else found

    async def get(
        self,
        address: str,
        query: Query = (),
        *,
        headers: Mapping[str, str] | None = None,
        missing: Container[int] = (),
    ) -> Answer | None:
        """Fetch; None where the status is one of `missing`."""

        async def once() -> Answer | None:
            answer = await self._once("GET", address, query, headers, None, writing=False)
            if answer.status in missing:
                return None
            self.raise_failure(answer, writing=False)
            return answer

        return await self._retry.run(once)

    async def send(
        self, method: str, path: str, query: Query, body: bytes | None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Write. An answer about the record is returned, not raised.

        Raises:
            AmbiguousWriteError: it may have been written; it is never repeated here.
        """

        async def once() -> Answer:
            answer = await self._once(method, self.address(path), query, headers, body)
            if answer.status not in RECORD_STATUSES:
                self.raise_failure(answer, writing=True)
            return answer

        return await self._retry.run(once)

    async def ask(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a POST that only reads, so that it is tried again. An answer about what was sent is returned."""

        async def once() -> Answer:
            answer = await self._once("POST", self.address(path), (), headers, body, writing=False)
            if answer.status not in RECORD_STATUSES:
                self.raise_failure(answer, writing=False)
            return answer

        return await self._retry.run(once)

    def target(self, path: str, query: Query) -> str:
        """The address of a path below the base URL without the server."""
        return _with(self.address(path), query).raw_path.decode("ascii")

    def nonsense(self, *, writing: bool = False) -> AgentError:
        """The error for an answer that is not what the description says."""
        if writing:
            return AmbiguousWriteError(
                f"{self.host} gave an answer to a write that makes no sense.",
                code="not-the-api",
                remedy="The agent finds out whether it was written, and goes on by itself.",
            )
        return ConfigurationError(
            f"What {self.host} answers is not what the service description says.",
            code="not-the-api",
            remedy="Check the base URL and the description, and whether a sign-in page answers in the service's place.",
            field=BASE_URL,
        )

    async def _once(
        self,
        method: str,
        address: str,
        query: Query,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        *,
        writing: bool = True,
    ) -> Answer:
        media_type = "application/xml" if self.speaks_xml else "application/json"
        sent = {"Accept": media_type, **self._headers, **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", media_type)
        try:
            request = self._http.build_request(method, _with(address, query), headers=sent, content=body)
            response = await self._http.send(request, stream=True)
            try:
                content = await self._read(response, writing=writing)
            finally:
                await response.aclose()
        except (UnicodeEncodeError, httpx.LocalProtocolError) as error:
            raise ConfigurationError(
                "A header of a request holds signs that no header can have.", code="header-signs",
                remedy="Use letters of the English alphabet, digits and signs alone, without a blank at the end.",
                field=None,
            ) from error  # fmt: skip
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _forget_frames(error)
            raise network_failure(error, host=self.host, writing=writing) from error
        if not self.speaks_xml or not content.strip():
            return Answer(response.status_code, response.headers, content)
        try:
            return Answer(response.status_code, response.headers, json_of(content), was_xml=True)
        except ValueError:
            if response.is_success:
                raise self.nonsense(writing=writing) from None
            return Answer(response.status_code, response.headers, content)  # a failure, told in some other form

    async def _read(self, response: httpx.Response, *, writing: bool) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > MOST_BYTES:
                kind = AmbiguousWriteError if writing else FatalError
                raise kind(
                    f"An answer of {self.host} is larger than {MOST_BYTES // 1_000_000} MB.", code="answer-too-large",
                    remedy="Describe how the service gives its records in pages.",
                )  # fmt: skip
            pieces.append(piece)
        return b"".join(pieces)

    def raise_failure(self, answer: Answer, *, writing: bool) -> None:
        """Raise the error that an answer stands for, where it is none of success."""
        line = status_failure(answer.status)
        if line is None:
            return
        field = self._secret_field if answer.status == 401 else BASE_URL if answer.status in {404, 410} else None
        raise made_error(
            line, host=self.host, writing=writing, reason=f"status {answer.status}",
            detail=f"{self.host} → {answer.status}", field=field,
            retry_after_seconds=retry_after(answer.headers, datetime.now(UTC)),
        )  # fmt: skip


def without_parameter(address: str, name: str) -> str:
    """An address without a parameter of its query; the rest stays as it is written."""
    parts = urlsplit(address)
    kept = [one for one in parts.query.split("&") if unquote_plus(one.partition("=")[0]) != name]
    return urlunsplit(parts._replace(query="&".join(kept)))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds of `Retry-After` (RFC 9110, 10.2.3): a number, or a moment."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return float(text)
    until = _date(text)
    return None if until is None else max((until - now).total_seconds(), 0.0)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _with(address: str, query: Query) -> httpx.URL:
    """The address with more in its query; what a service put there itself stays."""
    url = httpx.URL(address)
    for name, value in query:
        url = url.copy_add_param(name, value)
    return url


def _origin(address: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return ("", "", None)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or ""), port or default


def _forget_frames(error: BaseException | None) -> None:
    """Clear the variables of the frames that an error came through: the signed request is among them."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
