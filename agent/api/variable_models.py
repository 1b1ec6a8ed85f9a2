"""The contract's words about variables of processflows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from agent.api.base_models import Model, Request
from agent.domain.app import DataType
from agent.domain.variables import MOST_VALUE_CHARACTERS

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]


class Variable(Model):
    """A variable of a deployed processflow, and what it holds for the next run.

    `value` is None where it has none, and dots for an encrypted one. `changed_at` is None where the default counts;
    otherwise it was changed by the person `changed_by`, for a `reason`, or by the run `run`.
    """

    name: str
    type: DataType
    value: str | None
    default: str | None
    expression: str = ""
    node: str = ""
    scope: str = ""
    persistent: bool = False
    encrypted: bool = False
    changed_at: datetime | None = None
    changed_by: str = ""
    run: str = ""
    reason: str = ""


class VariableChange(Request):
    """A value to be set, as text. Why stands in the log."""

    value: Annotated[SecretStr, Field(max_length=MOST_VALUE_CHARACTERS)]
    reason: Reason


class VariableReset(Request):
    """Back to the default. Why stands in the log."""

    reason: Reason
