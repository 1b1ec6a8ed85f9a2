"""Which filters the actions take, how a clause is written for each generation of the API, and what is refused unsent.

BigCommerce answers an unknown filter with an error on some resources and ignores it on others, so a wrong name never
leaves this machine: the right one is proposed instead.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.contract import SentClause, SentGroup, SentPart
from agent.domain.clauses import FilterPlace
from agent.domain.errors import ConfigurationError


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ORDERS_V2 = _names(
    "min_id max_id min_total max_total customer_id email status_id cart_id payment_method channel_id external_order_id "
    "min_date_created max_date_created min_date_modified max_date_modified include"
)
_CUSTOMERS_V2 = _names(
    "first_name last_name company email phone store_credit customer_group_id min_id max_id min_date_created "
    "max_date_created min_date_modified max_date_modified tax_exempt_category"
)
_CUSTOMERS_V3 = _names(
    "id:in email:in name:in name:like company:in phone:in customer_group_id:in registration_ip_address:in date_created "
    "date_created:min date_created:max date_modified date_modified:min date_modified:max include"
)
_DATES_TO_V3 = {
    f"{bound}_date_{what}": f"date_{what}:{bound}" for what in ("created", "modified") for bound in ("min", "max")
}
_DATES_TO_V2 = {new: old for old, new in _DATES_TO_V3.items()}
_IDS_TO_V2 = {"id:min": "min_id", "id:max": "max_id"}

TAKEN: Mapping[tuple[str, AccountKind], frozenset[str]] = MappingProxyType(
    {
        ("orders", AccountKind.OAUTH): _ORDERS_V2,
        ("orders", AccountKind.LEGACY): _ORDERS_V2,
        ("customers", AccountKind.OAUTH): _CUSTOMERS_V3,
        ("customers", AccountKind.LEGACY): _CUSTOMERS_V2,
        ("products", AccountKind.OAUTH): frozenset(),
        ("products", AccountKind.LEGACY): frozenset(),
    }
)
"""The filter names that an action takes, by schema and kind of account."""

SHAPING = frozenset({"include"})
"""The filters that say what comes with a record."""

UPPER_BOUNDS: Mapping[str, str] = MappingProxyType(
    {
        name: name.replace("min", "max")
        for what in ("created", "modified")
        for name in (f"min_date_{what}", f"date_{what}:min")
    }
)
"""From the filters that take an earliest moment to those that take a latest one, both included."""

RENAMED: Mapping[tuple[str, AccountKind], Mapping[str, str]] = MappingProxyType(
    {
        ("orders", AccountKind.OAUTH): {**_DATES_TO_V2, **_IDS_TO_V2, "status": "status_id"},
        ("orders", AccountKind.LEGACY): {**_DATES_TO_V2, **_IDS_TO_V2, "status": "status_id"},
        ("customers", AccountKind.OAUTH): {
            **_DATES_TO_V3,
            **{
                name: f"{name}:in"
                for name in _names("id email company phone customer_group_id registration_ip_address name")
            },
        },
        ("customers", AccountKind.LEGACY): {
            **_DATES_TO_V2,
            **_IDS_TO_V2,
            **{f"{name}:in": name for name in ("email", "company", "phone", "customer_group_id")},
        },
        ("products", AccountKind.OAUTH): {},
        ("products", AccountKind.LEGACY): {},
    }
)
"""The names that the other generation of the API has for filters, and what they are called here."""

_SUFFIXES = {"in": ":in", "not_in": ":not_in", "!=": ":not", ">=": ":min", "<=": ":max", ">": ":greater", "<": ":less"}
_PREFIXES = {">=": "min_", "<=": "max_"}
_OURS = _names("page limit sort direction after before consignment_structure")
_OUR_HEADERS = _names(
    "authorization x-auth-token x-auth-client host content-length content-type accept accept-encoding "
    "transfer-encoding connection cookie"
)
# `include` may ask for more than the agent asks for itself; nothing else of it makes sense.
_INCLUDES = {
    ("orders", AccountKind.OAUTH): frozenset({"consignments", "consignments.line_items", "fees"}),
    ("orders", AccountKind.LEGACY): frozenset({"consignments", "consignments.line_items", "fees"}),
    ("customers", AccountKind.OAUTH): frozenset({"addresses", "storecredit", "attributes", "formfields"}),
}


def parameters(
    clauses: Sequence[SentPart], *, schema: str, action: str, kind: AccountKind
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The query parameters and the headers that clauses stand for.

    Raises:
        ConfigurationError: A clause cannot be sent; `field` is its key.
    """
    query: dict[str, str] = {}
    headers: list[tuple[str, str]] = []
    for clause in clauses:
        if isinstance(clause, SentGroup):
            raise _problem(
                "", "filter-combining", f"BigCommerce cannot combine filters by {clause.join.value}.",
                "Use the operator in, or two GETs.",
            )  # fmt: skip
        if clause.place is FilterPlace.HEADER:
            headers.append(_header(clause))
            continue
        if clause.place is FilterPlace.BODY:
            raise _problem(
                clause.key, "filter-place", f"{schema} {action} takes no filter in the body.", "Remove the clause."
            )
        name = _parameter(schema, action, kind, clause)
        if name in query:
            raise _problem(clause.key, "filter-twice", f"The filter {name} is given twice.", "Remove one of the two.")
        query[name] = clause.value
    return list(query.items()), headers


