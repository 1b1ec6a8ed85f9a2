"""A key that systemd hands to the service at its start (`LoadCredentialEncrypted=vault-key:…`), and to nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agent.domain.errors import ConfigurationError
from agent.store.keysources.source import NewKey, SourceReport, key_from_text

CREDENTIAL = "vault-key"
_FOLDER_VARIABLE = "CREDENTIALS_DIRECTORY"
_CURE = (
    "Make one with “openssl rand -base64 32 | systemd-creds encrypt --name=vault-key - vault-key.cred”, name it in the "
    "unit as LoadCredentialEncrypted=vault-key:<its path>, and restart the service."
)


class SystemdCredential:
    """The administrator makes and keeps the key; the agent reads it."""

    kind = "systemd-credential"

    def __init__(self, environ: Mapping[str, str]) -> None:
        folder = environ.get(_FOLDER_VARIABLE, "")
        self._path = Path(folder) / CREDENTIAL if folder else None

    def report(self) -> SourceReport:
        """Works where systemd started the service with the credential."""
        state, cure = "available", ""
        try:
            self.key({})
        except ConfigurationError as error:
            state, cure = "absent", error.remedy
        return SourceReport(self.kind, "A systemd credential of this service", works=not cure, state=state, cure=cure)

    def key(self, parameters: Mapping[str, str]) -> bytes:
        """The key of the credential."""
        if self._path is None or not self._path.is_file():
            raise ConfigurationError(
                "systemd handed no vault key to the service.", code="vault-key-missing", remedy=_CURE
            )
        try:
            return key_from_text(self._path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                "The vault key of systemd cannot be read.",
                code="vault-key-missing",
                remedy=_CURE,
                detail=type(error).__name__,
            ) from error

    def new_key(self) -> NewKey:
        """The same key: only the administrator can make another."""
        return NewKey(self.key({}), {"kind": self.kind})

    def retire(self, parameters: Mapping[str, str]) -> None:
        """The administrator's business."""
