"""The connector's front: what the engine and the service see of a REST service. The work is done by its neighbours."""

from __future__ import annotations

import asyncio
import logging
import random
import urllib.request
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx
import msgspec

from agent.connectors.contract import (
    CheckReport,
    KeepSecrets,
    LookUp,
    Prepared,
    Present,
    ReadRequest,
    Seal,
    WriteTarget,
)
from agent.connectors.rest.bundles import Bundles
from agent.connectors.rest.check import check
from agent.connectors.rest.client import Client
from agent.connectors.rest.credentials import (
    ALLOW,
    BASE_URL,
    PRIVATE,
    REFRESH_TOKEN,
    Authentication,
    authentication_of,
    secret_field,
)
from agent.connectors.rest.description import DESCRIPTION, Reading, SchemaPart, Writing, parse
from agent.connectors.rest.entered import prepare
from agent.connectors.rest.grants import Keep, renewed
from agent.connectors.rest.headers import QueryAuth
from agent.connectors.rest.reading import Reader
from agent.connectors.rest.schema import APP, schema_of, schemas_of, template
from agent.connectors.rest.sign_in import sign_in
from agent.connectors.rest.signing import SignIns, signed_in, token_server
from agent.connectors.rest.tokens import MakeHttp
from agent.connectors.rest.writing import Writer, unknown_action
from agent.domain.app import App, Schema
from agent.domain.errors import CredentialsError, TransientError
from agent.domain.packet import Batch, Packet, WriteReport
from agent.domain.secret import Secret
from agent.domain.sent import Observer
from agent.http.factory import READ_SECONDS, http_client, is_loopback
from agent.http.guarded import GuardedBackend
from agent.http.retry import Retry, RetryPolicy

_log = logging.getLogger(__name__)
_RECORDS_READ, _RECORDS_WRITTEN = 250, 50