def _parameter(schema: str, action: str, kind: AccountKind, clause: SentClause) -> str:
    taken = TAKEN.get((schema, kind), frozenset())
    key, operator = clause.key.strip(), clause.operator
    if key in _OURS:
        raise _problem(
            key, "filter-reserved", f"“{key}” is no filter: the agent sets it itself.", "Remove it from the filter."
        )
    if operator in {"=", "=="}:
        if key in taken:
            return _with_known_parts(schema, kind, key, clause.value)
        raise _unknown(schema, action, kind, key)
    for name in _written(key, operator, kind=kind, schema=schema):
        if name in taken:
            return name
    raise _unsuited(schema, action, kind, key, operator)


def _written(key: str, operator: str, *, kind: AccountKind, schema: str) -> list[str]:
    """How a key with an operator other than = is called, if it exists."""
    second_generation = schema == "orders" or kind is AccountKind.LEGACY
    if second_generation:
        return [f"{_PREFIXES[operator]}{key}"] if operator in _PREFIXES else []
    if operator not in _SUFFIXES:
        return []
    # `id:in in 1,2` says it twice, and means it.
    return [key] if key.endswith(_SUFFIXES[operator]) else [f"{key}{_SUFFIXES[operator]}"]


def _with_known_parts(schema: str, kind: AccountKind, key: str, value: str) -> str:
    known = _INCLUDES.get((schema, kind), frozenset())
    if key == "include" and (unknown := {part for part in value.split(",") if part} - known):
        raise _problem(
            key,
            "filter-value",
            f"“include” does not take {', '.join(sorted(unknown))} here.",
            f"It takes {', '.join(sorted(known))}.",
        )
    return key


def _unknown(schema: str, action: str, kind: AccountKind, key: str) -> ConfigurationError:
    taken = TAKEN.get((schema, kind), frozenset())
    renamed = RENAMED.get((schema, kind), {}).get(key)
    if renamed is not None:
        remedy = f"Its name is {renamed} here."
    elif close := difflib.get_close_matches(key, taken, n=1):
        remedy = f"Did you mean {close[0]}?"
    else:
        remedy = _those_taken(taken)
    return _problem(key, "unknown-filter", f"{schema} {action} does not take the filter {key}.", remedy)


def _unsuited(schema: str, action: str, kind: AccountKind, key: str, operator: str) -> ConfigurationError:
    taken = TAKEN.get((schema, kind), frozenset())
    plain = key.partition(":")[0].removeprefix("min_").removeprefix("max_")
    similar = sorted(name for name in taken if name == plain or plain in {name.partition(":")[0], name[4:]})
    remedy = f"Use {' or '.join(similar)} with the operator =." if similar else _those_taken(taken)
    return _problem(
        key,
        "filter-operator",
        f"{schema} {action} does not take the filter {key} with the operator {operator}.",
        remedy,
    )


def _those_taken(taken: frozenset[str]) -> str:
    return f"It takes {', '.join(sorted(taken))}." if taken else "It takes no filters."


def _header(clause: SentClause) -> tuple[str, str]:
    name = clause.key.strip()
    if name.lower() in _OUR_HEADERS:
        raise _problem(name, "filter-reserved", f"The header {name} is set by the agent itself.", "Remove the clause.")
    if clause.operator not in {"=", "=="}:
        raise _problem(name, "filter-operator", f"The header {name} takes the operator = alone.", "Use =.")
    usable = name.replace("-", "").replace("_", "").isalnum() and name.isascii()
    if not usable or not clause.value.isascii() or not clause.value.isprintable():
        raise _problem(
            name, "filter-value", f"The header {name} has a name or value that cannot be sent.", "Correct it."
        )
    return name, clause.value


def _problem(key: str, code: str, message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, code=code, remedy=remedy, field=key)
