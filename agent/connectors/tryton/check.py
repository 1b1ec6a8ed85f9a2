"""Validate: is it Tryton, is the database there, is the user let in, and what may the user do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from agent.connectors.contract import CheckReport, Use
from agent.connectors.tryton.client import Client
from agent.connectors.tryton.credentials import USERNAME
from agent.connectors.tryton.failures import MODULES, nonsense
from agent.connectors.tryton.schema import (
    GET,
    PARTIES,
    POST,
    PRODUCTS,
    PUT,
    SALE_SHIPMENTS,
    SALES,
    SHIPMENTS,
    STOCK,
    UPSERT,
)
from agent.domain.errors import AccessError, ConfigurationError

NEEDED: Final[Mapping[str, Sequence[str]]] = {
    PARTIES: ("party.party", "party.address", "party.contact_mechanism"),
    PRODUCTS: ("product.product",),
    STOCK: ("product.product", "stock.location", "stock.move"),
    SALES: ("sale.sale", "sale.line"),
    SHIPMENTS: ("stock.shipment.out", "stock.move"),
    SALE_SHIPMENTS: ("stock.shipment.out", "stock.move", "sale.sale"),
}
"""The models that a schema is made of."""
_RIGHTS: Final[Mapping[str, Sequence[str]]] = {
    GET: ("read",), POST: ("read", "create"), PUT: ("read", "write", "create"), UPSERT: ("read", "write", "create"),
}  # fmt: skip
_CLEAR = (
    "The address has no https://: the password travels over the network in clear. Use https:// if Tryton offers it."
)


async def check(client: Client, progress: Callable[[str], None], *, in_clear: bool) -> CheckReport:
    """Prove the credentials, and find out what is missing for each schema."""
    progress(f"Contacting {client.host} …")
    version = await client.version()
    progress("Signing in …")
    context = await client.context()
    progress("Looking at modules and rights …")
    warnings = [_CLEAR] if in_clear else []
    if context.get("company") is None:
        warnings.append("The user has no company, so that no sale can be made. Give it one in Tryton's preferences.")
    readable, without = [], []
    for schema, models in NEEDED.items():
        lacks = await _lacks(client, models)
        if lacks:
            without.append(schema)
            warnings.append(f"{schema.capitalize().replace('_', ' ')} cannot be read: {lacks}.")
        else:
            readable.append(schema)
    if not readable:
        raise AccessError(
            "The user may read nothing that the agent deals with.",
            code="not-permitted",
            remedy="Give the user groups in Tryton, such as Sales and Stock, and activate the modules sale and stock.",
            field=USERNAME,
        )
    facts = [("Tryton", version), ("Can read", ", ".join(readable))]
    company = await _company(client, context.get("company"))
    return CheckReport(facts=(*facts, *((("Company", company),) if company else ())), warnings=tuple(warnings))


async def lacking(client: Client, uses: Sequence[Use]) -> Mapping[int, str]:
    """The module or right that is missing for each use, by its index."""
    missing: dict[int, str] = {}
    for index, use in enumerate(uses):
        models = NEEDED.get(use.schema)
        if models is not None:
            lacks = await _lacks(client, models, _RIGHTS.get(use.action.upper(), ("read",)))
            if lacks:
                missing[index] = lacks
    return missing


async def _lacks(client: Client, models: Sequence[str], rights: Sequence[str] = ("read",)) -> str:
    """What is missing first of all, in words; nothing where all is there."""
    for model in models:
        try:
            await client.fields(model, ["id"])
        except ConfigurationError as error:
            if error.code != "module-missing":
                raise
            return f"Tryton's module {MODULES[model]} is not activated"
    granted = await client.call("ir.model.access.get_access", list(models))
    if not isinstance(granted, dict):
        raise nonsense(host=client.host, writing=False)
    for model in models:
        there: Any = granted.get(model)
        for right in rights:
            if isinstance(there, dict) and not there.get(right, 1):
                return f"the user lacks the right to {right} {model}"
    return ""


async def _company(client: Client, company: object) -> str:
    if not isinstance(company, int):
        return ""
    rows = await client.search_read("company.company", [["id", "=", company]], ["rec_name"])
    return str(rows[0].get("rec_name") or "") if rows else ""
