"""Writes customers, one request each, and finds them again by their email."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from agent.connectors.contract import LookUp, Present, WriteTarget
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.packet import Batch, Row, Value, WriteReport

from opagent_acme.client import Client
from opagent_acme.failures import RECORD_STATUSES, nonsense, record_error
from opagent_acme.reading import Page, by_email
from opagent_acme.schema import CUSTOMERS, UPSERT

BATCH_RECORDS = 50
"""As many emails as fit into one look-up."""

_FIELDS = ("email", "name")
_NEW = "new customer"


class _Made(msgspec.Struct):
    id: int


class Writer:
    """Writes batches of customers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def write(self, target: WriteTarget, batch: Batch) -> WriteReport:
        """Change the customers that are there, make the others.

        Raises:
            AmbiguousWriteError: One may have been written. The agent then looks the whole batch up.
        """
        _must_be_known(target, batch)
        held = await self._held(batch)
        ids, failures = [""] * len(batch), dict[int, RecordError]()
        for row in range(len(batch)):
            record = _record(batch, row)
            there = held.get(_email(record))
            path = "/v1/customers" if there is None else f"/v1/customers/{there['id']}"
            response = await self._client.send("POST" if there is None else "PUT", path, record)
            if response.status_code in RECORD_STATUSES:
                failures[row] = record_error(response.status_code, response.content)
                continue
            try:
                ids[row] = str(msgspec.json.decode(response.content, type=_Made).id)
            except msgspec.DecodeError as error:
                raise nonsense(host=self._client.host, writing=True) from error
        return WriteReport(ids, failures)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """The customers that are there just as they were to be."""
        _must_be_known(target, batch)
        held = await self._held(batch)
        written: dict[int, str] = {}
        for row in range(len(batch)):
            record = _record(batch, row)
            there = held.get(_email(record))
            if there is not None and all(there.get(name) == value for name, value in record.items()):
                written[row] = str(there["id"])
        return LookUp(written)

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """The customers that are there, as they are."""
        _must_be_known(target, batch)
        held = await self._held(batch)
        rows: list[Row | None] = []
        ids: list[str] = []
        for row in range(len(batch)):
            there = held.get(_email(_record(batch, row)))
            # The attributes are all texts; other types would have to be given in the forms of agent.domain.packet.
            rows.append(None if there is None else tuple(there.get(one.name) for one in batch.attributes))
            ids.append(_NEW if there is None else str(there["id"]))
        new = frozenset(row for row, one in enumerate(rows) if one is None)
        failures = {row: _no_email() for row in new if not _email(_record(batch, row))}
        return Present(rows, ids, new, failures)

    async def _held(self, batch: Batch) -> Mapping[str, dict[str, Any]]:
        """What Acme has of a batch, by email."""
        emails = sorted({_email(_record(batch, row)) for row in range(len(batch))} - {""})
        if not emails:
            return {}
        return by_email(await self._client.get("/v1/customers", Page, {"email": ",".join(emails)}))


def _record(batch: Batch, row: int) -> dict[str, Value]:
    """What is sent of a row: a value that is None says nothing of the attribute."""
    pairs = zip(batch.attributes, batch.rows[row], strict=True)
    return {attribute.name: value for attribute, value in pairs if value is not None}


def _email(record: Mapping[str, Value]) -> str:
    return str(record.get("email", "")).casefold()


def _no_email() -> RecordError:
    return RecordError(
        "The record has no email.", code="email-missing", remedy="Map one.", error_class=ErrorClass.DATA_MISSING
    )


def _must_be_known(target: WriteTarget, batch: Batch) -> None:
    if target.schema != CUSTOMERS or target.action.upper() != UPSERT:
        raise ConfigurationError(
            f"Acme offers no {target.schema} {target.action} to write.",
            code="unknown-action",
            remedy=f"Known is {CUSTOMERS} {UPSERT}.",
            field="action",
        )
    strange = [one.name for one in batch.attributes if one.name not in _FIELDS]
    if strange:
        raise ConfigurationError(
            f"Acme does not take {', '.join(strange)} on {target.schema}.",
            code="attribute-unknown",
            remedy=f"Map {', '.join(_FIELDS)} alone.",
            field=strange[0],
        )
