"""Parameters of a query that a person wrote: finds `:name` in it, and puts the driver's mark in each one's place.

A value is never written into the query: it travels beside it. So it has to be known what is a literal, a quoted name or
a comment, where a colon means nothing; that differs a little between databases and is told by a `Lexis`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.connectors.contract import ReadRequest, SentClause, SentGroup, SentPart
from agent.connectors.sql.schema import PARAMETER, QUERY_OPTION
from agent.domain.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BEFORE = re.compile(r"[\w:\])'\"`@$\\]")
"""Behind these a colon belongs to something else: a cast, a slice of an array, a label."""
_TAG = re.compile(r"\$(?:[^\W\d]\w*)?\$")


@dataclass(frozen=True, slots=True)
class Lexis:
    """How a kind of database tells literals, quoted names and comments from the rest.

    Attributes:
        quotes: What a literal or a quoted name begins with, and what it ends with.
        escapes: Which of them take a backslash for a sign that makes the next one mean nothing.
        prefixed_escapes: Whether `E'…'` does as well.
        dollars: Whether `$tag$…$tag$` is a literal.
        nested: Whether a comment may stand in a comment.
        hash_comments: Whether `#` begins a comment.
        spaced_dashes: Whether `--` needs a blank behind it to begin a comment.
    """

    quotes: Mapping[str, str]
    escapes: str = ""
    prefixed_escapes: bool = False
    dollars: bool = False
    nested: bool = False
    hash_comments: bool = False
    spaced_dashes: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT that a person wrote, and the values of its parameters by their names."""

    sql: str
    values: Mapping[str, str] = field(default_factory=dict, repr=False)

    def bound(
        self, lexis: Lexis, mark: str, *, plain: Callable[[str], str] = str, given: Callable[[str], Any] = str
    ) -> tuple[str, tuple[Any, ...]]:
        """The query as a driver takes it, and the values in the order of their marks.

        Args:
            lexis: How the database reads.
            mark: What stands for a value.
            plain: Makes what stands between the marks safe beside them.
            given: What is bound for a value.

        Raises:
            ConfigurationError: a parameter has no value, or a value has no parameter.
        """
        pieces, names = _parted(self.sql, lexis)
        self._check(names)
        text = mark.join(map(plain, pieces))
        return text, tuple(given(self.values[name]) for name in names)

    def _check(self, names: list[str]) -> None:
        for name in names:
            if name not in self.values:
                raise ConfigurationError(
                    f"The query names {PARAMETER}{name}, which has no value.",
                    code="parameter-missing",
                    remedy=f"Add a clause with the key {PARAMETER}{name} to the action filter. If there is one, what "
                    "its value is made of is not known yet: give the GET node a start_from, or the variable a value.",
                    field=QUERY_OPTION,
                )
        for name in self.values:
            if name not in names:
                close = difflib.get_close_matches(name, names, n=1)
                raise ConfigurationError(
                    f"The query does not name {PARAMETER}{name}, to which the action filter gives a value.",
                    code="unknown-parameter",
                    remedy=f"Did you mean {PARAMETER}{close[0]}?" if close else
                    "Remove the clause, or use it in the query: not within quotes, and with a blank before it.",
                    field=f"{PARAMETER}{name}",
                )  # fmt: skip


def query_of(request: ReadRequest) -> Query | None:
    """The query of a read with the values that its filter gives; None where a table is read.

    Raises:
        ConfigurationError: a clause that gives a value is unfit.
    """
    sql = request.options.get(QUERY_OPTION, "").strip().rstrip(";").strip()
    if not sql:
        return None
    values: dict[str, str] = {}
    for part in request.clauses:
        if not is_parameter(part):
            _refuse_inside(part)
            continue
        assert isinstance(part, SentClause)
        name = part.key.strip().removeprefix(PARAMETER)
        if not _NAME.fullmatch(name):
            raise _unfit(part, "its name cannot be one", f"Use letters, digits and _, such as {PARAMETER}since.")
        if part.operator not in ("=", "=="):
            raise _unfit(part, f"it has the operator {part.operator}", "Use =, and write the comparison in the query.")
        if name in values:
            raise _unfit(part, "there are two of them", "Remove one.")
        values[name] = part.value
    return Query(sql, values)


