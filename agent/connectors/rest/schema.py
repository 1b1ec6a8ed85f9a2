"""What a REST service offers, as the agent shows and checks it: made from its description."""

from __future__ import annotations

from functools import lru_cache

from agent.connectors.rest.credentials import FIELDS
from agent.connectors.rest.description import Description, Reading, SchemaPart, Writing, parse
from agent.domain.app import Action, ActionKind, App, Attribute, DataType, Schema

_TEMPLATE = Schema(
    "",
    actions=(
        Action("GET", ActionKind.READ, "Reads records, as the service description says.", any_filter=True, by_id=True),
        *(
            Action(name, ActionKind.WRITE, "Writes records one by one, as the service description says.")
            for name in ("POST", "PUT", "PATCH", "UPSERT", "DELETE")
        ),
    ),
    open_attributes=True,
    description="The schemas and actions are those of the service description.",
)

APP = App(
    id="rest",
    name="REST service",
    version="1",
    description="Reads and writes records of any service with a REST interface, as a description of it says.",
    fields=FIELDS,
    open_schemas=True,
    template=_TEMPLATE,
)


def schema_of(name: str, text: str) -> Schema | None:
    """The schema of that name in a description; None where there is none."""
    return schemas_of(text).get(name)


@lru_cache(maxsize=32)
def schemas_of(text: str) -> dict[str, Schema]:
    """Every schema of a description."""
    description: Description = parse(text)
    return {name: _schema(name, part) for name, part in description.schemas.items()}


def template(name: str) -> Schema:
    """A schema as most services have it."""
    return Schema(name, actions=_TEMPLATE.actions, open_attributes=True, description=_TEMPLATE.description)


def _schema(name: str, part: SchemaPart) -> Schema:
    attributes = dict(part.attributes)
    attributes.setdefault(part.key, DataType.TEXT)
    return Schema(
        name,
        attributes=tuple(
            Attribute(one, DataType.JSON if kind is DataType.COLLECTION else kind, primary=one == part.key)
            for one, kind in attributes.items()
            if "." not in one
        ),
        actions=tuple(_action(one, action) for one, action in part.actions.items()),
        open_attributes=True,
        description=part.text,
    )


def _action(name: str, action: Reading | Writing) -> Action:
    if isinstance(action, Writing):
        return Action(name, ActionKind.WRITE, action.text or _what(action), header_filters=False)
    return Action(
        name,
        ActionKind.READ,
        action.text or f"Reads {action.path}.",
        filters=frozenset(action.filters),
        by_id=action.by_id is not None,
        upper_bounds={one: found.until for one, found in action.filters.items() if found.until is not None},
    )


def _what(action: Writing) -> str:
    if action.delete is not None:
        return "Deletes records."
    if action.create is not None and action.update is not None:
        return "Changes the records that are there, makes the others."
    return "Makes records." if action.create is not None else "Changes records."
