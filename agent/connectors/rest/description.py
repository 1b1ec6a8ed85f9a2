"""The service description: which schemas a REST service has, and which requests read and write them.

It is YAML or JSON text, kept with the App Configuration. It is parsed here, once, into something that cannot be wrong;
docs/guide/connectors/rest.md is written from what is said here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from agent.connectors.rest.braces import names_in
from agent.connectors.rest.description_text import MistakeError, tree_of
from agent.connectors.rest.expressions import checked
from agent.domain.app import MOST_DOCUMENT_CHARACTERS, DataType
from agent.domain.errors import ConfigurationError

DESCRIPTION = "description"
"""The field of the credential form that it stands in."""
_HEADER_NAME = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"
_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"

Text = Annotated[str, StringConstraints(max_length=2_000, pattern=_ONE_LINE)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_ONE_LINE)]
HeaderName = Annotated[str, StringConstraints(pattern=_HEADER_NAME)]
Place = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Where something lies in an answer: names with dots between them, such as `data.orders`; empty for the whole. A dot
that belongs to a name has a backslash before it: `@odata\\.nextLink`."""

Expression = Annotated[str, StringConstraints(max_length=500, pattern=_ONE_LINE), AfterValidator(checked)]
"""What is asked of an answer: a place, or JMESPath."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Paging(_Part):
    """How the pages of a list follow each other.

    `page` and `offset` count, until a page has no records; `cursor` sends what lies at `next` in an answer; `next-url`
    and `link` go to the address that the answer names, at `next` or in its header `Link`.
    """

    style: Literal["none", "page", "offset", "cursor", "next-url", "link"] = "none"
    parameter: Text = ""
    first: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    size_parameter: Text = ""
    size: Annotated[int, Field(ge=1, le=10_000)] = 100
    next: Place = ""
    past_the_end: Annotated[int, Field(ge=400, le=499)] = 404
    """The status beyond the last page, where a service does not give an empty one."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.style in {"page", "offset", "cursor"} and not self.parameter:
            raise ValueError(f"paging by {self.style} needs “parameter”: the query parameter that it is sent in")
        if self.style in {"cursor", "next-url"} and not self.next:
            raise ValueError(f"paging by {self.style} needs “next”: where it lies in the answer")
        return self


class Filter(_Part):
    """A filter of an action: the query parameter that it is sent in, and the operator that it stands for."""

    parameter: Name
    operator: Literal["=", "!=", "<", "<=", ">", ">="] | None = None
    expression: Text = ""
    """What is sent, with `{value}` for the value, in which single quotes are doubled: `UpdateDate ge '{value}'`.
    Several of the same parameter are joined by “and”, as OData has it."""
    form: Literal["as-is", "day-before"] = "as-is"
    """In which form the value is sent. `day-before` is for services that keep the day of a change, in their own time
    zone: of a moment, the day before it in UTC is sent, so that no change is missed wherever the service is."""
    until: Name | None = None
    """The filter that selects by a latest moment, where this one selects by a least moment."""

    @field_validator("expression")
    @classmethod
    def _has_value(cls, expression: str) -> str:
        if expression and set(names_in(expression)) != {"value"}:
            raise ValueError("an expression needs {value}, and no other name")
        return expression

    def takes(self, operator: str) -> bool:
        """Whether it can be sent with this operator."""
        return operator == self.operator if self.operator else operator in {"=", ">="}


class Request(_Part):
    """A request: its path below the base URL, with `{attribute}` for values of a record."""

    path: Text
    query: dict[Name, Text] = Field(default_factory=dict, max_length=50)
    headers: dict[HeaderName, Text] = Field(default_factory=dict, max_length=50)
    quoted: bool = False
    """Whether values stand between single quotes, as in OData: a quote in one is doubled."""

    @field_validator("path")
    @classmethod
    def _stays_below(cls, path: str) -> str:
        if not re.fullmatch(r"/[^\s?#\\]*", path):
            raise ValueError("a path begins with / and has no spaces; what comes after ? belongs into query")
        if any(part in {".", ".."} for part in path.split("/")):
            raise ValueError("a path must not lead upwards")
        names_in(path)
        return path

    @field_validator("query")
    @classmethod
    def _has_names(cls, query: dict[str, str]) -> dict[str, str]:
        for text in query.values():
            names_in(text)
        return query

    @property
    def names(self) -> frozenset[str]:
        """The attributes whose values it needs."""
        return frozenset(name for text in (self.path, *self.query.values()) for name in names_in(text))


