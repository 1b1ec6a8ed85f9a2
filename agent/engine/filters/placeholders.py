"""What stands between signs in a clause's value: `${variable}`, and `~{Function(…)}~`. Finds faults, and fills in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.domain.errors import ConfigurationError
from agent.engine.filters.functions import UPPER_LIMIT, Window, call_fault, parsed
from agent.store.vaults.redaction import DOTS

_PLACEHOLDER = re.compile(r"~\{(?P<call>.*?)\}~|\$\{(?P<variable>[^}]*)\}", re.DOTALL)
_CONTEXTUAL = re.compile(r"\s*gen:GetContextualDataObject\s*\(\s*'(?P<name>[^']*)'\s*\)\s*")
_NON_FILTER = re.compile(r"nf\{.*?\}nf", re.DOTALL)
_BEFORE_EXTENSION = re.compile(r"(?:^|/)\$\.[A-Za-z]{2,5}\b")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a clause's key or value, and the offset at which."""

    message: str
    code: str
    offset: int
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """A value with everything filled in: as it is sent, and as it may be shown. `value` is None, and `missing` says
    why, where there is nothing to ask for yet."""

    value: str | None
    shown: str
    missing: str = ""


def key_faults(key: str) -> Iterator[Fault]:
    """Everything wrong with a clause's key that no app can take."""
    yield from _foreign(key)
    if found := _BEFORE_EXTENSION.search(key):
        yield Fault(
            f"“{found[0].lstrip('/')}” stands for a form of the answer, which the connector chooses by itself.",
            "filter-function", key.index("$", found.start()), "Write the filter's name alone.",
        )  # fmt: skip


def faults(value: str, variables: Iterable[str]) -> Iterator[Fault]:
    """Everything wrong with the placeholders in a clause's value. `variables` are the names of those there are."""
    names = list(variables)
    yield from _foreign(value)
    yield from _placeholder_faults(value, names)
    rest = _PLACEHOLDER.sub(lambda found: " " * len(found[0]), value)
    for opening, closing in (("~{", "}~"), ("${", "}")):
        if (offset := rest.find(opening)) >= 0:
            yield Fault(f"“{opening}” is not closed.", "filter-function", offset, f"Close it with “{closing}”.")


def names_in(value: str) -> Iterator[str]:
    """The variables that a value names."""
    for found in _PLACEHOLDER.finditer(value):
        name = _variable(found)
        if name is not None:
            yield name


def functions_in(value: str) -> Iterator[str]:
    """The date functions that a value calls."""
    for found in _PLACEHOLDER.finditer(value):
        if _variable(found) is None and call_fault(found["call"]) is None:
            yield parsed(found["call"]).name


def filled(
    key: str, value: str, *, window: Window, variables: Mapping[str, str | None], secret: Collection[str]
) -> Filled:
    """A clause's value, filled in.

    Args:
        key: The clause's key, for messages.
        value: The value as it is written.
        window: What is read.
        variables: The text of each variable; None for one without a value.
        secret: The names of those that are never shown.

    Raises:
        ConfigurationError: code `filter-function` or `unknown-variable`.
    """
    fault = next(_placeholder_faults(value, variables), None)
    if fault is not None:
        raise ConfigurationError(
            f"The filter {key} cannot be rendered: {fault.message}",
            code=fault.code,
            remedy=fault.suggestion or "Correct the action filter, then deploy the processflow again.",
            field=key,
        )
    sent: list[str] = []
    shown: list[str] = []
    end = 0
    for found in _PLACEHOLDER.finditer(value):
        name = _variable(found)
        text = variables[name] if name is not None else parsed(found["call"]).render(window)
        if text is None:
            return Filled(None, "", _missing(name, found["call"]))
        before = value[end : found.start()]
        sent += (before, text)
        shown += (before, DOTS if name in secret else text)
        end = found.end()
    return Filled("".join([*sent, value[end:]]), "".join([*shown, value[end:]]))


def _missing(name: str | None, call: str | None) -> str:
    if name is not None:
        return f"as ${{{name}}} has no value yet"
    if call is not None and parsed(call).name == UPPER_LIMIT:
        return "as the run reads up to the present"
    return "as nothing has been read before"


def _variable(found: re.Match[str]) -> str | None:
    """The variable that a placeholder stands for; None for a function."""
    if found["call"] is None:
        return found["variable"].strip()
    contextual = _CONTEXTUAL.fullmatch(found["call"])
    return contextual["name"].strip() if contextual is not None else None


def _placeholder_faults(value: str, variables: Collection[str]) -> Iterator[Fault]:
    for found in _PLACEHOLDER.finditer(value):
        fault = _fault(found, variables)
        if fault is not None:
            yield fault


def _fault(found: re.Match[str], variables: Collection[str]) -> Fault | None:
    name = _variable(found)
    if name is None:
        wrong = call_fault(found["call"])
        return Fault(wrong[0], "filter-function", found.start(), wrong[1]) if wrong is not None else None
    if name in variables:
        return None
    close = difflib.get_close_matches(name, variables, n=1)
    suggestion = f"Did you mean ${{{close[0]}}}?" if close else "Add it under variables."
    return Fault(f"There is no variable “{name}”.", "unknown-variable", found.start(), suggestion)


def _foreign(text: str) -> Iterator[Fault]:
    for found in _NON_FILTER.finditer(text):
        yield Fault(
            "“nf{…}nf” marks what is no filter, such as paging, which the agent does by itself.",
            "filter-function", found.start(), "Remove the clause; what else an action can be told stands in “options”.",
        )  # fmt: skip
