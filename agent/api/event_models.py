"""Models of the contract: receiving events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr

from agent.api.base_models import Model, Request


class SignatureState(StrEnum):
    """Whether the signatures of a processflow's events are checked."""

    NONE = "none"
    MISSING = "missing"
    """They are to be checked, and the secret that senders sign with was not set."""
    SET = "set"


class Inbox(Model):
    """Where one processflow receives events. `waiting` records were received and are not processed yet."""

    flow: str
    deployed: bool
    has_url: bool
    renewed_at: datetime | None = None
    renewed_by: str = ""
    signature: SignatureState = SignatureState.NONE
    received: int = 0
    waiting: int = 0
    duplicates: int = 0
    refused: int = 0
    last_received_at: datetime | None = None
    last_refused_at: datetime | None = None
    last_refusal: str = ""


class RealTime(Model):
    """What is received, and where. `trouble` says why nothing can be received although it should."""

    on: bool
    listening: bool
    address: str
    public_url: str
    trouble: str = ""
    inboxes: list[Inbox]


class EventUrl(Model):
    """The URL of a processflow for its senders. Whoever knows it can send events: treat it as a password."""

    flow: str
    url: str
    note: str = ""


class EventSignature(Request):
    """What the senders of a processflow's events sign with."""

    secret: Annotated[SecretStr, Field(min_length=1, max_length=1_000)]
