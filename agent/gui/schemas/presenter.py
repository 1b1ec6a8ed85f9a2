"""Decides what the dialog about an app's schemas shows: asks the app, searches, opens one. No Qt."""

from __future__ import annotations

from typing import Protocol

from agent.api import app_models
from agent.domain.errors import AgentError
from agent.gui.calls import Call, Calls


class SchemasView(Protocol):
    """What the presenter needs of the dialog."""

    def show_schemas(self, schemas: list[app_models.Schema], *, all_there: int) -> None:
        """Those that the search has left, of so many."""

    def show_schema(self, schema: app_models.Schema | None) -> None:
        """The one that was chosen."""

    def show_busy(self, *, busy: bool) -> None:
        """The app is being asked."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do; None takes it back."""


class SchemasPresenter:
    """One dialog, of one App Configuration."""

    def __init__(self, view: SchemasView, calls: Calls, configuration_id: str) -> None:
        self._view, self._calls, self._id = view, calls, configuration_id
        self._schemas: list[app_models.Schema] = []
        self._search = ""
        self._asked: Call | None = None

    def refresh(self) -> None:
        """Ask the app what it has now."""
        if self._asked is not None:
            return
        self._view.show_error(None)
        self._view.show_busy(busy=True)
        self._asked = self._calls.start(lambda client: client.described(self._id), self._on_schemas, self._on_failed)

    def search(self, text: str) -> None:
        """Leave those with this in their names, or in the name of an attribute."""
        self._search = text.casefold().strip()
        self._show()

    def choose(self, name: str) -> None:
        """Show one of them."""
        self._view.show_schema(next((one for one in self._schemas if one.name == name), None))

    def close(self) -> None:
        """Drop what is under way: the app is not asked any further."""
        self._calls.cancel_all()

    def _on_schemas(self, schemas: list[app_models.Schema]) -> None:
        self._asked = None
        self._schemas = schemas
        self._view.show_busy(busy=False)
        self._show()

    def _on_failed(self, error: AgentError) -> None:
        self._asked = None
        self._view.show_busy(busy=False)
        self._view.show_error(error)

    def _show(self) -> None:
        found = [one for one in self._schemas if _has(one, self._search)]
        self._view.show_schemas(found, all_there=len(self._schemas))


def _has(schema: app_models.Schema, text: str) -> bool:
    names = [schema.name, *(name for name, _ in paths(schema.attributes))]
    return any(text in name.casefold() for name in names)


def paths(attributes: list[app_models.Attribute], before: str = "") -> list[tuple[str, app_models.Attribute]]:
    """Every attribute with the path by which a mapping names it: the members of a collection come after it."""
    found: list[tuple[str, app_models.Attribute]] = []
    for one in attributes:
        found.append((f"{before}{one.name}", one))
        found += paths(one.members, f"{before}{one.name}.")
    return found
