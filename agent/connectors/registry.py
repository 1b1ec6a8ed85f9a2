"""All connectors there are, by id: our own and installed ones. They are imported when first asked for, so that
starting stays fast; one that cannot be loaded is told and keeps nobody else from working."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import cast

from agent import __version__
from agent.connectors.contract import Connector
from agent.connectors.foreign import Unloadable, foreign_connectors, unloadable

_CLASSES = {
    "bigcommerce": ("agent.connectors.bigcommerce", "BigCommerceConnector"),
    "files": ("agent.connectors.files", "FilesConnector"),
    "rest": ("agent.connectors.rest", "RestConnector"),
    "sap-business-one": ("agent.connectors.rest.sap", "SapConnector"),
    "sql": ("agent.connectors.sql", "SqlConnector"),
    "tryton": ("agent.connectors.tryton", "TrytonConnector"),
}


def connectors() -> Mapping[str, Connector]:
    """The connectors by id: one of each for the whole process, since they share what they know of an app's quota."""
    return _all()[0]


def unloadable_connectors() -> Mapping[str, Unloadable]:
    """The connectors that are installed and cannot be used, by id."""
    return _all()[1]


@cache
def _all() -> tuple[Mapping[str, Connector], Mapping[str, Unloadable]]:
    good: dict[str, Connector] = {}
    bad: dict[str, Unloadable] = {}
    for identity, (package, name) in _CLASSES.items():
        try:
            module = importlib.import_module(f"{package}.connector")
            good[identity] = cast("Connector", getattr(module, name)())
        except Exception as error:  # noqa: BLE001 - whatever one needs and does not find, the others work
            bad[identity] = unloadable(identity, error, distribution="OP Agent", version=__version__)
    more, worse = foreign_connectors(taken=_CLASSES)
    return MappingProxyType(good | more), MappingProxyType(bad | worse)
