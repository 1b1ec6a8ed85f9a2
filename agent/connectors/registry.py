"""All connectors there are, by id. They are imported when first asked for, so that starting stays fast."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import cast

from agent.connectors.contract import Connector

_CLASSES = {
    "bigcommerce": ("agent.connectors.bigcommerce", "BigCommerceConnector"),
    "sql": ("agent.connectors.sql", "SqlConnector"),
}


@cache
def connectors() -> Mapping[str, Connector]:
    """The connectors by id: one of each for the whole process, since they share what they know of an app's quota."""
    found: dict[str, Connector] = {}
    for identity, (package, name) in _CLASSES.items():
        if find_spec(package) is not None and find_spec(f"{package}.connector") is not None:
            module = importlib.import_module(f"{package}.connector")
            found[identity] = cast("Connector", getattr(module, name)())
    return MappingProxyType(found)
