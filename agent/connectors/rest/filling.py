"""Fills the values of a record into the paths and queries of a description. A value never becomes more than a value."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from urllib.parse import quote

from agent.connectors.rest.braces import names_in
from agent.connectors.rest.description import Request
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import RecordError


def filled_path(request: Request, values: Mapping[str, str]) -> str:
    """The path with the values in it, each as one piece of it.

    Raises:
        RecordError: a value is missing, or cannot be part of a path.
    """
    for name in names_in(request.path):
        if needed(values, name) in {".", ".."}:
            raise _unfit(name)
    return _filled(
        request.path, {name: quote(_doubled(request, needed(values, name)), safe="") for name in names_in(request.path)}
    )


def filled_query(request: Request, values: Mapping[str, str]) -> list[tuple[str, str]]:
    """The query with the values in it. Raises RecordError where one is missing."""
    return [
        (name, _filled(text, {one: _doubled(request, needed(values, one)) for one in names_in(text)}))
        for name, text in request.query.items()
    ]


def _filled(text: str, values: Mapping[str, str]) -> str:
    """The text with the values in it. Names may have dots, which Python's own formatting takes for something else."""
    return "".join(
        literal + (values[name] if name is not None else "") for literal, name, _, _ in Formatter().parse(text)
    )


def _doubled(request: Request, value: str) -> str:
    return value.replace("'", "''") if request.quoted else value


def needed(values: Mapping[str, str], name: str) -> str:
    """A value that has to be there. Raises RecordError."""
    found = values.get(name, "")
    if not found:
        raise RecordError(
            f"The record has no {name}.", code="value-missing", remedy=f"Map a value to {name}.", field=name,
            error_class=ErrorClass.DATA_MISSING,
        )  # fmt: skip
    return found


def _unfit(name: str) -> RecordError:
    return RecordError(
        f"The value of {name} cannot be part of an address.", code="value-unfit", remedy="Map another value.",
        field=name, error_class=ErrorClass.VALIDATION_FAILED,
    )  # fmt: skip
