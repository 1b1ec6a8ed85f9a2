"""Reads the parameters of a list request, and refuses them in the words of its API version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Literal, TypeVar

from agent.sandbox import moments
from agent.sandbox.requests import Refusal, Request, v2_refusal, v3_refusal
from agent.sandbox.selection import Interval

Value = TypeVar("Value")
DEFAULT_LIMIT = 50
MOST_PER_PAGE = 250
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page."""

    page: int
    limit: int

    @property
    def offset(self) -> int:
        """How many records come before the page."""
        return (self.page - 1) * self.limit


class Query:
    """The parameters of one request, by name. Raises Refusal for whatever the real store would not take."""

    def __init__(self, request: Request, *, version: Literal[2, 3], allowed: Iterable[str], now: datetime) -> None:
        self._version = version
        self._now = now
        self._values = dict(request.parameters())
        unknown = [name for name in self._values if name not in frozenset(allowed)]
        if request.query and "" in request.query.split("&"):
            unknown.append("")
        if unknown and version == 2:
            raise v2_refusal(400, f"The field '{unknown[0]}' is not supported by this resource.")
        if unknown:
            raise v3_refusal(422, f"The filter(s): {', '.join(unknown)} are not valid filter parameter(s).")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        """A text, or None when it is not there."""
        return self._values.get(name)

    def choice(self, name: str, choices: Iterable[str]) -> str | None:
        """One of the choices."""
        text = self.text(name)
        if text is not None and text not in frozenset(choices):
            raise self.refuse(name)
        return text

    def texts(self, name: str) -> frozenset[str] | None:
        """A comma list."""
        text = self.text(name)
        return None if text is None else frozenset(part.strip() for part in text.split(","))

    def choices(self, name: str, choices: Iterable[str]) -> frozenset[str]:
        """A comma list of choices; none when it is not there."""
        chosen = self.texts(name) or frozenset()
        if not chosen <= frozenset(choices):
            raise self.refuse(name)
        return chosen

    def integer(self, name: str) -> int | None:
        """A whole number."""
        return self._read(name, int)

    def integers(self, name: str) -> frozenset[int] | None:
        """A comma list of whole numbers."""
        return self._read(name, lambda text: frozenset(int(part) for part in text.split(",")))

    def number(self, name: str) -> Decimal | None:
        """A number."""
        return self._read(name, Decimal)

    def boolean(self, name: str) -> bool | None:
        """A truth value, as word or digit."""
        text = self.text(name)
        if text is None:
            return None
        if text.lower() not in _TRUE | _FALSE:
            raise self.refuse(name)
        return text.lower() in _TRUE

    def moment(self, name: str, *, bare_date_takes_time_of_day: bool = False) -> int | None:
        """A date, as seconds."""
        parse = moments.parse if bare_date_takes_time_of_day else moments.parse_midnight
        return self._read(name, lambda text: parse(text, now=self._now))

    def dates(self, exact: str | None, low: str, high: str, *, bare_date_takes_time_of_day: bool = False) -> Interval:
        """The interval that up to three date filters leave."""
        at = self.moment(exact) if exact is not None else None
        if at is not None:
            return Interval(at, at)
        return Interval(
            self.moment(low, bare_date_takes_time_of_day=bare_date_takes_time_of_day),
            self.moment(high, bare_date_takes_time_of_day=bare_date_takes_time_of_day),
        )

    def paging(self, *, most: int = MOST_PER_PAGE) -> Paging:
        """The page that is asked for."""
        page, limit = self.integer("page"), self.integer("limit")
        if limit is not None and limit > most:
            if self._version == 2:
                raise v2_refusal(413, "The specified limit exceeds the maximum allowed.", {"max_limit": most})
            raise v3_refusal(422, f"The limit may not be higher than {most}.", {"limit": f"at most {most}"})
        if (page is not None and page < 1) or (limit is not None and limit < 1):
            raise self.refuse("page" if page is not None and page < 1 else "limit")
        return Paging(page=page or 1, limit=limit or DEFAULT_LIMIT)

    def refuse(self, name: str) -> Refusal:
        """The answer to a value that makes no sense."""
        if self._version == 2:
            return v2_refusal(400, f"The value of the field '{name}' is not valid.", {"invalid_reason": name})
        return v3_refusal(422, f"The filter {name} has a value that is not valid.", {name: "not valid"})

    def _read(self, name: str, read: Callable[[str], Value]) -> Value | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            return read(text)
        except (ValueError, InvalidOperation, OverflowError) as error:
            raise self.refuse(name) from error
