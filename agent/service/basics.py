"""What every area of the service stands on, put together: database, settings, secrets, log, journal and hub."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime

from agent.api import run_models
from agent.api.folders import Folders
from agent.domain.errors import AgentError, NotFoundError
from agent.service import answers
from agent.service.events import Hub
from agent.service.own_database import OwnDatabase
from agent.service.secrets import Secrets
from agent.service.stores import Stores
from agent.service.upkeep.diagnosis import Diagnosis
from agent.service.upkeep.journal import ServiceJournal
from agent.service.upkeep.log_access import LogAccess
from agent.store.key_values import KeyValues
from agent.store.logs.logs import LogStore
from agent.store.settings import Settings
from agent.store.vaults.keeper import VaultKeeper
from agent.store.vaults.redaction import Redactor
from agent.store.vaults.vault import VaultState


class Basics:
    """These parts of one service.

    Args:
        folders: Where everything lies; they have been made.
        logs: The log, open.
        redactor: Knows what must not be written down.
        environ: For systemd's credentials.
        clock: The present, aware and in UTC.
        tripped: Told of an App Configuration that has tripped.
        ending: Is given what has to be closed at the end.

    Raises:
        AgentError: the database cannot be used.
    """

    def __init__(
        self,
        folders: Folders,
        *,
        logs: LogStore,
        redactor: Redactor,
        environ: Mapping[str, str],
        clock: Callable[[], datetime],
        tripped: Callable[[str], None],
        ending: ExitStack,
    ) -> None:
        self.folders, self.logs, self.redactor, self.clock = folders, logs, redactor, clock
        keeper = VaultKeeper(
            vault=folders.vault, choice=folders.key_choice, environ=environ, expected=self._secrets_expected
        )
        self.secrets = Secrets(keeper, redactor)
        self.own_database = OwnDatabase(folders, self.secrets, logs=logs, clock=clock)
        self.database = self.own_database.open(ending)
        self.settings = Settings(KeyValues(self.database, "settings"))
        self.stores = Stores(self.database, redact=redactor.redact, secrets=self.secrets, tripped=tripped)
        self.log = LogAccess(logs)
        self.hub = Hub(describe_run=self._describe_run, describe_log=self.log.bounds)
        self.diagnosis = Diagnosis(
            self.settings, default_folder=folders.packets, samples_folder=folders.samples, redactor=redactor,
            failed=self._packets_failed,
        )  # fmt: skip
        ending.callback(self.diagnosis.close)
        self.journal = ServiceJournal(logs, self.diagnosis, self.hub.run_changed)

    def secrets_ready(self) -> bool:
        """Whether whatever needs a secret can have it."""
        return self.secrets.keeper.report().state is VaultState.OPEN or not self._secrets_expected()

    def _secrets_expected(self) -> bool:
        return self.own_database.is_chosen or self.stores.expect_secrets()

    def _describe_run(self, run_id: str) -> run_models.Run | None:
        try:
            return answers.run(self.stores.runs.get(run_id))
        except NotFoundError:
            return None

    def _packets_failed(self, error: AgentError) -> None:
        self.journal.write("warning", "Packets cannot be kept for diagnosis.", detail=str(error))
