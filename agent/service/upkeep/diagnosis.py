"""What is kept of packets: samples always, everything in Diagnosis Mode, and where. Follows the settings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from agent.domain.errors import AgentError, ConfigurationError
from agent.store.looks.packets import PacketBudget, PacketStore
from agent.store.looks.samples import SampleBudget, Samples
from agent.store.settings import Settings
from agent.store.vaults.redaction import Redactor

_MEGABYTE = 1_000_000
_FOLDER = "op-agent-packets"
_SAMPLES_SHARE = 4


class Diagnosis:
    """The packets of this agent.

    Args:
        settings: Mode, path and budget.
        default_folder: Where packets lie when no path is set.
        samples_folder: Where samples lie.
        redactor: Sees every packet before it is written.
        failed: Told once when packets or samples can no longer be written.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        default_folder: Path,
        samples_folder: Path,
        redactor: Redactor,
        failed: Callable[[AgentError], None],
    ) -> None:
        self._settings, self._default = settings, default_folder
        self._redactor, self._failed = redactor, failed
        self._lock = threading.Lock()
        self._folder = self._wanted_folder()
        self.packets = self._store()
        self.samples = Samples(samples_folder, redactor, budget=self._samples_budget(), failed=failed)

    @property
    def on(self) -> bool:
        """Whether packets are kept, all of them."""
        return self._settings.switch("diagnosis_mode")

    def close(self) -> None:
        """Write what is waiting, and end."""
        self.samples.close()

    def refuse_unusable(self, path: str) -> None:
        """Make sure that packets could be written there.

        Raises:
            ConfigurationError: code `folder-unusable`.
        """
        if not path:
            return
        try:
            (Path(path) / _FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                "The Agent Output Path cannot be used.",
                code="folder-unusable",
                remedy="Choose a folder on this machine that the account of the service may write into.",
                field="diagnosis_path",
                detail=type(error).__name__,
            ) from error

    def follow_settings(self) -> None:
        """Take over changed settings."""
        with self._lock:
            folder = self._wanted_folder()
            if folder != self._folder:
                self._folder = folder
                self.packets = self._store()
            else:
                self.packets.set_budget(self._budget())
            self.samples.set_budget(self._samples_budget())

    def enforce(self) -> None:
        """Remove what is over the budgets."""
        self.packets.enforce()
        self.samples.enforce()

    def _store(self) -> PacketStore:
        return PacketStore(self._folder, self._redactor, budget=self._budget(), failed=self._failed)

    def _wanted_folder(self) -> Path:
        """A folder of our own below the one that was set: nothing else in there is ours to remove."""
        path = str(self._settings.value("diagnosis_path"))
        return Path(path) / _FOLDER if path else self._default

    def _budget(self) -> PacketBudget:
        settings = self._settings
        size = settings.number("temp_megabytes") * _MEGABYTE
        return PacketBudget(settings.number("temp_days"), size - size // _SAMPLES_SHARE)

    def _samples_budget(self) -> SampleBudget:
        settings = self._settings
        size = settings.number("temp_megabytes") * _MEGABYTE // _SAMPLES_SHARE
        return SampleBudget(settings.number("temp_days"), size if settings.switch("packet_samples") else 0)
