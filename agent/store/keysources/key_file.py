"""A key file that only the agent's account can read: for servers where nobody is there to type a passphrase.

Each line is `name key`. A new key is added before it is used and the old one is taken out after it was replaced, so
that a crash in between locks nobody out. On Windows the file is protected by its folder's access list alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from agent.domain.errors import ConfigurationError
from agent.store.keysources.source import NewKey, SourceReport, key_from_text, key_to_text, random_key
from agent.store.private_files import is_private, write_private


class KeyFile:
    """Keys in a file. `path` is None while none was chosen."""

    kind = "key-file"

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def report(self) -> SourceReport:
        """Works wherever the file can be read, or its folder written."""
        state, cure = self._state()
        return SourceReport(
            self.kind,
            "A key file that only this account can read",
            works=state == "available",
            needs="path",
            state=state,
            cure=cure,
        )

    def key(self, parameters: Mapping[str, str]) -> bytes:
        """The key of that name."""
        keys = self._read()
        text = keys.get(parameters.get("entry", ""))
        if text is None:
            raise ConfigurationError(
                f"The key file {self._chosen()} does not hold this vault's key.",
                code="vault-key-missing",
                remedy="Put the key file back from a backup.",
            )
        return key_from_text(text)

    def new_key(self) -> NewKey:
        """A fresh key, added to the file, which is made when it is not there."""
        path = self._chosen()
        keys = self._read() if path.exists() else {}
        name, key = secrets.token_hex(4), random_key()
        self._write(keys | {name: key_to_text(key)})
        return NewKey(key, {"kind": self.kind, "path": str(path), "entry": name})

    def retire(self, parameters: Mapping[str, str]) -> None:
        """Take the key out of the file."""
        keys = self._read()
        with suppress(KeyError):
            del keys[parameters["entry"]]
            self._write(keys)

    def _state(self) -> tuple[str, str]:
        if self._path is None:
            return "available", ""
        if not self._path.is_absolute():
            return "absent", "Enter the file's complete path."
        try:
            if not self._path.exists():
                folder = self._path.parent
                return ("available", "") if folder.is_dir() else ("absent", f"Make the folder {folder} first.")
            self._read()
        except ConfigurationError as error:
            return "locked", error.remedy
        return "available", ""

    def _chosen(self) -> Path:
        if self._path is None or not self._path.is_absolute():
            raise ConfigurationError(
                "No key file was chosen.",
                code="vault-path-needed",
                remedy="Enter the complete path of the key file.",
                field="path",
            )
        return self._path

    def _read(self) -> dict[str, str]:
        path = self._chosen()
        try:
            if not is_private(path):
                raise ConfigurationError(
                    f"Other accounts can read the key file {path}, so it is not used.",
                    code="vault-key-exposed",
                    remedy=f"Make it yours alone: chown it to the agent's account and run chmod 600 {path}.",
                    field="path",
                )
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"The key file {path} cannot be read.",
                code="vault-key-missing",
                remedy="Put it back, or give the agent's account access to it.",
                detail=type(error).__name__,
                field="path",
            ) from error
        return {name: key for name, _, key in (line.strip().partition(" ") for line in lines) if key}

    def _write(self, keys: Mapping[str, str]) -> None:
        write_private(self._chosen(), "".join(f"{name} {key}\n" for name, key in keys.items()).encode("utf-8"))
