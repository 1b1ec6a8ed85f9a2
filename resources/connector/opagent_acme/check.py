"""Validate: the cheapest call that proves the credentials and says whose they are."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from agent.connectors.contract import CheckReport

from opagent_acme.client import Client


class _Account(msgspec.Struct):
    name: str


async def check(client: Client, progress: Callable[[str], None]) -> CheckReport:
    """Prove the credentials."""
    progress("Asking whose token this is …")
    account = await client.get("/v1/account", _Account)
    return CheckReport(facts=(("Account", account.name),))