def is_parameter(part: SentPart) -> bool:
    """Whether a part of a filter gives a parameter its value."""
    return isinstance(part, SentClause) and part.key.strip().startswith(PARAMETER)


def _refuse_inside(part: SentPart) -> None:
    for member in part.members if isinstance(part, SentGroup) else ():
        if isinstance(member, SentClause) and is_parameter(member):
            raise _unfit(member, "it stands in a group", "Write it beside the group.")
        _refuse_inside(member)


def _unfit(clause: SentClause, reason: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"The clause {clause.key} cannot give a parameter of the query its value: {reason}.",
        code="parameter-unfit",
        remedy=remedy,
        field=clause.key,
    )


def is_one_expression(sql: str, lexis: Lexis) -> bool:
    """Whether what a person wrote stays within the brackets that are put around it: its own are in pairs, and no
    statement ends in it."""
    at = depth = 0
    while at < len(sql):
        passed = _passed(sql, at, lexis)
        if passed == at:
            depth += {"(": 1, ")": -1}.get(sql[at], 0)
            if depth < 0 or sql[at] == ";":
                return False
        at = max(passed, at + 1)
    return depth == 0


def _parted(sql: str, lexis: Lexis) -> tuple[list[str], list[str]]:
    """What stands around the parameters, and their names in order."""
    pieces, names = [], []
    start = at = 0
    while at < len(sql):
        passed = _passed(sql, at, lexis)
        if passed > at:
            at = passed
        elif sql[at] == PARAMETER and not (at and _BEFORE.match(sql, at - 1)) and (found := _NAME.match(sql, at + 1)):
            pieces.append(sql[start:at])
            names.append(found[0])
            start = at = found.end()
        else:
            at += 1
    return [*pieces, sql[start:]], names


def _passed(sql: str, at: int, lexis: Lexis) -> int:
    """Behind the literal, quoted name or comment that begins at a place; that place where none does."""
    sign = sql[at]
    if sign in lexis.quotes:
        escaped = sign in lexis.escapes or (lexis.prefixed_escapes and sign == "'" and _is_prefixed(sql, at))
        return _behind_quote(sql, at + 1, lexis.quotes[sign], escaped=escaped)
    if sign == "$" and lexis.dollars and (tag := _TAG.match(sql, at)) and not (at and _is_of_name(sql[at - 1])):
        end = sql.find(tag[0], tag.end())
        return len(sql) if end < 0 else end + len(tag[0])
    if sql.startswith("/*", at):
        return _behind_comment(sql, at, nested=lexis.nested)
    dashes = sql.startswith("--", at) and (not lexis.spaced_dashes or at + 2 == len(sql) or sql[at + 2] <= " ")
    if dashes or (sign == "#" and lexis.hash_comments):
        end = sql.find("\n", at)
        return len(sql) if end < 0 else end
    return at


def _behind_quote(sql: str, at: int, closing: str, *, escaped: bool) -> int:
    while at < len(sql):
        if escaped and sql[at] == "\\":
            at += 2
        elif sql[at] != closing:
            at += 1
        elif sql.startswith(closing, at + 1):  # doubled, it stands for itself
            at += 2
        else:
            return at + 1
    return len(sql)


def _behind_comment(sql: str, at: int, *, nested: bool) -> int:
    depth = 0
    while at < len(sql):
        if sql.startswith("*/", at):
            depth, at = depth - 1, at + 2
            if depth == 0:
                return at
        elif sql.startswith("/*", at) and (nested or depth == 0):
            depth, at = depth + 1, at + 2
        else:
            at += 1
    return len(sql)


def _is_prefixed(sql: str, at: int) -> bool:
    return at > 0 and sql[at - 1] in "eE" and not (at > 1 and _is_of_name(sql[at - 2]))


def _is_of_name(sign: str) -> bool:
    return sign.isalnum() or sign in "_$"


def refuse_several(asked: Query, lexis: Lexis) -> None:
    """Raise ConfigurationError where a query is more than one expression: then it could do more than read."""
    if not is_one_expression(asked.sql, lexis):
        raise ConfigurationError(
            "The query has a semicolon in it, or brackets that are not in pairs.", code="query-refused",
            remedy="It has to be one SELECT. Correct the option query.", field=QUERY_OPTION,
        )  # fmt: skip
