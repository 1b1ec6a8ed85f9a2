"""Where everything of one installation lies on this machine. Names paths and makes the folders; reads and writes none.

The folders are the platform's usual ones for this user, or all below `OPAGENT_HOME` where that is set. On POSIX they
are made for their owner alone; on Windows the user's profile is already closed to other accounts by its access list,
which new folders inherit, so nothing is set there. Whoever points `OPAGENT_HOME` elsewhere on Windows sets that
folder's access list. This module needs nothing of the store, so that whatever starts the service can use it as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import PlatformDirs

from agent.domain.errors import ConfigurationError

HOME_VARIABLE = "OPAGENT_HOME"
_NAME = "op-agent"


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one installation, and the files whose place others have to know.

    `home` is the folder that all of them lie in, where there is one.
    """

    config: Path
    data: Path
    logs: Path
    temp: Path
    cache: Path
    state: Path
    home: Path | None = None

    @classmethod
    def discover(cls, environ: Mapping[str, str], *, demo: bool = False) -> Folders:
        """The folders of this user. The demo has its own, so that it never touches real work."""
        if home := environ.get(HOME_VARIABLE, "").strip():
            root = Path(home).expanduser().absolute()
            return cls.below(root / "demo" if demo else root)
        found = PlatformDirs(f"{_NAME}-demo" if demo else _NAME, appauthor=False, roaming=False)
        state = found.user_state_path
        return cls(
            config=found.user_config_path,
            data=found.user_data_path,
            logs=found.user_log_path,
            temp=state / "temp",
            cache=found.user_cache_path,
            state=state / "state",
        )

    @classmethod
    def below(cls, root: Path) -> Folders:
        """All folders below one."""
        return cls(
            config=root / "config",
            data=root / "data",
            logs=root / "logs",
            temp=root / "temp",
            cache=root / "cache",
            state=root / "state",
            home=root,
        )

    @property
    def vault(self) -> Path:
        """The encrypted secrets."""
        return self.data / "vault.json"

    @property
    def key_choice(self) -> Path:
        """Which key source was chosen for the vault; no secret in it."""
        return self.config / "vault-key-source.json"

    @property
    def database(self) -> Path:
        """The agent's own database."""
        return self.data / "agent.db"

    @property
    def database_choice(self) -> Path:
        """Which server holds the agent's own database, where one was chosen; no secret in it."""
        return self.config / "database.json"

    @property
    def runs_database(self) -> Path:
        """The database of the engine that carries durable runs."""
        return self.data / "engine.db"

    @property
    def token(self) -> Path:
        """The bearer token of the running service."""
        return self.state / "token"

    @property
    def endpoint(self) -> Path:
        """Where the running service listens."""
        return self.state / "endpoint.json"

    @property
    def service_lock(self) -> Path:
        """Locked by the one service that may use these folders."""
        return self.state / "service.lock"

    @property
    def packets(self) -> Path:
        """Packets kept for diagnosis."""
        return self.temp / "packets"

    @property
    def samples(self) -> Path:
        """Samples of packets, kept without Diagnosis Mode."""
        return self.temp / "samples"

    @property
    def searches(self) -> Path:
        """Hits of log searches that are open."""
        return self.temp / "searches"

    @property
    def previews(self) -> Path:
        """Records of previews that can be looked at."""
        return self.temp / "previews"

    @property
    def all(self) -> tuple[Path, ...]:
        """Every folder that `create` makes."""
        return (self.config, self.data, self.logs, self.temp, self.cache, self.state)

    def create(self) -> None:
        """Make the folders that are not there, and on POSIX close all of them to everybody but their owner.

        Raises:
            ConfigurationError: code `folder-unusable`.
        """
        for folder in self.all:
            try:
                _make(folder)
            except OSError as error:
                raise ConfigurationError(
                    f"The agent's folder {folder} cannot be used.",
                    code="folder-unusable",
                    remedy="Give the account that runs the agent write access to it, and make sure that no file of "
                    f"that name is in its place; {HOME_VARIABLE} moves all folders somewhere else.",
                    detail=f"{type(error).__name__}: {error.strerror}",
                ) from error


def _make(folder: Path) -> None:
    for place in reversed((folder, *folder.parents)):
        # One by one: with `parents` those above would be open to everybody.
        if not place.is_dir():
            place.mkdir(mode=0o700, exist_ok=True)
    if os.name == "posix":
        folder.chmod(0o700)
