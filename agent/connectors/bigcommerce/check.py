"""Validates credentials: whose store they open, what the token may do, and what the operator should know about it.

Only reads, except for updates of nothing at all, which show whether the token may write and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from agent.connectors.bigcommerce.abilities import abilities_of, found_out
from agent.connectors.bigcommerce.client import Answer, StoreClient
from agent.connectors.bigcommerce.credentials import API_PATH, GATEWAY_HOST, AccountKind
from agent.connectors.bigcommerce.records import decoded
from agent.connectors.contract import CheckReport
from agent.domain.errors import AgentError, ConfigurationError, CredentialsError, TransientError
from agent.http.retry import ONCE

_MOST_CLOCK_MINUTES = 5
_Result = TypeVar("_Result")


_INFORMATION = "Information & Settings: read-only"


class _TimeZone(msgspec.Struct, frozen=True):
    name: str = ""


class _Store(msgspec.Struct, frozen=True):
    id: str | int = ""
    name: str = ""
    secure_url: str | None = ""
    domain: str | None = ""
    plan_name: str | None = ""
    status: str | None = ""
    currency: str | None = ""
    timezone: _TimeZone | None = None


_STORE = msgspec.json.Decoder(_Store)


async def check(
    client: StoreClient, *, clock: Callable[[], datetime], progress: Callable[[str], None], gateway: StoreClient | None
) -> CheckReport:
    """Prove the credentials.

    Args:
        client: The store.
        clock: This computer's time.
        progress: Gets short sentences for people.
        gateway: Where a legacy shop's token is tried as an ordinary one after it was rejected, or None.
    """
    progress(f"Contacting {client.account.host} …")
    informed = await _time(client, gateway)
    facts: list[tuple[str, str]] = []
    warnings: list[str] = []
    if informed is None:
        warnings.append(_lacking(_INFORMATION))
    else:
        progress("Reading the store's profile …")
        answer = await client.get(client.v2("store"), policy=ONCE)
        facts, warnings = _profile(client, decoded(_STORE, answer.content))
        warnings += _clock_difference(answer.server_time or informed.server_time, clock())
    progress("Finding out what the token may do …")
    allowed = await found_out(client, abilities_of(client.account.kind))
    if informed is None and not any(allowed.values()):
        raise CredentialsError(
            f"BigCommerce refuses all requests for “{client.account.name}”.",
            code="all-refused",
            remedy="Check that the API Path belongs to the same API account as the token.",
            field=API_PATH,
        )
    facts += [(ability.label, _yes_or_no(may)) for ability, may in allowed.items()]
    warnings += [_lacking(ability.permission) for ability, may in allowed.items() if may is False and ability.usual]
    if (quota := client.gate.quota) is not None:
        facts.append(("API quota", f"{quota.quota} requests in {quota.window_seconds:g} seconds, for all its apps"))
    if client.account.kind is AccountKind.OAUTH:
        facts.append(("Username", "Stored for reference only; BigCommerce does not check it."))
    return CheckReport(tuple(facts), tuple(warnings))


async def _time(client: StoreClient, gateway: StoreClient | None) -> Answer | None:
    """The answer to the cheapest request; None where the token is good but may not ask this."""
    try:
        return await _tested(client.get(client.v2("time"), policy=ONCE))
    except ConfigurationError as error:
        if error.code == "not-permitted":
            return None
        if error.code == "credentials-rejected" and gateway is not None and await _opens(gateway):
            raise ConfigurationError(
                "The API Token is not one of a legacy API account.",
                code="legacy-path-for-token",
                remedy=f"Enter https://{GATEWAY_HOST}/stores/{gateway.account.store_hash}/v3/ as API Path.",
                detail=error.detail,
                field=API_PATH,
            ) from error
        raise


async def _opens(gateway: StoreClient) -> bool:
    try:
        await gateway.get(gateway.v2("time"), policy=ONCE)
    except AgentError as error:
        return error.code == "not-permitted"
    return True


async def _tested(request: Coroutine[Any, Any, _Result]) -> _Result:
    """Adds to failures that say nothing of the credentials that they do not."""
    try:
        return await request
    except TransientError as error:
        if error.code == "rate-limited":
            seconds = max(1, round(error.retry_after_seconds or 30))
            error.remedy = f"Try again in {seconds} s."
        elif error.code in {"server-error", "unavailable", "read-timeout", "connection-lost", "protocol"}:
            error.message += " Credentials were not tested."
            error.remedy = error.remedy.partition("The agent tries")[0].strip() or "Try again."
        elif error.code == "quota-used-up":
            error.remedy = "Try again later."
        raise


def _profile(client: StoreClient, store: _Store) -> tuple[list[tuple[str, str]], list[str]]:
    facts = [
        ("Store", store.name),
        ("Store ID", str(store.id)),
        ("Address", store.secure_url or store.domain or ""),
        ("Plan", store.plan_name or ""),
        ("Status", store.status or ""),
        ("Currency", store.currency or ""),
        ("Time zone", store.timezone.name if store.timezone is not None else ""),
    ]
    warnings: list[str] = []
    expected = client.account.store_hash
    if expected and store.id and str(store.id) != expected:
        warnings.append(f"The API Path names the store {expected}, but {store.id} answered.")
    if store.status and store.status != "live":
        warnings.append(f"The store's status is “{store.status}”, not “live”.")
    return [(label, value) for label, value in facts if value], warnings


def _clock_difference(server: datetime | None, local: datetime) -> Sequence[str]:
    minutes = 0 if server is None else round(abs((local - server).total_seconds()) / 60)
    if minutes <= _MOST_CLOCK_MINUTES:
        return ()
    text = f"The clock of this computer differs by {minutes} min from BigCommerce."
    return (f"{text} Bookmarks go by the store's clock, but schedules and the log will be off: set the clock.",)


def _yes_or_no(may: bool | None) -> str:
    return {True: "yes", False: "no", None: "not known"}[may]


def _lacking(permission: str) -> str:
    return (
        f"The token is valid but lacks the permission “{permission}”. Permissions of an existing account cannot be "
        "changed; create a new API account with it if a processflow needs it."
    )
