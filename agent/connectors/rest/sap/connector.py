"""The connector's front: the form of SAP Business One, before the same reading and writing as of any REST service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx

from agent.connectors.contract import Prepared
from agent.connectors.rest.connector import RestConnection, Service
from agent.connectors.rest.credentials import ALLOW, PRIVATE, REFUSE
from agent.connectors.rest.entered import address_of
from agent.connectors.rest.grants import Keep
from agent.connectors.rest.sap.description import TEXT
from agent.connectors.rest.sap.session import Account, SessionAuth
from agent.connectors.rest.schema import schema_of, schemas_of
from agent.connectors.rest.tokens import MakeHttp, Tokens
from agent.domain.app import App, CredentialField, FieldKind, Schema
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret
from agent.http.factory import READ_SECONDS
from agent.http.retry import RetryPolicy

BASE_URL, COMPANY, USER, PASSWORD = "base_url", "company", "user", "password"
SENDING, TOGETHER, SINGLY = "sending", "Together", "One at a time"
_ROOT: Final = "/b1s/v1"

FIELDS = (
    CredentialField(
        BASE_URL, "Service Layer", example="https://sap.example.com:50000",
        help="The address of SAP's Service Layer; its port is 50000 as a rule.",
    ),
    CredentialField(
        COMPANY, "Company database", example="SBODEMOUS", help="The company's database, as SAP's sign-in names it."
    ),
    CredentialField(USER, "User name", example="manager", help="A user of SAP Business One with a licence for it."),
    CredentialField(PASSWORD, "Password", FieldKind.SECRET, help="Kept in the vault."),
    CredentialField(
        SENDING, "Several records at once", FieldKind.CHOICE, choices=(TOGETHER, SINGLY), default=TOGETHER,
        help="Up to 50 in one $batch. Choose one at a time where SAP or something before it does not let that through.",
    ),
    CredentialField(
        PRIVATE, "Addresses in private networks", FieldKind.CHOICE, choices=(ALLOW, REFUSE), default=ALLOW,
        help="SAP Business One usually runs in your own network: leave it at Allow.",
    ),
)  # fmt: skip

APP = App(
    id="sap-business-one",
    name="SAP Business One",
    version="1",
    description="Business partners, items, stock, orders and deliveries, through the Service Layer.",
    fields=FIELDS,
    schemas=tuple(schemas_of(TEXT).values()),
)


class SapConnector:
    """SAP Business One.

    Args:
        policy: How often and how long what fails for the moment is tried again.
        read_seconds: How long to wait for an answer.
    """

    app: App = APP

    def __init__(self, policy: RetryPolicy | None = None, read_seconds: float = READ_SECONDS) -> None:
        self._policy, self._read_seconds = policy or RetryPolicy(), read_seconds
        self._sessions = Tokens()

    def prepare(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
        """Tidy what people paste; called again on its own result.

        Raises:
            ConfigurationError: `field` says which value cannot be right.
        """
        base = address_of(values.get(BASE_URL, "").strip(), BASE_URL, "Service Layer")
        if not base.endswith(("/b1s/v1", "/b1s/v2")):
            base = f"{base.removesuffix('/b1s')}{_ROOT}"
        if base.endswith("/b1s/v2"):
            raise ConfigurationError(
                "This is version 2 of the Service Layer.", code="field-format",
                remedy="Use version 1: every server that has 2 has it too.", field=BASE_URL,
            )  # fmt: skip
        prepared = {BASE_URL: base}
        for name, one, other in ((PRIVATE, ALLOW, REFUSE), (SENDING, TOGETHER, SINGLY)):
            prepared[name] = values.get(name, "").strip() or one
            if prepared[name] not in {one, other}:
                raise ConfigurationError(
                    "There is no such choice.", code="field-choice", remedy=f"Choose {one} or {other}.", field=name
                )
        for name, label in ((COMPANY, "Company database"), (USER, "User name")):
            prepared[name] = values.get(name, "").strip()
            if not prepared[name]:
                raise ConfigurationError(f"{label} is missing.", code="field-empty", remedy="Enter it.", field=name)
        password = secrets.get(PASSWORD, Secret(""))
        if not password:
            raise ConfigurationError("Password is missing.", code="field-empty", remedy="Enter it.", field=PASSWORD)
        return Prepared(prepared, {PASSWORD: password})

    def schema(self, name: str, values: Mapping[str, str] | None) -> Schema | None:
        """Every company offers the same."""
        return schema_of(name, TEXT)

    def open(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> RestConnection:
        """A connection for prepared values."""
        account = Account(
            base=values[BASE_URL], company=values[COMPANY], user=values[USER], password=secrets[PASSWORD],
            password_field=PASSWORD, base_field=BASE_URL,
        )  # fmt: skip

        def sign_in(http: MakeHttp, _keep: Keep) -> httpx.Auth:
            return SessionAuth(account, self._sessions, http)

        service = Service(
            values[BASE_URL],
            TEXT,
            values.get(PRIVATE) == ALLOW,
            sign_in,
            PASSWORD,
            together=values.get(SENDING) != SINGLY,
        )
        return RestConnection(service, self._policy, self._read_seconds)
