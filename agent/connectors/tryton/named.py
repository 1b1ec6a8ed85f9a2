"""Finds the records of Tryton that other records name, by id or by code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.connectors.tryton.client import Client
from agent.connectors.tryton.records import known
from agent.connectors.tryton.rows import Record


def key_of(record: Record, by_id: str, by_code: str) -> int | str | None:
    """What a record names another by: a number is an id, a text a code."""
    number = record.get(by_id)
    if number is not None and str(number).isdecimal():
        return int(number)
    code = record.get(by_code)
    return str(code) if code not in (None, "") else None


async def named(
    client: Client, model: str, names: Sequence[str], records: Sequence[Record], *, by_id: str, by_code: str
) -> dict[object, Mapping[str, Any]]:
    """The records of a model that others name, by both their id and their code, with those fields that Tryton has."""
    keys = [key_of(one, by_id, by_code) for one in records]
    ids, codes = (
        sorted({key for key in keys if isinstance(key, int)}),
        sorted({key for key in keys if isinstance(key, str)}),
    )
    if not ids and not codes:
        return {}
    there = await known(client, model, names)
    rows = await client.search_read(model, ["OR", ["id", "in", ids], ["code", "in", codes]], there)
    return {key: dict(row) for row in rows for key in (row["id"], row.get("code")) if key is not None}


async def coded(client: Client, model: str, records: Sequence[Record], name: str) -> dict[str, int]:
    """The ids of the records of a model whose codes other records name."""
    codes = sorted({str(one[name]) for one in records if one.get(name)})
    if not codes:
        return {}
    rows = await client.search_read(model, [["code", "in", codes]], ["code"])
    return {str(row["code"]): int(row["id"]) for row in rows}
