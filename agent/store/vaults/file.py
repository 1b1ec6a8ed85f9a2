"""The bytes of the vault: what is encrypted with what, bound to what. No disk, no locks, no key sources.

A JSON document with a header in clear (format, version, the vault's id, where its key comes from) and, under
AES-256-GCM with a fresh nonce each:

- a *canary*, bound to the header: it tells a wrong key from a damaged file,
- every *entry*, bound to the header and to its own name: an entry that was moved to another name does not open,
- a *seal* over all entries: nothing can be removed, added or put back to an older state unnoticed.

Names of entries are in clear, values never are.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret

KEY_BYTES = 32
_FORMAT = "op-agent-vault"
_VERSION = 1
_NONCE_BYTES = 12
_CANARY = b"canary"


class DamagedVaultError(ConfigurationError):
    """The file is no vault any more, or was changed by something else than the agent."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            "The vault is damaged.",
            code="vault-damaged",
            remedy="Put the vault's file back from a backup, or set up a new vault and enter the credentials again.",
            detail=detail,
        )


class WrongKeyError(ConfigurationError):
    """The key does not open this vault."""

    def __init__(self) -> None:
        super().__init__(
            "The key does not fit the vault.",
            code="vault-wrong-key",
            remedy="Bring back the key that the vault was made with, or set up a new vault.",
        )


@dataclass(frozen=True, slots=True)
class VaultFile:
    """A vault as it lies on disk. `key` says where the key comes from, in the words of its source."""

    id: str
    key: Mapping[str, str]
    canary: str
    entries: Mapping[str, str]
    seal: str


def new_file(key: bytes, parameters: Mapping[str, str]) -> VaultFile:
    """An empty vault."""
    bare = VaultFile(secrets.token_hex(8), dict(parameters), "", {}, "")
    bare = replace(bare, canary=_encrypt(key, _CANARY, _bound(bare, "canary")))
    return _sealed(bare, key)


def check(file: VaultFile, key: bytes) -> None:
    """Make sure that the key fits and nothing was changed.

    Raises:
        WrongKeyError: the key is another one.
        DamagedVaultError: the key fits, and the entries are not those that were sealed.
    """
    try:
        if _decrypt(key, file.canary, _bound(file, "canary")) != _CANARY:
            raise WrongKeyError
    except InvalidTag:
        raise WrongKeyError from None
    try:
        _decrypt(key, file.seal, _bound(file, "seal", *_flat(file.entries)))
    except InvalidTag:
        raise DamagedVaultError("The seal does not fit the entries.") from None


def read_entry(file: VaultFile, key: bytes, name: str) -> Secret | None:
    """The secret of that name.

    Raises:
        DamagedVaultError: the entry was not written under this name.
    """
    found = file.entries.get(name)
    if found is None:
        return None
    try:
        return Secret(_decrypt(key, found, _bound(file, "entry", name)).decode("utf-8"))
    except InvalidTag:
        raise DamagedVaultError(f"The entry {name} does not open.") from None


def changed(file: VaultFile, key: bytes, *, written: Mapping[str, Secret], removed: Iterable[str] = ()) -> VaultFile:
    """The vault with entries written and others removed; the rest stays byte for byte."""
    gone = set(removed)
    entries = {name: entry for name, entry in file.entries.items() if name not in gone}
    for name, secret in written.items():
        entries[name] = _encrypt(key, secret.reveal().encode("utf-8"), _bound(file, "entry", name))
    return _sealed(replace(file, entries=entries), key)


def rekeyed(file: VaultFile, key: bytes, *, new_key: bytes, parameters: Mapping[str, str]) -> VaultFile:
    """A vault with the same secrets under another key."""
    opened = {name: read_entry(file, key, name) for name in file.entries}
    return changed(
        new_file(new_key, parameters), new_key, written={name: s for name, s in opened.items() if s is not None}
    )


def to_bytes(file: VaultFile) -> bytes:
    """What is written to disk."""
    document = {
        "format": _FORMAT,
        "version": _VERSION,
        "id": file.id,
        "key": dict(file.key),
        "canary": file.canary,
        "entries": dict(sorted(file.entries.items())),
        "seal": file.seal,
    }
    return json.dumps(document, indent=1).encode("utf-8") + b"\n"


def from_bytes(content: bytes) -> VaultFile:
    """What was read from disk.

    Raises:
        DamagedVaultError: this is no vault.
        ConfigurationError: code `vault-newer`: a newer agent wrote it.
    """
    try:
        document = json.loads(content)
        if document["format"] != _FORMAT:
            raise DamagedVaultError("Another format.")
        if document["version"] != _VERSION:
            raise ConfigurationError(
                "The vault was written by a newer version of the agent.",
                code="vault-newer",
                remedy="Install that version or a later one.",
            )
        return VaultFile(
            id=_text(document["id"]),
            key=_texts(document["key"]),
            canary=_text(document["canary"]),
            entries=_texts(document["entries"]),
            seal=_text(document["seal"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedVaultError(f"Not a vault: {type(error).__name__}.") from None


def _sealed(file: VaultFile, key: bytes) -> VaultFile:
    return replace(file, seal=_encrypt(key, b"", _bound(file, "seal", *_flat(file.entries))))


def _bound(file: VaultFile, purpose: str, *more: str) -> bytes:
    return json.dumps([_FORMAT, _VERSION, file.id, sorted(file.key.items()), purpose, *more]).encode("utf-8")


def _flat(entries: Mapping[str, str]) -> list[str]:
    return [text for item in sorted(entries.items()) for text in item]


def _encrypt(key: bytes, plain: bytes, bound: bytes) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, plain, bound)).decode("ascii")


def _decrypt(key: bytes, sealed: str, bound: bytes) -> bytes:
    try:
        content = base64.b64decode(sealed, validate=True)
        return AESGCM(key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], bound)
    except (binascii.Error, ValueError):
        raise DamagedVaultError("An entry is cut off.") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError
    return {_text(name): _text(text) for name, text in value.items()}
