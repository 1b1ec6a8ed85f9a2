"""Which file names are safe: those that stay in the folder, on every kind of computer."""

from __future__ import annotations

import re

from agent.domain.errors import ConfigurationError

_FORBIDDEN = re.compile(r'[\x00-\x1f/\\:"<>|]')
_DEVICES = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?:\..*)?", re.IGNORECASE)
_UNFINISHED = (".part", ".tmp", ".temp", ".partial", ".crdownload", ".filepart", ".lock", ".swp")
_LONGEST = 200


def plain_name(name: str, *, field: str) -> str:
    """A name, or a pattern for names, that leads nowhere else.

    Raises:
        ConfigurationError: it holds a path, or what some system does not allow in names.
    """
    wrong = (
        not name
        or len(name) > _LONGEST
        or _FORBIDDEN.search(name)
        or name.startswith(".")
        or name[-1:] in ". "
        or _DEVICES.fullmatch(name)
    )
    if wrong:
        raise ConfigurationError(
            f"“{name[:60]}” cannot be the name of a file in the folder.",
            code="file-name",
            remedy='Write a name without a path and without any of the signs / \\ : " < > | such as orders.csv. '
            "For another folder make another App Configuration.",
            field=field,
        )
    return name


def left_alone(name: str) -> bool:
    """Whether a file of that name is hidden, a lock, or not finished by who writes it."""
    return name.startswith((".", "~")) or name.casefold().endswith(_UNFINISHED)
