"""Renders action filters: fills in what stands in their clauses, and says in one line what is really sent.

A clause that cannot be asked for yet (there is no bookmark before the first run) counts as one that holds for every
record: where all have to hold it is left out, and a group of which any has to hold is left out whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.connectors.contract import SentClause, SentGroup, SentPart
from agent.domain.clauses import Clause, FilterPart, FilterPlace, Group, Join, all_clauses
from agent.engine.filters.functions import Window
from agent.engine.filters.placeholders import filled
from agent.store.vaults.redaction import DOTS

_SECRET_HEADER = re.compile(r"auth|token|key|secret|password|cookie|session", re.IGNORECASE)
_SECRET_QUERY = re.compile(r"token|secret|password|api[_-]?key|signature", re.IGNORECASE)
_SIGNS = {Join.ALL: " & ", Join.ANY: " | "}


@dataclass(frozen=True, slots=True)
class Rendered:
    """The clauses that are sent, and the same as one line for the log, without secrets."""

    clauses: tuple[SentPart, ...]
    text: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """A part that is sent, and how it is shown."""

    sent: SentPart
    text: str


def render(
    parts: Sequence[FilterPart],
    *,
    moment: datetime | None,
    start_from: datetime | None,
    variables: Mapping[str, str | None],
    until: datetime | None = None,
    secret_variables: Collection[str] = (),
) -> Rendered:
    """The clauses as they are sent.

    Args:
        parts: The action filter of a GET node: all of them have to hold.
        moment: How far the source has been read, aware; None before the first run.
        start_from: Stands in for a missing moment, unmoved. Without it, clauses that need a moment are left out.
        variables: The texts of the processflow's variables; None for one without a value, whose clauses are left out.
        until: Where the run is to end, aware. Without it, clauses that name the end are left out.
        secret_variables: The names of variables whose values are not shown.

    Raises:
        ConfigurationError: code `filter-function` or `unknown-variable`.
    """
    rendering = _Rendering(Window(moment, start_from, until), variables, secret_variables)
    sent = rendering.members(parts, Join.ALL) or ()
    text = _SIGNS[Join.ALL].join(one.text for one in sent) if sent else "no filter"
    if rendering.left_out:
        reasons = "; ".join(f"{reason}: {', '.join(keys)}" for reason, keys in rendering.left_out.items())
        text += f" (left out, {reasons})"
    return Rendered(tuple(one.sent for one in sent), " ".join(text.split()))


def joined(first: Rendered, second: Rendered) -> Rendered:
    """Two filters of which both have to hold, as one."""
    if not second.clauses:
        return first
    if not first.clauses:
        return second
    return Rendered((*first.clauses, *second.clauses), f"{first.text}{_SIGNS[Join.ALL]}{second.text}")


class _Rendering:
    """Renders one filter. `left_out` collects the keys of what is not sent, by the reason."""

    def __init__(self, window: Window, variables: Mapping[str, str | None], secret: Collection[str]) -> None:
        self._window, self._variables, self._secret = window, variables, secret
        self.left_out: dict[str, list[str]] = {}

    def members(self, parts: Sequence[FilterPart], join: Join) -> list[_Shown] | None:
        """The members of a group that are sent, those of groups of the same kind among them; None where there is none,
        or where one holds in any case and that is enough."""
        found: list[_Shown] = []
        for number, part in enumerate(parts):
            if isinstance(part, Group) and part.join is join:
                members = self.members(part.members, join)
            else:
                one = self._group(part) if isinstance(part, Group) else self._clause(part)
                members = [one] if one is not None else None
            if members is None and join is Join.ANY:
                self._leave_out_others(parts, number)
                return None
            found += members or ()
        return found or None

    def _group(self, group: Group) -> _Shown | None:
        members = self.members(group.members, group.join)
        if members is None or len(members) == 1:
            return members[0] if members else None
        text = _SIGNS[group.join].join(one.text for one in members)
        return _Shown(SentGroup(group.join, tuple(one.sent for one in members)), f"({text})")

    def _clause(self, clause: Clause) -> _Shown | None:
        value = filled(
            clause.key, clause.value, window=self._window, variables=self._variables, secret=self._secret
        )  # fmt: skip
        if value.value is None:
            self._leave_out(value.missing, clause.key)
            return None
        sent = SentClause(clause.key, clause.operator, value.value, clause.place)
        return _Shown(sent, _shown(clause, value.shown))

    def _leave_out_others(self, parts: Sequence[FilterPart], number: int) -> None:
        """Of a group of which one member holds in any case, the others need not be asked for."""
        reason = next(reversed(self.left_out))
        for clause in all_clauses([*parts[:number], *parts[number + 1 :]]):
            self._leave_out(reason, clause.key)

    def _leave_out(self, reason: str, key: str) -> None:
        keys = self.left_out.setdefault(reason, [])
        if key not in keys:
            keys.append(key)


def _shown(clause: Clause, value: str) -> str:
    secret = _SECRET_HEADER if clause.place is FilterPlace.HEADER else _SECRET_QUERY
    shown = DOTS if secret.search(clause.key) else value
    place = "" if clause.place is FilterPlace.QUERY else f"{clause.place.value} "
    return f"{place}{clause.key} {clause.operator} {shown}".rstrip()
