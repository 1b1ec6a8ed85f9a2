"""The vault on disk: opened with a key, used by several threads and processes, replaced whole or not at all.

It never makes a vault by itself where there is none: `create` is for somebody who knows that none is expected. What
the bytes mean is `vault_file`'s business, where the key comes from is `keysources`'.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

from agent.domain.errors import AgentError, ConfigurationError, ConflictError
from agent.domain.secret import Secret
from agent.store.file_lock import locked
from agent.store.keysources.source import KeySource, NewKey
from agent.store.private_files import remove_leftovers, write_private
from agent.store.vaults import file as vault_file
from agent.store.vaults.file import DamagedVaultError, VaultFile

_LONGEST_NAME = 500
_Stamp = tuple[int, int, int]


class VaultState(StrEnum):
    """How the vault is, in the words of the contract."""

    NOT_SET_UP = "not set up"
    MISSING = "missing"
    LOCKED = "locked"
    OPEN = "open"
    DAMAGED = "damaged"


class Vault:
    """One vault file and the source of its key. Thread-safe, and safe beside other processes."""

    def __init__(self, path: Path, key_source: KeySource) -> None:
        self._path = path
        self._source = key_source
        self._lock = threading.RLock()
        self._key: bytes | None = None
        self._file: VaultFile | None = None
        self._stamp: _Stamp | None = None
        self._damage: DamagedVaultError | None = None

    @property
    def state(self) -> VaultState:
        """How it is now."""
        with self._lock:
            if not self._path.exists():
                return VaultState.MISSING
            if self._damage is not None:
                return VaultState.DAMAGED
            return VaultState.LOCKED if self._key is None else VaultState.OPEN

    def create(self) -> None:
        """Make an empty vault, open.

        Raises:
            ConflictError: code `vault-exists`.
            AgentError: the key source does not work here, or the file cannot be written.
        """
        with self._exclusive():
            if self._path.exists():
                raise ConflictError(
                    "There is a vault already.", code="vault-exists", remedy="Unlock it, or move its file away first."
                )
            made = self._source.new_key()
            try:
                self._write(vault_file.new_file(made.key, made.parameters), made.key)
            except BaseException:
                self._abandon(self._source, made)
                raise

    def unlock(self) -> None:
        """Fetch the key and make sure that it fits and nothing was changed.

        Raises:
            ConfigurationError: code `vault-missing`, `vault-damaged`, `vault-wrong-key`, or what the source says.
        """
        with self._lock:
            self._key = self._file = self._stamp = None
            self._refresh(fetch_key=True)

    def lock(self) -> None:
        """Forget the key."""
        with self._lock:
            self._key = self._file = self._stamp = None

    def get(self, name: str) -> Secret | None:
        """The secret of that name, or None where there is none.

        Raises:
            ConfigurationError: the vault is not open; the code says why.
        """
        with self._lock:
            file, key = self._refresh()
            try:
                return vault_file.read_entry(file, key, name)
            except DamagedVaultError as error:
                self._damage = error
                raise

    def names(self) -> list[str]:
        """The names of all secrets, sorted."""
        with self._lock:
            file, _ = self._refresh()
            return sorted(file.entries)

    def set_many(self, values: Mapping[str, Secret]) -> None:
        """Store secrets, all or none of them.

        Raises:
            ConfigurationError: the vault is not open.
            TransientError: the disk is full, or another process kept the vault for too long.
        """
        for name in values:
            if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
                raise ValueError("The name of a secret is one line of text.")
        self._change(written=values)

    def delete(self, names: Iterable[str]) -> None:
        """Remove secrets, all or none; names that are not there are fine."""
        self._change(removed=list(names))

    def rotate_key(self, new_source: KeySource | None = None) -> None:
        """Put everything under a new key, from this source or another one. The old key opens the vault until the very
        moment the new one does.

        Raises:
            ConflictError: code `vault-key-unchanged`: the source supplies the key that is in use.
        """
        with self._exclusive():
            file, key = self._refresh()
            source = new_source or self._source
            made = source.new_key()
            if made.key == key:
                raise ConflictError(
                    "The key source supplies the key that is in use already.",
                    code="vault-key-unchanged",
                    remedy="Change to another key source, replace the key there, and change back.",
                )
            try:
                new = vault_file.rekeyed(file, key, new_key=made.key, parameters=made.parameters)
                self._write(new, made.key)
            except BaseException:
                self._abandon(source, made)
                raise
            retiring, self._source = self._source, source
            with suppress(AgentError):  # a superfluous key that stays behind opens nothing
                retiring.retire(file.key)

    def _change(self, *, written: Mapping[str, Secret] | None = None, removed: Iterable[str] = ()) -> None:
        with self._exclusive():
            file, key = self._refresh()
            self._write(vault_file.changed(file, key, written=written or {}, removed=removed), key)

    def _abandon(self, source: KeySource, made: NewKey) -> None:
        """Give a new key back whose vault could not be written, unless the vault on disk is under it after all."""
        with suppress(AgentError, OSError):
            if not self._path.exists() or dict(self._read().key) != dict(made.parameters):
                source.retire(made.parameters)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with self._lock, locked(self._path.with_name(f"{self._path.name}.lock")):
            remove_leftovers(self._path)
            yield

    def _refresh(self, *, fetch_key: bool = False) -> tuple[VaultFile, bytes]:
        """The vault as it is on disk now, checked, and its key: another process may have written it."""
        if self._key is None and not fetch_key:
            raise self._closed()
        stamp = self._stamp_now()
        if self._file is not None and self._key is not None and stamp == self._stamp:
            return self._file, self._key
        try:
            file = self._read()
            same = self._key is not None and self._file is not None and dict(self._file.key) == dict(file.key)
            key = self._key if same and self._key is not None else self._source.key(file.key)
            vault_file.check(file, key)
        except DamagedVaultError as error:
            self._damage, self._key = error, None
            raise
        except ConfigurationError:
            self._key = None
            raise
        self._file, self._key, self._stamp, self._damage = file, key, stamp, None
        return file, key

    def _read(self) -> VaultFile:
        try:
            return vault_file.from_bytes(self._path.read_bytes())
        except FileNotFoundError:
            raise missing() from None
        except OSError as error:
            raise ConfigurationError(
                "The vault's file cannot be read.",
                code="vault-unreadable",
                remedy="Give the account that runs the agent access to it.",
                detail=f"{self._path}: {type(error).__name__}",
            ) from error

    def _write(self, file: VaultFile, key: bytes) -> None:
        write_private(self._path, vault_file.to_bytes(file))
        self._file, self._key, self._stamp, self._damage = file, key, self._stamp_now(), None

    def _stamp_now(self) -> _Stamp | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _closed(self) -> ConfigurationError:
        if self._damage is not None:
            return self._damage
        if not self._path.exists():
            return missing()
        return ConfigurationError(
            "The vault is locked.", code="vault-locked", remedy="Unlock it under Settings → Vault, then try again."
        )


def missing() -> ConfigurationError:
    """The vault's file is not where it was."""
    return ConfigurationError(
        "The vault's file is missing, and with it the credentials that were saved.",
        code="vault-missing",
        remedy="Put it back from a backup, or set up a new vault and enter the credentials again.",
    )
