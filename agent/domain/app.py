"""An app as the agent knows it: its credential fields, schemas, attributes, actions and the filters they accept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class DataType(StrEnum):
    """The types of an attribute. How a value of each travels inside the agent is in `agent.domain.packet`."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    JSON = "json"
    COLLECTION = "collection"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One field of a schema. `members` are the fields of a collection's records, empty otherwise."""

    name: str
    type: DataType = DataType.TEXT
    required: bool = False
    primary: bool = False
    description: str = ""
    members: tuple[Attribute, ...] = ()


class ActionKind(StrEnum):
    """What an action does with a schema."""

    READ = "read"
    WRITE = "write"


class Combining(StrEnum):
    """How far an action can combine filter clauses other than that all of them have to hold."""

    ALL = "all"
    """Not at all."""
    ANY = "any"
    """Groups of clauses of which one has to hold; no groups in groups."""
    TREE = "tree"
    """Groups in groups, of both kinds."""


@dataclass(frozen=True, slots=True)
class Action:
    """An operation on a schema, e.g. orders GET or product PUT.

    `renamed_filters` maps filter names that other versions of the app's API use to the name that this action takes.
    `combining`, `header_filters` and `body_filters` say what else of a filter the action can send.
    `options` are the names of extra keys that a processflow node may carry for this action, with a help text each.

    `by_id` means that chosen records can be read by their ids, many at once: see `ReadRequest.ids`. `shaping` names the
    filters that say what comes with a record, not which records come. Filters that
    begin with `parameter_prefix` give values to what the node's options name, so that nothing can be read without them.
    `upper_bounds` leads from a filter that selects by a least moment to the one that selects by a latest moment of the
    same kind. `windowed_by` is the option that
    names the column by which the action itself finds what changed in a window: see `ReadRequest.window`.
    """

    name: str
    kind: ActionKind
    description: str = ""
    filters: frozenset[str] = frozenset()
    renamed_filters: Mapping[str, str] = field(default_factory=dict)
    any_filter: bool = False
    combining: Combining = Combining.ALL
    header_filters: bool = True
    body_filters: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    by_id: bool = False
    shaping: frozenset[str] = frozenset()
    parameter_prefix: str = ""
    upper_bounds: Mapping[str, str] = field(default_factory=dict)
    windowed_by: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """An entity of an app. `open_attributes` means that the app takes any attribute (a table that is widened)."""

    name: str
    attributes: tuple[Attribute, ...] = ()
    actions: tuple[Action, ...] = ()
    open_attributes: bool = False
    description: str = ""

    @property
    def primary_key(self) -> str | None:
        """The name of the attribute that identifies a record."""
        return next((attribute.name for attribute in self.attributes if attribute.primary), None)

    def action(self, name: str) -> Action | None:
        """The action of that name, compared without case."""
        return next((action for action in self.actions if action.name.casefold() == name.casefold()), None)

    def attribute(self, path: str) -> Attribute | None:
        """The attribute at a dotted path such as `billing_address.email`, or None."""
        attributes: tuple[Attribute, ...] = self.attributes
        found: Attribute | None = None
        for part in path.split("."):
            found = next((attribute for attribute in attributes if attribute.name == part), None)
            if found is None:
                return None
            attributes = found.members
        return found


class FieldKind(StrEnum):
    """How a credential field is entered."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - the kind of a field, not a secret
    CHOICE = "choice"
    FILE = "file"
    DOCUMENT = "document"
    """A text of many lines, which may come from a file."""


MOST_DOCUMENT_CHARACTERS = 400_000
"""The longest value of a credential field, of which one may be a whole document."""


@dataclass(frozen=True, slots=True)
class ChoiceWords:
    """What is said of a field where another one, `field`, has the value `choice`: in place of its own words."""

    field: str
    choice: str
    help: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One field of an app's credential form.

    `shown_when` names another field, and then the choices of it for which this one means anything. `words` are its help
    and example for single choices of another field.
    """

    name: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = True
    help: str = ""
    example: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""
    shown_when: tuple[str, ...] | None = None
    words: tuple[ChoiceWords, ...] = ()

    def counts_with(self, values: Mapping[str, str]) -> bool:
        """Whether this field means anything beside these plain values."""
        return self.shown_when is None or values.get(self.shown_when[0]) in self.shown_when[1:]


@dataclass(frozen=True, slots=True)
class App:
    """An app and what its connector offers.

    `open_schemas` means that schema names are not fixed (tables of a database); `template` is then what every
    schema looks like.
    """

    id: str
    name: str
    version: str
    description: str
    fields: tuple[CredentialField, ...]
    schemas: tuple[Schema, ...] = ()
    open_schemas: bool = False
    template: Schema | None = None

    def schema(self, name: str) -> Schema | None:
        """The schema of that name; the template where the app's schemas are open."""
        found = next((schema for schema in self.schemas if schema.name == name), None)
        return found or (self.template if self.open_schemas else None)
