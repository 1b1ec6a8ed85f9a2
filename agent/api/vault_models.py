"""The contract's words for the vault that secrets are kept in, and where its key comes from."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr

from agent.api.base_models import Model, Name, Request


class VaultSource(Model):
    """Where the vault's key can come from. `works` says whether it would on this machine, `cure` what to do if not."""

    kind: str
    label: str
    works: bool
    needs: Literal["nothing", "passphrase", "path"] = "nothing"
    state: str
    cure: str = ""


class Vault(Model):
    """The vault that secrets are kept in: `state` is one of not set up, open, locked, missing, damaged."""

    state: str
    source: VaultSource | None
    sources: list[VaultSource]
    cure: str = ""


class VaultSetUp(Request):
    """Choose where the vault's key comes from, knowingly.

    `start_afresh` gives up what a missing or damaged vault held.
    """

    kind: Name
    passphrase: SecretStr | None = None
    path: str | None = None
    start_afresh: bool = False


class VaultSourceChange(Request):
    """Let the key of an open vault come from another source, or replace it by a new one of the same source."""

    kind: Name
    passphrase: SecretStr | None = None
    path: str | None = None


class VaultUnlock(Request):
    """Open a vault that is locked with a passphrase, or try the operating system's vault again."""

    passphrase: SecretStr | None = None
