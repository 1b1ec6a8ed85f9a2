"""How a clause is written for each generation of the API, and what is refused unsent. The names are in `filter_names`.

BigCommerce answers an unknown filter with an error on some resources and ignores it on others, so a wrong name never
leaves this machine: the right one is proposed instead.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.bigcommerce.filter_names import INCLUDES, RENAMED, SECOND_GENERATION, SHAPING, TAKEN
from agent.connectors.contract import SentClause, SentGroup, SentPart
from agent.domain.clauses import FilterPlace
from agent.domain.errors import ConfigurationError

_SUFFIXES = {"in": ":in", "not_in": ":not_in", "!=": ":not", ">=": ":min", "<=": ":max", ">": ":greater", "<": ":less"}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_PREFIXES = {">=": "min_", "<=": "max_"}
_OURS = frozenset({"page", "limit", "sort", "direction", "after", "before", "consignment_structure"})
_OUR_HEADERS = frozenset(
    {"authorization", "x-auth-token", "x-auth-client", "host", "content-length", "content-type", "accept",
     "accept-encoding", "transfer-encoding", "connection", "cookie"}
)  # fmt: skip


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
        query[name] = _value(schema, kind, name, clause)
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


def _value(schema: str, kind: AccountKind, name: str, clause: SentClause) -> str:
    """The value as it is sent. Some resources take a filter without a value for none at all, and give everything."""
    if not clause.value.strip() and name not in SHAPING:
        raise _problem(
            clause.key, "filter-value", f"The filter {name} has no value.", "Give it one, or remove the clause."
        )
    # Behind a date alone, products put the present time of day.
    if schema == "products" and kind is AccountKind.OAUTH and name.startswith("date_") and _DAY.fullmatch(clause.value):
        return f"{clause.value}T00:00:00Z"
    return clause.value


def _written(key: str, operator: str, *, kind: AccountKind, schema: str) -> list[str]:
    """How a key with an operator other than = is called, if it exists."""
    if (schema, kind) in SECOND_GENERATION:
        return [f"{_PREFIXES[operator]}{key}"] if operator in _PREFIXES else []
    if operator not in _SUFFIXES:
        return []
    # `id:in in 1,2` says it twice, and means it.
    return [key] if key.endswith(_SUFFIXES[operator]) else [f"{key}{_SUFFIXES[operator]}"]


def _with_known_parts(schema: str, kind: AccountKind, key: str, value: str) -> str:
    known = INCLUDES.get((schema, kind), frozenset())
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
