"""The base of the contract's words: what travels between the service and its clients. Version 1, below `/api/v1`.

Times are aware and in UTC. Fields are only ever added within a version. A secret travels in one direction alone, from
a client to the service, as `SecretStr`; answers carry at most a hint ("••••9f3c"). Each area has its own `*_models`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from agent.domain.app import MOST_DOCUMENT_CHARACTERS

# No control characters, and none that turn the direction of a text: names stand in log lines and questions.
ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*$"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=ONE_LINE)]
ShortText = Annotated[str, StringConstraints(max_length=1_000)]
DocumentText = Annotated[str, StringConstraints(max_length=MOST_DOCUMENT_CHARACTERS)]
"""The value of a credential field, of which one may be a whole document."""


class Model(BaseModel):
    """The base of all: unknown fields in a request are refused, in an answer ignored by older clients."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Request(Model):
    """The base of what clients send."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Model):
    """A problem detail (RFC 9457). `code` is stable; `title` says what failed and `remedy` what to do."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    remedy: str = ""
    detail: str = ""
    field: str | None = None
