"""What the vault asks of a key source, and what a source says of itself."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from agent.domain.errors import ConfigurationError
from agent.store.vaults.file import KEY_BYTES

Needs: TypeAlias = Literal["nothing", "passphrase", "path"]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """Whether a source works on this machine now, and what to do if not."""

    kind: str
    label: str
    works: bool
    state: str
    needs: Needs = "nothing"
    cure: str = ""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key, and what the vault's header has to remember so that the source finds it again."""

    key: bytes = field(repr=False)
    parameters: Mapping[str, str]


class KeySource(Protocol):
    """One way to keep the key. Calls may take seconds; none of them belongs on an event loop."""

    @property
    def kind(self) -> str:
        """The stable name of this kind of source."""
        ...

    def report(self) -> SourceReport:
        """How it is here and now. Asks nobody for anything."""
        ...

    def key(self, parameters: Mapping[str, str]) -> bytes:
        """The key that these parameters stand for.

        Raises:
            ConfigurationError: it cannot be had now; message and remedy say why and what to do.
        """
        ...

    def new_key(self) -> NewKey:
        """A key for a new vault, kept by the source already. Keys made earlier stay valid."""
        ...

    def retire(self, parameters: Mapping[str, str]) -> None:
        """This key is in use no longer."""
        ...


def random_key() -> bytes:
    """A fresh key."""
    return os.urandom(KEY_BYTES)


def key_to_text(key: bytes) -> str:
    """A key as 44 characters."""
    return base64.b64encode(key).decode("ascii")


def key_from_text(text: str) -> bytes:
    """The key of 44 characters.

    Raises:
        ConfigurationError: code `vault-key-invalid`.
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            "What the key source holds is not a key.",
            code="vault-key-invalid",
            remedy=f"A key is {KEY_BYTES} random bytes in base64, as “openssl rand -base64 {KEY_BYTES}” prints them.",
        )
    return key
