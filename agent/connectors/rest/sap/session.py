"""Signs in at the Service Layer: a session that all connections with the same credentials share, as SAP counts them,
and that is opened anew when it has expired."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass

import httpx

from agent.connectors.rest.tokens import Tokens
from agent.domain.errors import ConfigurationError, CredentialsError
from agent.domain.secret import Secret
from agent.http.failures import made_error, network_failure, status_failure

_USUAL_MINUTES = 30.0
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs in, where. `base` is the address of the Service Layer; the fields are those of the form at fault."""

    base: str
    company: str
    user: str
    password: Secret
    password_field: str
    base_field: str


class SessionAuth(httpx.Auth):
    """Puts the session's cookies on a request, and takes them off again.

    Args:
        account: Who signs in.
        sessions: Those that are known, by whom they are for.
        http: Makes a client that signs in with nothing.
    """

    def __init__(self, account: Account, sessions: Tokens, http: Callable[[], httpx.AsyncClient]) -> None:
        self._account, self._sessions, self._http = account, sessions, http
        # The password is in the key by its form in memory alone: who has changed it gets a session of his own.
        self._key = (account.base, account.company, account.user, str(hash(account.password.reveal())))

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Not used: connections are asynchronous."""
        raise NotImplementedError

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """httpx calls this around each request."""
        try:
            session = self._sessions.get(self._key)
            known = session is not None
            session = session or await self._opened()
            request.headers["Cookie"] = session.reveal()
            response = yield request
            if response.status_code == 401:
                self._sessions.drop(self._key, session)
                if known:
                    session = await self._opened()
                    request.headers["Cookie"] = session.reveal()
                    yield request
        finally:
            request.headers.pop("Cookie", None)

    async def _opened(self) -> Secret:
        account = self._account
        host = httpx.URL(account.base).host
        body = {"CompanyDB": account.company, "UserName": account.user, "Password": account.password.reveal()}
        async with self._http() as http:
            try:
                response = await http.post(f"{account.base}/Login", json=body)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failure = network_failure(error, host=host, writing=False)
                raise failure from None  # the request that it came from holds the password
        if response.status_code in {400, 401, 403}:
            raise CredentialsError(
                f"{host} does not let {account.user} into the company {account.company}{_reason(response)}.",
                code="credentials-rejected", remedy="Enter company database, user name and password again.",
                detail=f"{host} → {response.status_code}", field=account.password_field,
            )  # fmt: skip
        line = status_failure(response.status_code)
        if line is not None:
            reason = f"status {response.status_code}"
            raise made_error(line, host=host, writing=False, reason=reason, field=account.base_field)
        cookies = {one.name: one.value or "" for one in response.cookies.jar if one.name in {"B1SESSION", "ROUTEID"}}
        if "B1SESSION" not in cookies:
            raise ConfigurationError(
                f"What {host} answers is not SAP's Service Layer.", code="not-the-api",
                remedy="Check the address: it ends in /b1s/v1 and usually has the port 50000.",
                field=account.base_field,
            )  # fmt: skip
        session = Secret("; ".join(f"{name}={value}" for name, value in cookies.items()))
        self._sessions.keep(self._key, session, 60 * _minutes(response))
        return session


def _minutes(response: httpx.Response) -> float:
    try:
        return float(response.json()["SessionTimeout"])
    except (ValueError, KeyError, TypeError):
        return _USUAL_MINUTES


def _reason(response: httpx.Response) -> str:
    """What SAP says, which names no secret."""
    try:
        said = str(response.json()["error"]["message"]["value"]).strip()[:_LONGEST_REASON].rstrip(".")
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({said})" if said else ""
