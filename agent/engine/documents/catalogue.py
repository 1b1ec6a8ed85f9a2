"""What the credential tokens of a processflow stand for: the apps, and their schemas as the bound configurations offer
them. Answers from metadata alone; nothing is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from agent.connectors.contract import Connector
from agent.domain.app import App, Attribute, DataType, Schema
from agent.domain.processflow import AppNode, Processflow
from agent.engine.mapping.paths import Path


class Bound(Protocol):
    """The App Configuration that a token is bound to, as far as it is needed here."""

    @property
    def app(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def values(self) -> Mapping[str, str]: ...


class Catalogue:
    """Schemas by credential token.

    Args:
        flow: The processflow.
        apps: Connectors, or their apps alone, by app id.
        bindings: The configurations by credential token; None before anything is bound.
    """

    def __init__(
        self, flow: Processflow, apps: Mapping[str, Connector | App], bindings: Mapping[str, Bound] | None = None
    ) -> None:
        self._flow = flow
        self._apps = apps
        self._bindings = bindings or {}

    def app(self, token: str) -> App | None:
        """The app that a token stands for."""
        found = self._apps.get(self._flow.credentials.get(token, ""))
        return found if found is None or isinstance(found, App) else found.app

    def schema(self, node: AppNode) -> Schema | None:
        """The schema that a node works on."""
        app_id = self._flow.credentials.get(node.credential, "")
        found = self._apps.get(app_id)
        if found is None or isinstance(found, App):
            return found.schema(node.schema) if found is not None else None
        bound = self._bindings.get(node.credential)
        return found.schema(node.schema, bound.values if bound is not None and bound.app == app_id else None)


def attribute_at(attributes: tuple[Attribute, ...], path: Path) -> tuple[Attribute | None, int]:
    """The attribute at a path, and how many steps of the path are known.

    Below an attribute of type json, and below one whose members are not described, every step counts as known; the
    attribute is then None.
    """
    found: Attribute | None = None
    for number, step in enumerate(path):
        found = next((attribute for attribute in attributes if attribute.name == step), None)
        if found is None:
            return None, number
        attributes = found.members
        if not attributes and found.type in (DataType.JSON, DataType.COLLECTION) and number + 1 < len(path):
            return None, len(path)
    return found, len(path)
