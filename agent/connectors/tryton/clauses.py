"""Turns filter clauses into Tryton's search domains, and finds the moments between which something changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.connectors.contract import ReadRequest, SentClause
from agent.connectors.tryton.schema import APP, CHANGED_SINCE, CHANGED_UNTIL
from agent.domain.app import Action, ActionKind
from agent.domain.errors import ConfigurationError

_COMPARED = {"=": "=", "==": "=", "!=": "!=", "in": "in", "not_in": "not in"}
_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
_MOMENT_OPERATORS = {CHANGED_SINCE: ("=", "==", ">=", ">"), CHANGED_UNTIL: ("=", "==", "<=", "<")}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: a domain, and the moments between which a record changed, both included."""

    domain: tuple[object, ...]
    since: datetime | None = None
    until: datetime | None = None


def asked(request: ReadRequest, columns: Mapping[str, str]) -> Asked:
    """What a request asks for.

    Args:
        request: The request.
        columns: The field of Tryton behind each filter that is not a moment.

    Raises:
        ConfigurationError: Tryton does not offer this action, or the action this filter.
    """
    action = offered(request.schema, request.action)
    domain: list[object] = []
    moments: dict[str, datetime] = {}
    for clause in request.clauses:
        # Groups of clauses do not come: no action says that it can combine them.
        if not isinstance(clause, SentClause) or clause.key not in action.filters:
            raise ConfigurationError(
                f"Tryton does not take this filter on {request.schema} {action.name}.",
                code="filter-unknown",
                remedy=f"It takes {', '.join(sorted(action.filters))}.",
                field=clause.key if isinstance(clause, SentClause) else None,
            )
        if clause.key in _MOMENT_OPERATORS:
            if clause.operator not in _MOMENT_OPERATORS[clause.key]:
                raise _operator(clause, _MOMENT_OPERATORS[clause.key])
            moments[clause.key] = _moment(clause)
        else:
            domain.append(_condition(clause, columns[clause.key]))
    if request.window is not None:
        moments[CHANGED_SINCE], moments[CHANGED_UNTIL] = request.window
    return Asked(tuple(domain), moments.get(CHANGED_SINCE), moments.get(CHANGED_UNTIL))


def offered(schema_name: str, action_name: str, kind: ActionKind = ActionKind.READ) -> Action:
    """The action of that name.

    Raises:
        ConfigurationError: There is none.
    """
    schema = APP.schema(schema_name)
    action = schema.action(action_name) if schema is not None else None
    if action is None or action.kind is not kind:
        known = [f"{one.name} {act.name}" for one in APP.schemas for act in one.actions if act.kind is kind]
        raise ConfigurationError(
            f"Tryton offers no {schema_name} {action_name} here.",
            code="unknown-action",
            remedy=f"Known are {', '.join(known)}.",
            field="action",
        )
    return action


def _condition(clause: SentClause, column: str) -> list[object]:
    operator = _COMPARED.get(clause.operator)
    if operator is None:
        raise _operator(clause, tuple(_COMPARED))
    if operator in {"in", "not in"}:
        return [column, operator, [_value(column, one.strip(), clause.key) for one in clause.value.split(",")]]
    return [column, operator, _value(column, clause.value, clause.key)]


def _value(column: str, text: str, key: str) -> object:
    folded = text.strip().casefold()
    if column == "active":
        if folded in _TRUE | _FALSE:
            return folded in _TRUE
        raise _wrong_value(key, text, "true or false")
    if column == "id":
        if folded.isdecimal():
            return int(folded)
        raise _wrong_value(key, text, "an id, which is a number")
    return text


def _moment(clause: SentClause) -> datetime:
    try:
        moment = datetime.fromisoformat(clause.value.strip())
    except ValueError:
        raise _wrong_value(clause.key, clause.value, "a moment, such as 2026-01-31T09:15:00Z") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _operator(clause: SentClause, taken: Sequence[str]) -> ConfigurationError:
    return ConfigurationError(
        f"The filter {clause.key} does not take the operator {clause.operator}.",
        code="filter-operator",
        remedy=f"It takes {', '.join(taken)}.",
        field=clause.key,
    )


def _wrong_value(key: str, text: str, wanted: str) -> ConfigurationError:
    return ConfigurationError(
        f"The filter {key} has the value {text!r}.",
        code="filter-value",
        remedy=f"It takes {wanted}.",
        field=key,
    )
