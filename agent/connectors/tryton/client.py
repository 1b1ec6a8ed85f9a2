"""Calls Tryton's methods: signs in, renews the session when it has ended, tries again what failed for the moment.

A call is a POST of a method's name and its parameters to the address of the database. A session that has ended is
answered with 401 before anything is done, so that the call can be repeated, a write as well.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx

from agent.connectors.tryton.credentials import ADDRESS, DATABASE, USERNAME
from agent.connectors.tryton.failures import answer_failure, nonsense, rejected, rpc_failure
from agent.connectors.tryton.wire import decode, encode
from agent.domain.secret import Secret
from agent.http.failures import network_failure
from agent.http.retry import Retry

_UNAUTHORIZED: Final = 401
_CONTEXT_NAMES: Final = ("company", "employee", "language")
"""What of a user's preferences Tryton wants with each call."""


@dataclass(frozen=True, slots=True)
class _Session:
    """A session: what signs its calls, and what goes with each of them."""

    token: Secret
    user_id: int


class _SessionAuth(httpx.Auth):
    """Adds the session to a request, and takes it off again, so that no failed request carries it about."""

    def __init__(self, session: _Session) -> None:
        self._session = session

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Session {self._session.token.reveal()}"
        try:
            yield request
        finally:
            request.headers.pop("Authorization", None)