class ById(Request):
    """How one record is read by its id, `{id}`; `record` is where it lies in the answer."""

    record: Place = ""


class Reading(Request):
    """An action that reads records, which lie at `records` in an answer."""

    records: Place = ""
    absent_if_empty: bool = False
    """Whether the service leaves the list away where it is empty. Without it, such an answer is an error."""
    paging: Paging = Paging()
    filters: dict[Name, Filter] = Field(default_factory=dict, max_length=100)
    by_id: ById | None = None
    text: Text = ""

    @field_validator("filters", mode="before")
    @classmethod
    def _short_forms(cls, given: object) -> object:
        if isinstance(given, list):
            given = {name: name for name in given if isinstance(name, str)}
        if not isinstance(given, dict):
            return given
        return {name: {"parameter": one} if isinstance(one, str) else one for name, one in given.items()}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.names:
            raise ValueError(f"a list is read without a record, so that {{{min(self.names)}}} has no value")
        for name, one in self.filters.items():
            if one.until is not None and one.until not in self.filters:
                raise ValueError(f"the filter “{name}” names “{one.until}”, which is no filter of it")
        if self.by_id is not None and self.by_id.names != {"id"}:
            raise ValueError("by_id needs {id} in its path or query, and no other value")
        return self


class Find(Request):
    """How records are found again before one is written a second time, by values that name it. `records` and
    `absent_if_empty` are as in `Reading`."""

    records: Place = ""
    absent_if_empty: bool = False
    single: bool = False
    """The answer is one record, or 404."""
    others: bool = False
    """Whether the service may list others beside the one that is looked for, as a search in names does. The list has to
    be complete then. Without it, an answer with others alone is an error: the service does not know the filter."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.names:
            raise ValueError("find needs a value of the record, such as {reference}, in its path or query")
        return self


class Together(_Part):
    """How several records go in one request, `size` at most, and how its answer is told apart. Without `results`, an
    answer of success says that all of them were written."""

    size: Annotated[int, Field(ge=2, le=1_000)] = 50
    each: Name | Literal[""] = ""
    """Under which name each record stands in the list; in XML, its element."""
    besides: dict[Name, JsonValue] = Field(default_factory=dict, max_length=50)
    """What stands beside the list, the same in each request."""
    identity: Name | Literal[""] = ""
    """Under which name a record that is there gets its id."""
    results: Expression = ""
    """Where the results lie in an answer: a list, of which each tells of one record."""
    index: Expression = ""
    """Where, in a result, the number of its record in the request lies, counted from `first`. Without it and `match`,
    results are in the order of the records, and there are as many."""
    first: Annotated[int, Field(ge=0, le=1)] = 0
    match: dict[Name, Expression] = Field(default_factory=dict, max_length=10)
    """The attributes that tell whose result it is, and where their values lie in it."""

    @model_validator(mode="after")
    def _clear(self) -> Self:
        if (self.index or self.match) and not self.results:
            raise ValueError("index and match need “results”: where the results that they tell apart lie")
        if self.index and self.match:
            raise ValueError("a result is told by index or by match, not by both")
        return self


class Sending(Request):
    """A request that writes one record, or several; `method` is the HTTP method."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"]
    wrap: Place = ""
    """Under which names the record stands in what is sent, such as `order`; with `batch`, the list of records."""
    id: Expression = ""
    """Where the record's id lies in the answer; with results, in the result."""
    batch: Together | None = None

    @model_validator(mode="after")
    def _one_for_all(self) -> Self:
        if self.batch is not None and self.names:
            raise ValueError(f"several records go to one address, so that {{{min(self.names)}}} has no value")
        if self.batch is not None and self.batch.besides and not self.wrap:
            raise ValueError("besides needs “wrap”: the name that the list stands under")
        return self