class RestConnector:
    """Any REST service.

    Args:
        policy: How often and how long what fails for the moment is tried again.
        read_seconds: How long to wait for an answer.
    """

    app: App = APP

    def __init__(self, policy: RetryPolicy | None = None, read_seconds: float = READ_SECONDS) -> None:
        self._policy, self._read_seconds = policy or RetryPolicy(), read_seconds
        self._known = SignIns()

    def prepare(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
        """Tidy what people paste."""
        return prepare(values, secrets)

    def schema(self, name: str, values: Mapping[str, str] | None) -> Schema | None:
        """The schema as the service description has it."""
        return template(name) if values is None else schema_of(name, values.get(DESCRIPTION, ""))

    def open(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> RestConnection:
        """A connection for prepared values."""
        service = Service(
            base=values[BASE_URL],
            text=values[DESCRIPTION],
            private=values.get(PRIVATE) == ALLOW,
            sign_in=lambda http, keep: signed_in(values, secrets, self._known, http, keep),
            secret_field=secret_field(authentication_of(values)),
        )
        return RestConnection(service, self._policy, self._read_seconds)

    async def signed_in(
        self, values: Mapping[str, str], secrets: Mapping[str, Secret], ask: Callable[[str], None], keep: KeepSecrets
    ) -> Mapping[str, Secret]:
        """Have a person sign in, where that is how the service wants it and nobody has."""
        if authentication_of(values) is not Authentication.PERSON:
            return secrets
        server = token_server(values, secrets, self.open(values, secrets).plain_client)
        given = secrets.get(REFRESH_TOKEN)
        if given:
            grant = self._known.grants.of(server, given)
            with suppress(CredentialsError):
                await renewed(server, self._known.grants, grant, grant.access, _as_field(keep))
                return {**secrets, REFRESH_TOKEN: grant.refresh}
        answer = await sign_in(server, ask)
        assert answer.refresh is not None, "a sign-in without one is an error"
        self._known.grants.take(server, self._known.grants.of(server, answer.refresh), answer)
        return {**secrets, REFRESH_TOKEN: answer.refresh}


SignIn = Callable[[MakeHttp, Keep], httpx.Auth | None]
"""What signs requests in, given what makes a client that signs in with nothing, and what keeps a new refresh token."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service as a configuration has it.

    Args:
        base: The base URL.
        text: Its description.
        private: Whether it may lie in a private network.
        sign_in: What signs in.
        secret_field: The field of the form at fault where the credentials are refused.
        together: Whether requests go together where the description says how.
    """

    base: str
    text: str
    private: bool
    sign_in: SignIn
    secret_field: str
    together: bool = True


class RestConnection:
    """A connection to one service."""

    keeps_receipts = False

    def __init__(self, service: Service, policy: RetryPolicy, read_seconds: float) -> None:
        self._service, self._policy, self._read_seconds = service, policy, read_seconds
        self._description = parse(service.text)
        self._observer: Observer | None = None
        self._keep: KeepSecrets | None = None
        self._http: httpx.AsyncClient | None = None
        self._key_parameter = ""

    def __repr__(self) -> str:
        return f"<RestConnection {self._service.base}>"

    def tell(self, observer: Observer) -> None:
        """Tell of every request, from now on."""
        self._observer = observer

    def renew(self, keep: KeepSecrets) -> None:
        """Have new refresh tokens kept, from now on."""
        self._keep = keep

    async def __aenter__(self) -> Self:
        auth = self._service.sign_in(self.plain_client, _as_field(self._keep))
        self._http = self._made(auth, self._observer)
        self._key_parameter = auth.name if isinstance(auth, QueryAuth) else ""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def check(self, progress: Callable[[str], None]) -> CheckReport:
        """Prove the credentials."""
        client = self._client()
        try:
            return await check(client, self._description, self._service.base, progress)
        except msgspec.MsgspecError:
            raise client.nonsense() from None

    async def schemas(self) -> Sequence[Schema]:
        """What the description has."""
        return list(schemas_of(self._service.text).values())

    async def read(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """Read with an action of the description."""
        schema, action = self._found(request.schema, request.action)
        if not isinstance(action, Reading):
            raise unknown_action(request.schema, f"{request.action} that reads", self._known(Reading))
        stream = Reader(self._client(), schema, action, now=datetime.now(UTC)).packets(request)
        try:
            async for packet in stream:
                yield packet
        finally:
            await stream.aclose()

    def packet_records(self, schema: str, action: str) -> int:
        """How many records go together."""
        part = self._description.schemas.get(schema)
        found = part.actions.get(action) if part is not None else None
        return max(_RECORDS_WRITTEN, found.together) if isinstance(found, Writing) else _RECORDS_READ

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        """Write with an action of the description."""
        return await self._writer(target).write(batch)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find out what of an unanswered write is there."""
        return await self._writer(target).look_up(batch)

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Find out what there is now."""
        return await self._writer(target).present(batch)

    async def receipt(self, target: WriteTarget) -> bytes | None:
        """There are none."""
        return None

    def _writer(self, target: WriteTarget) -> Writer:
        schema, action = self._found(target.schema, target.action)
        if not isinstance(action, Writing):
            raise unknown_action(target.schema, f"{target.action} that writes", self._known(Writing))
        client, bundle = self._client(), self._description.odata_batch if self._service.together else None
        bundles = Bundles(client, bundle, self._description.headers) if bundle is not None else None
        return Writer(client, schema, action, bundles)

    def _found(self, schema: str, action: str) -> tuple[SchemaPart, Reading | Writing | None]:
        part = self._description.schemas.get(schema)
        if part is None:
            raise unknown_action(schema, action, self._known(Reading) + self._known(Writing))
        name = next((one for one in part.actions if one.casefold() == action.casefold()), "")
        return part, part.actions.get(name)

    def _known(self, kind: type[Reading | Writing]) -> list[str]:
        return [
            f"{name} {one}"
            for name, part in self._description.schemas.items()
            for one, action in part.actions.items()
            if isinstance(action, kind)
        ]

    def _client(self) -> Client:
        if self._http is None:
            raise RuntimeError("The connection has not been entered.")
        retry = Retry(policy=self._policy, sleep=asyncio.sleep, random=random.random, on_failure=_log_retry)
        return Client(
            http=self._http, base=self._service.base, headers=self._description.headers,
            secret_field=self._service.secret_field, retry=retry, key_parameter=self._key_parameter,
            speaks_xml=self._description.format == "xml",
        )  # fmt: skip

    def plain_client(self) -> httpx.AsyncClient:
        """A client that signs in with nothing, under the same rules."""
        return self._made(None, None)

    def _made(self, auth: httpx.Auth | None, observer: Observer | None) -> httpx.AsyncClient:
        host = httpx.URL(self._service.base).host
        allowed = self._service.private or _through_proxy(self._service.base)
        return http_client(
            loopback=is_loopback(host),
            read_seconds=self._read_seconds,
            auth=auth,
            observer=observer,
            guard=None if allowed else GuardedBackend(PRIVATE),
            inside=auth.inside if isinstance(auth, QueryAuth) else None,
        )


def _as_field(keep: KeepSecrets | None) -> Keep:
    """What keeps a refresh token, where somebody keeps secrets."""

    def kept(new: Secret, old: Secret) -> None:
        if keep is not None:
            keep({REFRESH_TOKEN: new}, {REFRESH_TOKEN: old})

    return kept


def _through_proxy(address: str) -> bool:
    """Whether a proxy of this computer resolves the name, so that nobody here can look at its addresses."""
    url = httpx.URL(address)
    return url.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(url.host)


def _log_retry(error: TransientError, wait: float) -> None:
    _log.info("%s Trying again in %.1f s. %s", error.message, wait, error.detail)