class Client:
    """Calls to one database of one Tryton.

    Args:
        http: The HTTP client for calls.
        unwatched: One that tells nobody what it sends: the password is in what is sent to sign in.
        values: Prepared values.
        password: The user's password.
        retry: What is tried again.
    """

    def __init__(
        self,
        *,
        http: httpx.AsyncClient,
        unwatched: httpx.AsyncClient,
        values: Mapping[str, str],
        password: Secret,
        retry: Retry,
    ) -> None:
        self._http, self._unwatched, self._retry = http, unwatched, retry
        self._root = f"{values[ADDRESS]}/"
        self._url = f"{values[ADDRESS]}/{quote(values[DATABASE], safe='')}/"
        self._username, self._password = values[USERNAME], password
        self._session: _Session | None = None
        self._context: dict[str, Any] | None = None
        self._fields: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}
        self._signing_in = asyncio.Lock()
        self.host = httpx.URL(values[ADDRESS]).host

    async def version(self) -> str:
        """The version of the server, which it tells anybody."""

        async def once() -> Any:
            return await self._answered(self._http, self._root, "common.server.version", [], None, writing=False)

        said = await self._retry.run(once)
        if not isinstance(said, str):
            raise nonsense(host=self.host, writing=False)
        return said

    async def context(self) -> Mapping[str, Any]:
        """What goes with each call: the user's company, employee and language."""
        if self._context is None:
            said = await self._called("model.res.user.get_preferences", [True, {}], writing=False)
            if not isinstance(said, dict):
                raise nonsense(host=self.host, writing=False)
            self._context = {name: said[name] for name in _CONTEXT_NAMES if said.get(name) is not None}
        return self._context

    async def user_id(self) -> int:
        """The id of the user who is signed in."""

        async def once() -> int:
            return (await self._signed_in(None)).user_id

        return await self._retry.run(once)

    async def call(
        self,
        method: str,
        *parameters: object,
        writing: bool = False,
        context: Mapping[str, object] | None = None,
        unchanged: Mapping[str, str] | None = None,
    ) -> Any:
        """What a method of a model gives.

        Args:
            method: Such as `party.party.create`.
            parameters: What it takes, without the context.
            writing: Whether it changes something. It is then never repeated after it may have been done.
            context: What goes along besides the user's own.
            unchanged: Records that have to be as they were, such as `party.party,5`, with the `_timestamp` that they
                were read with. Tryton looks at those that the method changes.

        Raises:
            RefusedError: Tryton says to a person why not. Nothing was done.
            ChangedMeanwhileError: One of `unchanged` is not as it was. Nothing was done.
            AmbiguousWriteError: It may have been done.
        """
        stamps = {"_timestamp": dict(unchanged)} if unchanged else {}
        together = {**await self.context(), **(context or {}), **stamps}
        return await self._called(f"model.{method}", [*parameters, together], writing=writing)

    async def search_read(
        self,
        model: str,
        domain: Sequence[object],
        names: Sequence[str],
        *,
        most: int | None = None,
        order: Sequence[Sequence[str]] | None = None,
        context: Mapping[str, object] | None = None,
    ) -> list[dict[str, Any]]:
        """The records of a model that a domain selects, with these fields; `id` is always among them."""
        said = await self.call(f"{model}.search_read", list(domain), 0, most, order, ["id", *names], context=context)
        if not isinstance(said, list) or not all(isinstance(one, dict) and "id" in one for one in said):
            raise nonsense(host=self.host, writing=False)
        return said

    async def fields(self, model: str, names: Sequence[str]) -> frozenset[str]:
        """Those of the fields that a model has: by version and modules there are more or fewer.

        Raises:
            ConfigurationError: There is no such model.
        """
        key = (model, tuple(names))
        if key not in self._fields:
            said = await self.call(f"{model}.fields_get", list(names))
            if not isinstance(said, dict):
                raise nonsense(host=self.host, writing=False)
            self._fields[key] = frozenset(said)
        return self._fields[key]

    async def _called(self, method: str, parameters: Sequence[object], *, writing: bool) -> Any:
        async def once() -> Any:
            session = await self._signed_in(None)
            said = await self._answered(self._http, self._url, method, parameters, session, writing=writing)
            if said is _ENDED:
                session = await self._signed_in(session)
                said = await self._answered(self._http, self._url, method, parameters, session, writing=writing)
            if said is _ENDED:
                raise rejected(self.host)
            return said

        return await self._retry.run(once)

    async def _signed_in(self, ended: _Session | None) -> _Session:
        """A session other than the one that has ended; calls that find out at the same time sign in once."""
        async with self._signing_in:
            if self._session is None or self._session is ended:
                self._session = None
                self._session = await self._sign_in()
            return self._session

    async def _sign_in(self) -> _Session:
        parameters = [self._username, {"password": self._password.reveal()}]
        said = await self._answered(self._unwatched, self._url, "common.db.login", parameters, None, writing=False)
        if said is _ENDED:
            raise rejected(self.host)
        if not isinstance(said, list) or len(said) < 2 or not isinstance(said[0], int) or not isinstance(said[1], str):
            raise nonsense(host=self.host, writing=False)
        token = base64.b64encode(f"{self._username}:{said[0]}:{said[1]}".encode()).decode()
        return _Session(Secret(token), said[0])

    async def sign_out(self) -> None:
        """End the session, so that Tryton does not keep it. Nothing depends on it."""
        session, self._session = self._session, None
        if session is not None:
            await self._answered(self._unwatched, self._url, "common.db.logout", [], session, writing=False)

    async def _answered(
        self,
        http: httpx.AsyncClient,
        url: str,
        method: str,
        parameters: Sequence[object],
        session: _Session | None,
        *,
        writing: bool,
    ) -> Any:
        """The result of one request; `_ENDED` where Tryton does not know the session."""
        try:
            response = await http.post(
                url,
                content=encode({"id": 0, "method": method, "params": list(parameters)}),
                headers={"Accept": "application/json", "Content-Type": "application/json"},
                auth=_SessionAuth(session) if session is not None else httpx.USE_CLIENT_DEFAULT,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Nothing that holds the request goes along: the one that signs in has the password.
            failure = network_failure(error, host=self.host, writing=writing)
        else:
            if response.status_code == _UNAUTHORIZED:
                return _ENDED
            refused = answer_failure(
                host=self.host, status=response.status_code, headers=response.headers, writing=writing
            )
            if refused is not None:
                raise refused
            checked = bool(parameters) and isinstance(parameters[-1], dict) and "_timestamp" in parameters[-1]
            return self._result(response.content, method, writing=writing, checked=checked)
        raise failure

    def _result(self, content: bytes, method: str, *, writing: bool, checked: bool) -> Any:
        try:
            said = decode(content)
        except ValueError as error:
            raise nonsense(host=self.host, writing=writing) from error
        if not isinstance(said, dict) or not {"result", "error"} & set(said):
            raise nonsense(host=self.host, writing=writing)
        if said.get("error") is not None:
            raise rpc_failure(said["error"], host=self.host, method=method, writing=writing, checked=checked)
        return said.get("result")


class _Ended:
    """Stands for the answer that there is no such session."""


_ENDED: Final = _Ended()
