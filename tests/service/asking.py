"""What tests of App Configurations ask again and again."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from agent.api import configuration_models, vault_models
from agent.api.client import AgentClient
from agent.sandbox import RunningSandbox

COPY = """
schema_version: 1
name: copy
title: Copy
credentials: {database: sql}
nodes:
  start: {type: start}
  read: {type: get, credential: database, schema: source, action: GET, options: {key: id}}
  map: {type: mapper, attributes: {id: {value: id, type: integer, key: true}}}
  write: {type: post, credential: database, schema: target, action: UPSERT}
  end: {type: end}
links: [[start, read, map, write, end]]
"""
"""A small processflow: from one table of a database into another."""


def store_draft(
    shop: RunningSandbox, *, name: str = "Store", stored: str | None = None, token: str | None = "", **values: str
) -> configuration_models.ConfigurationDraft:
    """What a form holds for the store. The token is the right one unless another, or None, is given."""
    secrets = {} if token is None else {"api_token": SecretStr(token or shop.token)}
    plain = {"api_path": shop.api_path, "username": shop.username, **values}
    return configuration_models.ConfigurationDraft(
        id=stored, app="bigcommerce", name=name, values=plain, secrets=secrets
    )


def folder_draft(path: Path, name: str = "Exchange") -> configuration_models.ConfigurationDraft:
    """A folder that files are exchanged in."""
    return configuration_models.ConfigurationDraft(app="files", name=name, values={"folder": str(path)})


def database_draft(
    path: Path, *, name: str = "Database", stored: str | None = None
) -> configuration_models.ConfigurationDraft:
    """What a form holds for a SQLite database."""
    values = {"kind": "SQLite", "database": str(path)}
    return configuration_models.ConfigurationDraft(id=stored, app="sql", name=name, values=values)


async def validated(
    client: AgentClient, draft: configuration_models.ConfigurationDraft
) -> configuration_models.Validation:
    """Validate to the end."""
    return await ended(client, await client.validate(draft))


async def ended(client: AgentClient, validation: configuration_models.Validation) -> configuration_models.Validation:
    """Wait for the end of a validation."""
    while validation.state is configuration_models.ValidationState.RUNNING:
        validation = await client.validation(validation.id, wait_seconds=20)
    return validation


async def set_up_vault(client: AgentClient, folder: Path) -> Path:
    """Give the vault a key file, where it has none."""
    key_file = folder / "vault.key"
    if (await client.state()).vault.state != "open":
        await client.set_up_vault(vault_models.VaultSetUp(kind="key-file", path=str(key_file)))
    return key_file


def facts(
    of: Mapping[str, str] | configuration_models.Validation | configuration_models.Configuration,
) -> dict[str, str]:
    """Facts by label."""
    return dict(of) if isinstance(of, Mapping) else {fact.label: fact.value for fact in of.facts}


def put_file(path: Path, text: str) -> None:
    """A file that nobody has written to for a minute."""
    path.write_text(text, "utf-8")
    moment = time.time() - 60
    os.utime(path, (moment, moment))
