"""Signs requests in, in each of the ways that a service may want, and takes the secret off them again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass, field

import httpx
from oauthlib.oauth2 import BackendApplicationClient

from agent.connectors.rest.credentials import (
    CLIENT_ID,
    CLIENT_SECRET,
    HEADER,
    KEY,
    KEY_NAME,
    KEY_PLACE,
    PASSWORD,
    PERSON_SECRET,
    REFRESH_TOKEN,
    SCOPE,
    TOKEN,
    TOKEN_URL,
    USERNAME,
    Authentication,
    authentication_of,
)
from agent.connectors.rest.grants import SIGN_IN_AGAIN, Grants, Keep, RefreshAuth
from agent.connectors.rest.headers import HeaderAuth, QueryAuth
from agent.connectors.rest.signatures import SignatureAuth
from agent.connectors.rest.tokens import BEFORE_IT_EXPIRES_SECONDS, MakeHttp, Tokens, TokenServer, basic
from agent.domain.secret import Secret

_AUTHORIZATION = "Authorization"


@dataclass(frozen=True, slots=True)
class SignIns:
    """What connections of one connector share: tokens that were given, and sign-ins of people."""

    tokens: Tokens = field(default_factory=Tokens)
    grants: Grants = field(default_factory=Grants)


class ClientCredentialsAuth(httpx.Auth):
    """OAuth 2.0 with client credentials (RFC 6749, 4.4): fetches a token where there is none, and a new one where the
    service refuses it.

    Args:
        server: Gives tokens.
        tokens: Tokens that are known.
    """

    def __init__(self, server: TokenServer, tokens: Tokens) -> None:
        self._server, self._tokens = server, tokens
        values, secret = server.values, server.secret or Secret("")
        # The secret is in the key by its form in memory alone: who has changed it gets a token of his own.
        self._key = (values[TOKEN_URL], values[CLIENT_ID], values.get(SCOPE, ""), str(hash(secret.reveal())))

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Not used: connections are asynchronous."""
        raise NotImplementedError

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """httpx calls this around each request."""
        try:
            token = self._tokens.get(self._key)
            known = token is not None
            token = token or await self._fetched()
            request.headers[_AUTHORIZATION] = f"Bearer {token.reveal()}"
            response = yield request
            if response.status_code == 401:
                self._tokens.drop(self._key, token)
                if known:
                    token = await self._fetched()
                    request.headers[_AUTHORIZATION] = f"Bearer {token.reveal()}"
                    yield request
        finally:
            request.headers.pop(_AUTHORIZATION, None)

    async def _fetched(self) -> Secret:
        values = self._server.values
        client = BackendApplicationClient(values[CLIENT_ID])

        def body(include: bool, secret: str | None) -> str:
            # Not the client's own scope: a service may give less, which is no mistake of its answer.
            scope = values.get(SCOPE) or None
            return str(client.prepare_request_body(scope=scope, include_client_id=include, client_secret=secret))

        answer = await self._server.ask(client, body)
        if answer.seconds > BEFORE_IT_EXPIRES_SECONDS:
            self._tokens.keep(self._key, answer.access, answer.seconds)
        return answer.access


def signed_in(
    values: Mapping[str, str], secrets: Mapping[str, Secret], known: SignIns, http: MakeHttp, keep: Keep
) -> httpx.Auth | None:
    """What signs requests of this configuration in.

    Args:
        values: The plain fields.
        secrets: The secrets.
        known: What is known already.
        http: Makes a client that signs in with nothing.
        keep: Keeps a new refresh token.
    """
    match authentication_of(values):
        case Authentication.BASIC:
            return basic(values[USERNAME], secrets[PASSWORD])
        case Authentication.KEY if values[KEY_PLACE] == HEADER:
            return HeaderAuth(values[KEY_NAME], secrets[KEY])
        case Authentication.KEY:
            return QueryAuth(values[KEY_NAME], secrets[KEY])
        case Authentication.BEARER:
            return HeaderAuth(_AUTHORIZATION, Secret(f"Bearer {secrets[TOKEN].reveal()}"))
        case Authentication.OAUTH2:
            remedy = "Enter client ID, client secret and scope again."
            server = TokenServer(values, secrets[CLIENT_SECRET], http, CLIENT_SECRET, remedy)
            return ClientCredentialsAuth(server, known.tokens)
        case Authentication.OAUTH1:
            return SignatureAuth(values, secrets)
        case Authentication.PERSON:
            return RefreshAuth(token_server(values, secrets, http), secrets.get(REFRESH_TOKEN), known.grants, keep)
    return None


def token_server(values: Mapping[str, str], secrets: Mapping[str, Secret], http: MakeHttp) -> TokenServer:
    """What gives tokens for a person's sign-in."""
    return TokenServer(values, secrets.get(PERSON_SECRET), http, REFRESH_TOKEN, SIGN_IN_AGAIN)
