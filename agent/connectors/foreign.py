"""Connectors from other distributions: found by their entry points, loaded one by one, and kept apart when broken.

A distribution names its connectors in the group `op_agent.connectors`: the app's id, and the class to call. Whatever is
wrong with one, the others are there all the same; it is told in a sentence with its remedy.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, cast

from agent.connectors.contract import CONTRACT_VERSION, Connector
from agent.domain.app import App

GROUP: Final = "op_agent.connectors"


@dataclass(frozen=True, slots=True)
class Unloadable:
    """A connector that cannot be used.

    Args:
        id: The app's id, as far as known.
        name: What to call it: its distribution, or the app's id.
        version: Of the distribution.
        message: What failed.
        remedy: What to do.
        detail: For support: the error, and the place in the connector's code.
    """

    id: str
    name: str
    version: str
    message: str
    remedy: str
    detail: str = ""


class _UnfitError(Exception):
    """A connector that was loaded and cannot be used."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message, self.remedy = message, remedy


def foreign_connectors(
    *, taken: Collection[str], found: Iterable[EntryPoint] | None = None
) -> tuple[dict[str, Connector], dict[str, Unloadable]]:
    """Every connector that is installed besides our own, and every one that cannot be used, by app id.

    Args:
        taken: App ids that others have already.
        found: The entry points; by default those of this Python installation.
    """
    good: dict[str, Connector] = {}
    bad: dict[str, Unloadable] = {}
    given = entry_points(group=GROUP) if found is None else found
    for entry in sorted(given, key=lambda one: (one.name, one.value)):
        try:
            good[entry.name] = _loaded(entry, taken={*taken, *good})
        # Code of others may raise anything while it is imported, and even want to end the program.
        except (Exception, SystemExit) as error:  # noqa: BLE001 - told to the operator, with the cause
            told = unloadable(entry.name, error, distribution=_distribution(entry), version=_version(entry))
            bad[told.id if told.id not in taken and told.id not in good else f"{told.id} ({told.name})"] = told
    return good, bad


def unloadable(identity: str, error: BaseException, *, distribution: str, version: str) -> Unloadable:
    """What to say of a connector that raised this when it was loaded."""
    if isinstance(error, _UnfitError):
        message, remedy, detail = error.message, error.remedy, ""
    elif isinstance(error, ModuleNotFoundError):
        message = f"It needs the Python module “{error.name}”, which is not installed."
        remedy = f"Install {distribution} again, with everything that it needs, then restart the service."
        detail = _place(error)
    else:
        message = f"It broke off while it was loaded ({type(error).__name__})."
        remedy = f"Install another version of {distribution}, or ask who made it; then restart the service."
        detail = _place(error)
    return Unloadable(identity, distribution or identity, version, message, remedy, detail)


def _loaded(entry: EntryPoint, *, taken: Collection[str]) -> Connector:
    if entry.name in taken:
        raise _UnfitError(f"Another connector has the app id “{entry.name}” already.", "Uninstall one of the two.")
    made = entry.load()
    connector = made() if isinstance(made, type) else made
    version = getattr(connector, "contract_version", None)
    if version != CONTRACT_VERSION:
        raise _UnfitError(*_other_contract(version))
    app = getattr(connector, "app", None)
    if not isinstance(app, App) or not all(callable(getattr(connector, name, None)) for name in _METHODS):
        raise _UnfitError(
            f"What {entry.value} gives is no connector: it lacks one of app, {', '.join(_METHODS)}.",
            "Ask who made it for another version.",
        )
    if app.id != entry.name:
        raise _UnfitError(
            f"It was installed as “{entry.name}”, but calls its app “{app.id}”.", "Ask who made it for another version."
        )
    return cast("Connector", connector)


_METHODS = ("prepare", "schema", "open")


def _other_contract(version: object) -> tuple[str, str]:
    if not isinstance(version, int):
        return (
            "It does not say which contract of OP Agent it was made for.",
            "Ask who made it to set contract_version; docs/connectors.md says how.",
        )
    message = f"It was made for contract {version} of OP Agent; this agent has contract {CONTRACT_VERSION}."
    if version > CONTRACT_VERSION:
        return message, "Update OP Agent."
    return message, "Install a newer version of the connector, then restart the service."


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if not frame.filename.startswith("<")), None)
    where = f" ({Path(last.filename).name}, line {last.lineno})" if last is not None else ""
    return f"{type(error).__name__}: {error}{where}; Python is {sys.executable}"


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.name


def _version(entry: EntryPoint) -> str:
    return entry.dist.version if entry.dist is not None else ""
