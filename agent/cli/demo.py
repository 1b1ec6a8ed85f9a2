"""The demo: a sandbox store on loopback, a SQLite database, and three processflows between them, ready to run.

It lives in a data folder of its own and goes through the same contract as everything else. Its operator has a fixed,
public name and password, since it protects nothing; the sandbox's token is made for each start.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from agent.api import configuration_models, flow_models, operator_models, vault_models
from agent.api.client import AgentClient
from agent.api.endpoint import Endpoint
from agent.api.folders import Folders
from agent.api.launch import ensure_service, stop_service
from agent.cli.output import fail, note, say, show_json, stderr, table
from agent.cli.runs import summary
from agent.domain.errors import AgentError, CancelledError, FatalError, TransientError
from agent.domain.run import RunState

OPERATOR_NAME = "demo"
OPERATOR_PASSWORD = "demo-operator"  # noqa: S105 - public on purpose: it is printed on screen
STORE_NAME = "Sandbox store"
DATABASE_NAME = "Demo database"
_FLOWS = ("customers-to-database", "orders-to-database", "stock-to-store")
_START_SECONDS = 30.0
_STOCK_ROWS = 200


@dataclass(frozen=True, slots=True)
class Store:
    """The running sandbox store."""

    api_path: str
    username: str
    token: SecretStr


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is ready to be used."""

    folders: Folders
    endpoint: Endpoint
    session: operator_models.Session
    database: Path
    orders: int


@contextlib.contextmanager
def running_demo(orders: int) -> Iterator[Demo]:
    """Start store and service, prepare everything, and stop both afterwards.

    Raises AgentError when a part does not start.
    """
    folders = Folders.discover(os.environ, demo=True)
    folders.create()
    with _sandbox(orders, folders.data) as store:
        endpoint = ensure_service(folders, demo=True)
        try:
            session = asyncio.run(_prepare(endpoint, store, folders))
            yield Demo(folders, endpoint, session, folders.data / "demo.db", orders)
        finally:
            stop_service(folders)


def run_headless(orders: int, *, as_json: bool = False) -> None:
    """Do the demo's job without a window, with a progress bar, and say what arrived where."""
    try:
        with running_demo(orders) as demo:
            note(f"Demo store with {orders:,} orders, data in {demo.folders.data}")
            asyncio.run(_execute_all(demo))
            arrived = _rows_by_table(demo.database)
    except AgentError as error:
        fail(error)
    except KeyboardInterrupt:
        fail(CancelledError("Interrupted."))
    if as_json:
        show_json({"database": str(demo.database), "rows": arrived})
        return
    say(f"Arrived in {demo.database}:")
    table(("Table", "Rows"), [(name, f"{count:,}") for name, count in arrived.items()], empty="Nothing.")


