"""The one vault of an installation: which key source was chosen for it, how it stands, setting it up and opening it.

The choice is remembered twice: in the vault's own header, which counts, and in a small file beside the configuration,
which knows of the vault after its file has gone. Nothing is chosen silently: without a choice it is *not set up*.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.domain.errors import AgentError, ConfigurationError, ConflictError
from agent.domain.meant import meant
from agent.domain.secret import Secret
from agent.store.keysources.key_file import KeyFile
from agent.store.keysources.passphrase import Passphrase
from agent.store.keysources.source import KeySource, SourceReport
from agent.store.keysources.system_vault import SystemVault
from agent.store.keysources.systemd_credential import SystemdCredential
from agent.store.private_files import write_private
from agent.store.vaults import file as vault_file
from agent.store.vaults.vault import Vault, VaultState, missing

_NOT_SET_UP = "Choose where the key to the vault is kept; without it no secret can be saved."


@dataclass(frozen=True, slots=True)
class VaultReport:
    """How the vault stands. `sources` is every source of this machine while the vault is not open."""

    state: VaultState
    source: SourceReport | None
    sources: tuple[SourceReport, ...]
    cure: str


class VaultKeeper:
    """Keeps the vault of one installation. Thread-safe; calls may take seconds.

    Args:
        vault: The vault's file.
        choice: The file that remembers the chosen source.
        environ: For systemd's credentials.
        expected: Whether secrets were saved that have to be in a vault.
        system: The operating system's vault.
    """

    def __init__(
        self,
        *,
        vault: Path,
        choice: Path,
        environ: Mapping[str, str],
        expected: Callable[[], bool] = lambda: False,
        system: SystemVault | None = None,
    ) -> None:
        self._path, self._choice = vault, choice
        self._environ, self._expected = environ, expected
        self._system = system or SystemVault()
        self._lock = threading.RLock()
        self._vault: Vault | None = None
        self._source: SourceReport | None = None
        self._problem: AgentError | None = None

    @property
    def vault(self) -> Vault:
        """The open vault.

        Raises:
            ConfigurationError: code `vault-not-set-up`, `vault-missing`, `vault-locked` or `vault-damaged`.
        """
        vault = self._vault
        if vault is not None and vault.state is VaultState.OPEN:
            return vault
        report = self.report()
        raise ConfigurationError(
            f"The vault is {report.state.value}.",
            code=f"vault-{report.state.value.replace(' ', '-')}",
            remedy=report.cure or "Open Settings → Vault.",
        )

    def report(self) -> VaultReport:
        """How it stands, and what to do."""
        with self._lock:
            state = self._state()
            if state is VaultState.OPEN:
                return VaultReport(state, self._source, (self._source,) if self._source else (), "")
            sources = self.sources()
            chosen = self._parameters()
            source = next((report for report in sources if report.kind == chosen.get("kind")), None)
            if source is not None and source.kind == KeyFile.kind:
                source = self._source_of(chosen).report()  # with the path that was chosen
            return VaultReport(state, source, sources, self._cure(state, source))

    def sources(self) -> tuple[SourceReport, ...]:
        """Every key source and whether it works here, the best first."""
        made: tuple[KeySource, ...] = (
            SystemdCredential(self._environ),
            self._system,
            Passphrase(None),
            KeyFile(None),
        )
        return tuple(source.report() for source in made)

    def set_up(
        self, kind: str, *, passphrase: Secret | None = None, path: Path | None = None, start_afresh: bool = False
    ) -> Vault:
        """Use a source from now on, and make the vault. A vault that is there already is opened, not replaced.

        Args:
            kind: The source.
            passphrase: For a passphrase.
            path: For a key file.
            start_afresh: Make an empty vault although one was expected or is damaged; a damaged one is set aside.

        Raises:
            ConflictError: code `vault-exists`.
            ConfigurationError: code `vault-missing`, `vault-damaged`, or what the source says.
        """
        with self._lock:
            state = self._state()
            if state is VaultState.DAMAGED and start_afresh:
                self._set_aside()
            elif state in (VaultState.OPEN, VaultState.LOCKED, VaultState.DAMAGED):
                if state is VaultState.LOCKED and self._parameters().get("kind") == kind:
                    return self.open(passphrase)
                raise ConflictError(
                    "There is a vault already.",
                    code="vault-exists",
                    remedy="Unlock it, or change its key source: opagent vault change-source.",
                )
            elif state is VaultState.MISSING and not start_afresh:
                raise missing()
            source = self._source_named(kind, passphrase=passphrase, path=path)
            vault = Vault(self._path, source)
            vault.create()
            return self._opened(vault, source)

    def open(self, passphrase: Secret | None = None) -> Vault:
        """Open the vault with the source that was chosen.

        Raises:
            ConfigurationError: it cannot be opened now; code, message and remedy say why and what to do.
        """
        with self._lock:
            if self._vault is not None and self._vault.state is VaultState.OPEN:
                return self._vault
            state = self._state()
            if state is VaultState.NOT_SET_UP:
                raise ConfigurationError("The vault is not set up.", code="vault-not-set-up",
                                         remedy=f"{_NOT_SET_UP} “opagent vault set-up” does that.")  # fmt: skip
            if state is VaultState.MISSING:
                raise missing()
            try:
                source = self._source_of(vault_file.from_bytes(self._path.read_bytes()).key, passphrase)
                vault = Vault(self._path, source)
                vault.unlock()
            except vault_file.WrongKeyError as error:
                self._problem = error
                if passphrase is None:
                    raise
                raise ConfigurationError(
                    "The passphrase is wrong.",
                    code="vault-passphrase",
                    remedy="Type it again; mind capital letters and the keyboard's language.",
                    field="passphrase",
                ) from None
            except AgentError as error:
                self._problem = error
                raise
            return self._opened(vault, source)

    def change_source(self, kind: str, *, passphrase: Secret | None = None, path: Path | None = None) -> None:
        """Put the open vault under a new key, from this source. With the present kind: a new key of the same source.

        Raises:
            ConfigurationError: the vault is not open, or what the source says.
            ConflictError: code `vault-key-unchanged`.
        """
        with self._lock:
            source = self._source_named(kind, passphrase=passphrase, path=path)
            vault = self.vault
            vault.rotate_key(source)
            self._opened(vault, source)

    def _state(self) -> VaultState:
        if self._vault is not None and self._vault.state is VaultState.OPEN:
            return VaultState.OPEN
        if not self._path.exists():
            return VaultState.MISSING if self._choice.exists() or self._expected() else VaultState.NOT_SET_UP
        damaged = isinstance(self._problem, vault_file.DamagedVaultError)
        if self._vault is not None and self._vault.state is VaultState.DAMAGED:
            damaged = True
        with suppress(AgentError, OSError):
            try:
                vault_file.from_bytes(self._path.read_bytes())
            except vault_file.DamagedVaultError:
                damaged = True
        return VaultState.DAMAGED if damaged else VaultState.LOCKED

    def _cure(self, state: VaultState, source: SourceReport | None) -> str:
        if state is VaultState.NOT_SET_UP:
            return _NOT_SET_UP
        if state is VaultState.MISSING:
            return missing().remedy
        if state is VaultState.DAMAGED:
            return vault_file.DamagedVaultError("").remedy
        if self._problem is not None:
            return str(self._problem)
        return source.cure if source else ""

    def _parameters(self) -> Mapping[str, str]:
        with suppress(AgentError, OSError):
            return vault_file.from_bytes(self._path.read_bytes()).key
        with suppress(OSError, ValueError):
            found = json.loads(self._choice.read_bytes())
            if isinstance(found, dict):
                return {str(name): str(value) for name, value in found.items()}
        return {}

    def _source_of(self, parameters: Mapping[str, str], passphrase: Secret | None = None) -> KeySource:
        path = parameters.get("path")
        return self._source_named(
            parameters.get("kind", ""), passphrase=passphrase, path=Path(path) if path is not None else None
        )

    def _source_named(self, kind: str, *, passphrase: Secret | None, path: Path | None) -> KeySource:
        if kind == SystemVault.kind:
            return self._system
        if kind == Passphrase.kind:
            return Passphrase(passphrase)
        if kind == KeyFile.kind:
            return KeyFile(path)
        if kind == SystemdCredential.kind:
            return SystemdCredential(self._environ)
        raise ConfigurationError(
            f"There is no key source “{kind}”.", code="vault-source", field="kind",
            remedy=meant(kind, [one.kind for one in (SystemVault, Passphrase, KeyFile, SystemdCredential)]),
        )  # fmt: skip

    def _opened(self, vault: Vault, source: KeySource) -> Vault:
        self._vault, self._problem, self._source = vault, None, source.report()
        content = json.dumps(dict(self._parameters())).encode("utf-8")
        if not self._choice.exists() or self._choice.read_bytes() != content:
            write_private(self._choice, content)
        return vault

    def _set_aside(self) -> None:
        number = 1
        while (aside := self._path.with_name(f"{self._path.name}.damaged-{number}")).exists():
            number += 1
        self._path.rename(aside)
        self._vault = self._problem = None
