"""The contract's words for correcting a mapped record and sending it again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from agent.api.app_models import Attribute
from agent.api.base_models import Model, Request
from agent.api.rerun_models import NodeId, RecordId, Text


class MappedRecord(Model):
    """A record as a POST would be given it: read at its source now, and mapped.

    Attributes:
        state: Goes back with the correction: that of the record at this moment.
        attributes: The attributes with their types.
        values: The value of each. Decimals are text, so that no digit is lost.
    """

    flow: str
    node: str
    source_id: str
    state: str
    message: str
    attributes: list[Attribute]
    values: dict[str, Any]


class Correction(Request):
    """A corrected record.

    Attributes:
        node: The POST node that is to write it.
        source_id: The record.
        state: As it was fetched with the record.
        values: The values that were changed; what is not named stays.
        reason: Why, for the history.
    """

    node: NodeId
    source_id: RecordId
    state: Text
    values: dict[str, Any] = Field(max_length=1_000)
    reason: Text = Field(min_length=1)


class MadeCorrection(Model):
    """A correction that was made: both versions, and the run that sent it."""

    id: int
    flow: str
    node: str
    source_id: str
    original: dict[str, Any]
    edited: dict[str, Any]
    reason: str
    made_by: str
    made_at: datetime
    run_id: str
