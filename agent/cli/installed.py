"""Connectors that are installed for this Python and that the service does not know: it was started before."""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import entry_points
from typing import Final

GROUP: Final = "op_agent.connectors"
"""The entry points by which connectors are found, as in `agent.connectors.foreign`, which no front end may import."""

RESTART: Final = "Run “opagent service stop”, then “opagent service start”."


def unseen(known: Collection[str]) -> list[str]:
    """The app ids of installed connectors that are not among those that the service knows."""
    # One that cannot be loaded and has another's id is known as “id (distribution)”.
    taken = {one.partition(" (")[0] for one in known}
    return sorted({entry.name for entry in entry_points(group=GROUP)} - taken)
