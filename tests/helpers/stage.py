"""A whole agent in a folder of its own: a real service process, used through the real client, killed at will."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil
from pydantic import SecretStr

from agent.api import configuration_models, flow_models, record_models, run_models, vault_models
from agent.api.client import AgentClient
from agent.api.endpoint import Endpoint
from agent.api.folders import HOME_VARIABLE, Folders
from agent.api.launch import ensure_service, running_service, stop_service
from tests.helpers.agent_database import settle
from tests.helpers.shop import Shop

SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "processflows"
T = TypeVar("T")


class Stage:
    """One agent. Everything goes through the contract, as front ends do it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folders = Folders.below(home)
        settle(home)
        self.database = home / "target.db"

    # -- the process -------------------------------------------------------------------------------------------

    def start(self) -> Endpoint:
        """Start the service, or find the one that runs."""
        return ensure_service(self.folders)

    def stop(self) -> bool:
        """Let it end gracefully."""
        return stop_service(self.folders)

    def kill(self) -> None:
        """Kill it as nothing can be killed more."""
        process = self.process()
        process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        process.wait(20)

    def process(self) -> psutil.Process:
        """The service's process."""
        endpoint = running_service(self.folders)
        assert endpoint is not None, "the service does not run"
        return psutil.Process(endpoint.pid)

    # -- asking it ---------------------------------------------------------------------------------------------

    def ask(self, question: Callable[[AgentClient], Awaitable[T]]) -> T:
        """Ask the service, starting it where need be."""

        async def talk() -> T:
            async with AgentClient(self.start()) as client:
                return await question(client)

        return asyncio.run(talk())

    def prepare(
        self, shop: Shop, *, database: dict[str, str] | None = None, secrets: dict[str, str] | None = None
    ) -> None:
        """Set up the vault with a key file, enable the environment, configure the store and a database."""
        self.open_vault()
        self.setting("enable_environment", "true")
        values = {"api_path": shop.api_path, "username": shop.username}
        self.configure("bigcommerce", "Store", values, {"api_token": shop.token})
        self.configure("sql", "Database", database or {"kind": "SQLite", "database": str(self.database)}, secrets or {})

    def open_vault(self) -> None:
        """Give the vault a key file, where it has none."""
        if self.ask(lambda client: client.state()).vault.state != "open":
            choice = vault_models.VaultSetUp(kind="key-file", path=str(self.home / "vault.key"))
            self.ask(lambda client: client.set_up_vault(choice))

    def setting(self, name: str, value: str) -> None:
        """Change a setting."""
        self.ask(lambda client: client.change_setting(name, value))

    def configure(
        self,
        app: str,
        name: str,
        values: dict[str, str],
        secrets: dict[str, str],
        *,
        stored: str | None = None,
        browser: Callable[[str], Awaitable[object]] | None = None,
    ) -> configuration_models.Configuration:
        """Validate and save an App Configuration; `stored` is the id of one that is there, `browser` opens pages."""
        draft = configuration_models.ConfigurationDraft(
            id=stored, app=app, name=name, values=values,
            secrets={key: SecretStr(text) for key, text in secrets.items()},
        )  # fmt: skip

        async def question(client: AgentClient) -> configuration_models.Configuration:
            validation, opened = await client.validate(draft), ""
            while validation.state is configuration_models.ValidationState.RUNNING:
                if browser is not None and validation.sign_in_url not in {"", opened}:
                    opened = validation.sign_in_url
                    await browser(opened)
                validation = await client.validation(validation.id, wait_seconds=20)
            assert validation.problem is None, validation.problem
            return (await client.save_configuration(draft)).configuration

        return self.ask(question)

    def deploy(
        self, name: str, *, document: str | None = None, bindings: dict[str, str] | None = None
    ) -> flow_models.Deployed:
        """Deploy a sample, or another document."""
        text = document or (SAMPLES / f"{name}.yaml").read_text("utf-8")
        request = flow_models.DocumentRequest(document=text, file=f"{name}.yaml", bindings=bindings or {})
        return self.ask(lambda client: client.deploy(request))

    def execute(self, name: str) -> run_models.Run:
        """Start a run."""
        return self.ask(lambda client: client.execute(name))

    def run(self, name: str) -> run_models.Run:
        """Execute a processflow and wait for its end."""

        async def question(client: AgentClient) -> run_models.Run:
            return await _ended(client, await client.execute(name))

        return self.ask(question)

    def ended(self, run_id: str) -> run_models.Run:
        """Wait for the end of a run, over restarts of the service."""

        async def question(client: AgentClient) -> run_models.Run:
            return await _ended(client, await client.run(run_id))

        return self.ask(question)

    def records(self, flow: str, **wanted: Any) -> record_models.SyncPage:
        """A page of Sync Info."""
        return self.ask(lambda client: client.sync_info(flow, **wanted))

    # -- what arrived ------------------------------------------------------------------------------------------

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the SQLite database that the processflows write into."""
        with closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()


@contextmanager
def open_stage(home: Path) -> Iterator[Stage]:
    """A stage for the length of a block; its service ends with it, whatever happens."""
    before = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = str(home)
    stage = Stage(home)
    try:
        yield stage
    finally:
        if running_service(stage.folders) is not None:
            stage.kill()
        if before is None:
            del os.environ[HOME_VARIABLE]
        else:
            os.environ[HOME_VARIABLE] = before


@contextmanager
def peak_memory(process: psutil.Process) -> Iterator[list[float]]:
    """The largest resident memory of a process while the block runs, in megabytes, in the list's only place."""
    found = [0.0]
    over = threading.Event()

    def look() -> None:
        found[0] = max(found[0], process.memory_info().rss / 1e6)

    def watch() -> None:
        while not over.wait(0.02):
            look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
        look()  # on a busy machine a short block is over before the thread had its first turn
    finally:
        over.set()
        thread.join()


async def _ended(client: AgentClient, run: run_models.Run) -> run_models.Run:
    end = time.monotonic() + 600
    while not run.state.ended:
        assert time.monotonic() < end, f"{run.flow} does not end: {run.state} {run.message}"
        run = await client.run(run.id, wait_seconds=20)
    return run
