"""What a connector brings to be tried: its app on loopback, credentials for it, and a look into it from behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate
from enum import Enum

from agent.connectors.conformance.faults import Answer
from agent.connectors.contract import Connector, SentClause, SentPart, WriteTarget
from agent.domain.packet import Batch, Row
from agent.domain.secret import Secret

Address = tuple[str, int]
"""Host and port."""


class Medium(Enum):
    """How the app is talked to. It decides which troubles there can be."""

    HTTP = "HTTP"
    SOCKET = "a protocol of its own over TCP"
    FILES = "files of this computer"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an operator enters: the plain fields and the secret ones."""

    values: Mapping[str, str]
    secrets: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """Something to read.

    Args:
        schema: The schema.
        ids: The ids of all records that are there; ten or so are enough.
        action: The action.
        clauses: Filter clauses that come with it.
        options: The node's options.
        packet_records: So few that the records come in several packets.
        missing: An id as records have them that no record has.
        word: What a client says when it asks for records, such as `b"GET /orders"`.
        since: The filter clause with which a processflow asks for what changed, as it would say
            `modified >= ~{CreatedDate}~`. Without it, the connector goes by the bookmark itself.
        change: Changes one record in the app and gives its id: a read from the bookmark then brings this one. None
            where the action does not find what changed.
    """

    schema: str
    ids: Sequence[str]
    action: str = "GET"
    clauses: Sequence[SentPart] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    packet_records: int = 3
    missing: str = "999999"
    word: bytes = b""
    since: Callable[[datetime], SentClause] | None = None
    change: Callable[[], Awaitable[str]] | None = None

    def __str__(self) -> str:
        return f"{self.schema} {self.action}"


@dataclass(frozen=True, slots=True)
class Writing:
    """Something to write that is not in the app yet.

    Args:
        target: Where to.
        batch: A few good records.
        held: Looks into the app from behind: how many of these records it holds. One that it holds twice counts twice.
        word: What a client says with the write that can be in doubt, such as `b"POST /orders"` or `b"COMMIT"`.
        refused: A record of the same attributes that the app refuses; None where it takes anything.
        adds: Whether every write adds records, as to a file that grows: then receipts alone keep a packet from being
            there twice.
    """

    target: WriteTarget
    batch: Batch
    held: Callable[[], Awaitable[int]]
    word: bytes = b""
    refused: Row | None = None
    adds: bool = False

    def __str__(self) -> str:
        return f"{self.target.schema} {self.target.action}"


def _too_many() -> Answer:
    return Answer(429, {"Retry-After": "1"}, b"{}")


def _other_json() -> Sequence[Answer]:
    # With the headers that a real answer has, lest it is refused for their lack alone.
    return (Answer(200, {"Date": formatdate(usegmt=True)}, b"{}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """One app to be tried, fresh for each case.

    Args:
        connector: The connector, made impatient: it gives up waiting after a second or less, and tries again at once.
        medium: How the app is talked to.
        credentials: Good credentials that lead to an address, which may be that of a proxy before the app. An app that
            is files gets `("", 0)`.
        wrong: Credentials that lead there as well and that the app refuses, by what is wrong with them.
        address: Where the app's server listens on loopback; None where the app is files.
        untrusted: Credentials that lead to the address, and insist that the server there proves who it is. None where
            the app is never talked to over TLS.
        patient: Whether the app may rightly take hours for an answer, as a database does for a query, so that only the
            operating system finds out that nobody is there any more.
        readings: What can be read; one for each way in which the connector reads.
        writings: What can be written; one for each way in which the connector writes.
        rate_limited: How the app says that it was asked too often.
        unable: How the app says that it cannot answer just now.
        malformed: What the app would never say.
        foreign: What the app would never say either, though it can be understood, such as JSON of another form. Empty
            where there is no such thing.
    """

    connector: Connector
    medium: Medium
    credentials: Callable[[Address], Credentials]
    wrong: Callable[[Address], Mapping[str, Credentials]]
    address: Address | None = None
    untrusted: Callable[[Address], Credentials] | None = None
    patient: bool = False
    readings: Sequence[Reading] = ()
    writings: Sequence[Writing] = ()
    rate_limited: Answer = field(default_factory=_too_many)
    unable: Answer = field(default_factory=lambda: Answer(503, {}, b"Service Unavailable"))
    malformed: Answer = field(default_factory=lambda: Answer(200, {}, b'{"data": [{"id": 1, "na'))
    foreign: Sequence[Answer] = field(default_factory=_other_json)
