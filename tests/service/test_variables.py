"""Variables through the contract: what they hold, who changed it and why, and secrets that stay secret."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.api import flow_models, run_models
from agent.api.client import AgentClient
from agent.domain.errors import AgentError, ConfigurationError, NotFoundError
from agent.domain.run import RunState
from tests.service.asking import COPY, database_draft, set_up_vault
from tests.service.inside import Inside

FLOW = COPY.replace(
    "nodes:",
    """\
variables:
  last: {type: integer, expression: $max(id), persistent: true, default: 0}
  word: hello
  key: {encrypted: true}
nodes:""",
).replace("options: {key: id}", 'filter: [{key: id, operator: ">", value: "${last}"}], options: {key: id}')
SECRET = "k3y-that-nobody-may-see"


async def deployed(client: AgentClient, folder: Path) -> None:
    """The processflow on a table of three rows, with a vault."""
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE source (id INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO source VALUES (?)", [(1,), (2,), (3,)])
    await set_up_vault(client, folder)
    await client.change_setting("enable_environment", "true")
    await client.save_configuration(database_draft(folder / "shop.db"))
    await client.deploy(flow_models.DocumentRequest(document=FLOW))


async def ran(client: AgentClient) -> run_models.Run:
    run = await client.execute("copy")
    while run.ended_at is None:
        run = await client.run(run.id, wait_seconds=20)
    return run


async def test_a_variable_is_shown_set_and_reset_and_a_run_moves_it(running_inside: Inside, tmp_path: Path) -> None:
    async with running_inside.client() as client:
        await deployed(client, tmp_path)
        last, word, key = await client.variables.all("copy")
        assert (last.value, last.default, last.persistent, last.changed_at) == ("0", "0", True, None)
        assert (word.value, key.value, key.encrypted) == ("hello", None, True)
        missing = await ran(client)
        assert (missing.state, "“key” has no value" in missing.message) == (RunState.FAILED, True)
        key = await client.variables.set("copy", "key", SECRET, reason="from the supplier")
        assert (key.value, key.reason, key.run) == ("••••", "from the supplier", "")
        assert key.changed_by
        run = await ran(client)
        assert run.state is RunState.SUCCESS, run.message
        last = (await client.variables.all("copy"))[0]
        assert (last.value, last.run, last.changed_by) == ("3", run.id, "")
        last = await client.variables.set("copy", "last", "1", reason="read two again")
        assert (last.value, last.reason) == ("1", "read two again")
        assert (await ran(client)).counts.read == 2
        last = await client.variables.reset("copy", "last", reason="from the beginning")
        assert (last.value, last.changed_at) == ("0", None)
        assert (await ran(client)).counts.read == 3
        bounds = await client.log_bounds()
        lines = (await client.log_page(bounds.first, 256)).items
        trail = (await client.bookmarks.audit(flow="copy")).items
    assert [(line.what, line.reason) for line in trail] == [
        ("variable-reset", "from the beginning"),
        ("variable-set", "read two again"),
        ("variable-set", "from the supplier"),
    ]
    assert "••••" in trail[-1].after
    assert "1" in trail[1].after
    told = [line.message for line in lines if "the variable" in line.message]
    assert [line.partition(" ")[2] for line in told if "“key” has" not in line] == [
        "set the variable “key” to another value: from the supplier",
        "set the variable “last” to “1”: read two again",
        "reset the variable “last”: from the beginning",
    ]
    assert await asyncio.to_thread(files_with, SECRET, tmp_path) == []


def files_with(text: str, folder: Path) -> list[str]:
    """The names of files below a folder, which is not empty, that hold a text."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path.name for path in files if text.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("nothing", "1", "variable-not-found"), ("last", "many", "variable-value"), ("last", " ", "variable-value")],
)
async def test_what_cannot_be_set_is_refused(inside: Inside, tmp_path: Path, name: str, value: str, code: str) -> None:
    inside.parts.environment.start(None)
    async with inside.client() as client:
        await deployed(client, tmp_path)
        with pytest.raises(AgentError) as raised:
            await client.variables.set("copy", name, value, reason="why")
        assert raised.value.code == code
        with pytest.raises(NotFoundError):
            await client.variables.all("nowhere")
        with pytest.raises(NotFoundError):
            await client.variables.reset("copy", "nothing", reason="why")


async def test_a_locked_vault_is_told_and_nothing_is_stored_open(inside: Inside, tmp_path: Path) -> None:
    inside.parts.environment.start(None)
    async with inside.client() as client:
        await deployed(client, tmp_path)
        await client.variables.set("copy", "key", SECRET, reason="why")
        inside.parts.secrets.keeper.vault.lock()
        with pytest.raises(ConfigurationError) as raised:
            await client.variables.set("copy", "key", "another", reason="why")
        assert raised.value.code == "vault-locked"
        assert "“key” is encrypted" in raised.value.message
        assert (await client.variables.all("copy"))[2].value == "••••"
        assert inside.parts.secrets.keeper.report().state.value == "locked"
