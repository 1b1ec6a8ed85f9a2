"""The credential fields: which folder the files are in. It may be on this computer or on a share of the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from agent.connectors.contract import Prepared
from agent.domain.app import CredentialField
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret

FOLDER = "folder"

FIELDS = (
    CredentialField(
        name=FOLDER,
        label="Folder",
        help="The full path of the folder that the files are in, on this computer or on a network share. The account "
        "that the agent's service runs under needs access to it.",
        example="/srv/exchange/orders",
    ),
)

_QUOTES = "\"'`“”„‘’«»"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


def prepare(values: Mapping[str, str], _secrets: Mapping[str, Secret]) -> Prepared:
    """Tidy what people paste.

    Raises:
        ConfigurationError: it is no full path.
    """
    text = values.get(FOLDER, "").translate(_INVISIBLE).strip().strip(_QUOTES).strip()
    if not text:
        raise ConfigurationError("Enter the folder.", code="field-empty", field=FOLDER)
    if "\x00" in text or "\n" in text:
        raise _no_path("holds a character that no path can have")
    if not (PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()):
        raise _no_path("is no full path")
    if not Path(text).is_absolute():
        raise _no_path("is a path of another kind of computer")
    return Prepared({FOLDER: str(Path(text))}, {})


def folder_of(values: Mapping[str, str]) -> Path:
    """The folder of prepared values."""
    return Path(values[FOLDER])


def _no_path(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The folder {why}.",
        code="field-format",
        remedy="Write it from its beginning, such as /srv/exchange/orders or D:\\Exchange\\Orders.",
        field=FOLDER,
    )