@contextlib.contextmanager
def _sandbox(orders: int, folder: Path) -> Iterator[Store]:
    announce = folder / "sandbox.json"
    announce.unlink(missing_ok=True)
    token = secrets.token_urlsafe(24)
    command = [sys.executable, "-m", "agent.sandbox", "--orders", str(orders), "--announce", str(announce)]
    process = subprocess.Popen(  # noqa: S603 - our own program
        command, env={**os.environ, "OPAGENT_SANDBOX_TOKEN": token}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        facts = _announced(announce, process)
        yield Store(api_path=facts["api_path"], username=facts["username"], token=SecretStr(token))
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        announce.unlink(missing_ok=True)


def _announced(announce: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return {key: str(value) for key, value in json.loads(announce.read_text("utf-8")).items()}
        if process.poll() is not None:
            raise FatalError(
                "The sandbox store could not be started.",
                code="sandbox-ended",
                remedy="Run “opagent sandbox serve” to see why.",
                detail=f"exit status {process.returncode}",
            )
        time.sleep(0.05)
    raise TransientError("The sandbox store did not start in time.", code="sandbox-slow", remedy="Try again.")


async def _prepare(endpoint: Endpoint, store: Store, folders: Folders) -> operator_models.Session:
    async with AgentClient(endpoint) as client:
        session = await client.sign_in(OPERATOR_NAME, OPERATOR_PASSWORD)
        await _open_vault(client, folders)
        await client.change_setting("enable_environment", "true")
        await _configure(client, "bigcommerce", STORE_NAME, {"api_path": store.api_path, "username": store.username},
                         {"api_token": store.token})  # fmt: skip
        database = folders.data / "demo.db"
        await _configure(client, "sql", DATABASE_NAME, {"kind": "SQLite", "database": str(database)}, {})
        await asyncio.to_thread(_seed_stock, database)
        deployed = {flow.name for flow in await client.flows()}
        for sample in await client.samples():
            name = sample.file.rsplit(".", 1)[0]
            if name in _FLOWS and name not in deployed:
                bindings = {
                    token: STORE_NAME if app == "bigcommerce" else DATABASE_NAME for token, app in sample.tokens.items()
                }
                request = flow_models.DocumentRequest(
                    document=sample.document, file=sample.file, bindings=bindings, note="Demo"
                )
                await client.deploy(request)
        return session


async def _open_vault(client: AgentClient, folders: Folders) -> None:
    """Use the operating system's vault where there is one; a key file in the demo's folder otherwise, and say so."""
    vault = (await client.state()).vault
    if vault.state == "not set up":
        system = next((source for source in vault.sources if source.kind == "system" and source.works), None)
        if system is not None:
            await client.set_up_vault(vault_models.VaultSetUp(kind=system.kind))
            return
        key_file = folders.config / "demo-vault.key"
        note(f"No operating system vault here: the demo keeps its vault's key in {key_file}")
        await client.set_up_vault(vault_models.VaultSetUp(kind="key-file", path=str(key_file)))
    elif vault.state == "locked":
        await client.unlock_vault()


async def _configure(
    client: AgentClient, app: str, name: str, values: dict[str, str], secret_values: dict[str, SecretStr]
) -> None:
    """Validate, then Save, as an operator would."""
    stored = next((one for one in await client.configurations() if (one.app, one.name) == (app, name)), None)
    draft = configuration_models.ConfigurationDraft(
        id=stored.id if stored is not None else None, app=app, name=name, values=values, secrets=secret_values
    )
    validation = await client.validate(draft)
    while validation.state is configuration_models.ValidationState.RUNNING:
        validation = await client.validation(validation.id, wait_seconds=20)
    if validation.problem is not None:
        raise FatalError(validation.problem.title, code=validation.problem.code, remedy=validation.problem.remedy)
    await client.save_configuration(draft)


def _seed_stock(database: Path) -> None:
    """The merchant's own stock list, from which *stock to store* reads."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, inventory_level INTEGER NOT NULL, updated_at TEXT)"
        )
        if connection.execute("SELECT count(*) FROM stock").fetchone()[0] == 0:
            rows = [(f"SKU-{number:06}", number % 50, "2026-01-01T00:00:00Z") for number in range(1, _STOCK_ROWS + 1)]
            connection.executemany("INSERT INTO stock VALUES (?, ?, ?)", rows)


async def _execute_all(demo: Demo) -> None:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    async with AgentClient(demo.endpoint, session=demo.session.token) as client:
        with Progress(*columns, console=stderr) as progress:
            for flow in await client.flows():
                total = demo.orders if flow.name.startswith("orders") else None
                task = progress.add_task(flow.title, total=total)
                run = await client.execute(flow.name)
                while not run.state.ended:
                    run = await client.run(run.id, wait_seconds=0.2)
                    progress.update(task, completed=run.counts.read)
                progress.update(task, completed=run.counts.read, total=max(run.counts.read, 1))
                progress.print(Text(f"{flow.title}: {run.state.value}. {run.message or summary(run)}"))
                if run.state is not RunState.SUCCESS:
                    raise FatalError(f"{flow.title}: {run.message}", code="demo-failed", remedy=run.remedy)


def _rows_by_table(database: Path) -> dict[str, object]:
    with contextlib.closing(sqlite3.connect(f"file:{database.as_posix()}?mode=ro", uri=True)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'opagent_%' ORDER BY name"
        )
        return {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608 - our own tables
            for (name,) in names.fetchall()
        }