class Writing(_Part):
    """An action that writes: it creates, updates, both (then it finds out which), or deletes."""

    create: Sending | None = None
    update: Sending | None = None
    delete: Sending | None = None
    find: Find | None = None
    asks_first: bool = True
    """Whether a record is looked for before it is created. Not needed where the service itself refuses a second one."""
    reason: Expression = ""
    """Where the reason lies in an answer that refuses a record; with results, in the result."""
    refused: Expression = ""
    """What, in an answer of success or in a result, means that the record was refused all the same."""
    success: Expression = ""
    """What, in an answer of success or in a result, has to be so where the record was written."""
    text: Text = ""

    @property
    def together(self) -> int:
        """How many records go in one request at most."""
        sendings = (self.create, self.update, self.delete)
        return max((one.batch.size for one in sendings if one is not None and one.batch is not None), default=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.delete is not None and (self.create or self.update):
            raise ValueError("an action that deletes does nothing else")
        if not (self.create or self.update or self.delete):
            raise ValueError("needs create, update or delete")
        if self.create is not None and self.find is None:
            raise ValueError(
                "an action that creates needs find: where an answer is lost, it is looked up, not repeated"
            )
        told = self.success or self.refused
        for one in (self.create, self.update, self.delete):
            if one is not None and one.batch and one.batch.results and not (told or (one is self.create and one.id)):
                raise ValueError(
                    "results need “success” or “refused”: what tells in one whether its record was written"
                )
        return self


class SchemaPart(_Part):
    """A schema: the attribute that identifies its records, what else they have, and the actions."""

    key: Place
    attributes: dict[Name, DataType] = Field(default_factory=dict, max_length=2_000)
    actions: dict[Name, Reading | Writing] = Field(min_length=1, max_length=50)
    text: Text = ""

    @field_validator("key")
    @classmethod
    def _not_empty(cls, key: str) -> str:
        if not key.strip("."):
            raise ValueError("names no attribute")
        return key

    @field_validator("actions", mode="before")
    @classmethod
    def _which(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        return {name: _reading_or_writing(name, one) for name, one in given.items()}


class Bundle(_Part):
    """Where several whole requests go in one, those that write and those that find before it: OData's `$batch`."""

    path: Text = "/$batch"
    size: Annotated[int, Field(ge=2, le=1_000)] = 50


class Description(_Part):
    """A whole service."""

    service: Literal[1]
    title: Text = ""
    format: Literal["json", "xml"] = "json"
    """What the service sends and takes."""
    check: Request | None = None
    """What Validate asks for; without it, the first list."""
    headers: dict[HeaderName, Text] = Field(default_factory=dict, max_length=50)
    odata_batch: Bundle | None = None
    schemas: dict[Name, SchemaPart] = Field(min_length=1, max_length=500)

    @field_validator("check", mode="before")
    @classmethod
    def _short_check(cls, given: object) -> object:
        return {"path": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _has_roots(self) -> Self:
        """An XML document has an element around everything."""
        if self.format == "xml":
            if self.odata_batch is not None:
                raise ValueError("odata_batch needs a service that speaks JSON")
            for name, schema in self.schemas.items():
                for action in schema.actions.values():
                    if isinstance(action, Writing) and any(
                        one is not None and not one.wrap for one in (action.create, action.update)
                    ):
                        raise ValueError(f"“{name}” is sent as XML, so that each create and update needs “wrap”")
                    if isinstance(action, Writing) and any(
                        one is not None and one.batch is not None and not (one.wrap and one.batch.each)
                        for one in (action.create, action.update, action.delete)
                    ):
                        raise ValueError(f"“{name}” is sent as XML, so that each batch needs “wrap” and “each”")
        return self


@lru_cache(maxsize=32)
def parse(text: str) -> Description:
    """A description.

    Raises:
        ConfigurationError: code `description`, with the place; its field is that of the description.
    """
    if len(text) > MOST_DOCUMENT_CHARACTERS:
        raise _wrong("", f"it is longer than {MOST_DOCUMENT_CHARACTERS:,} characters")
    try:
        found = Description.model_validate(tree_of(text))
    except MistakeError as error:
        raise _wrong(error.place, error.why) from None
    except ValidationError as error:
        raise _wrong(*_first(error.errors(include_url=False))) from None
    return found


def _reading_or_writing(name: object, given: object) -> object:
    """Which of the two an action is, so that a mistake in it is told of that one alone, with its place."""
    if not isinstance(given, Mapping):
        return given
    kind: type[Reading | Writing] = Writing if given.keys() & {"create", "update", "delete"} else Reading
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        place, why = _first(error.errors(include_url=False))
        raise ValueError(f"{name}{f' → {place}' if place else ''}: {why}") from None


def _first(errors: list[ErrorDetails]) -> tuple[str, str]:
    """Place and reason of the first mistake."""
    error = errors[0]
    place = " → ".join(str(part) for part in error["loc"] if part not in {"[key]", "function-before", "function-after"})
    why = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        why = "there is no such key"
    if error["type"] == "missing":
        why = "it is missing"
    return place, why


def _wrong(place: str, why: str) -> ConfigurationError:
    where = f" at {place}" if place else ""
    return ConfigurationError(
        f"The service description is wrong{where}: {why}.",
        code="description",
        remedy="Correct it there; the guide page “REST services” shows what a description looks like.",
        field=DESCRIPTION,
    )
