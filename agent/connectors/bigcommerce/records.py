"""Takes pages of answers apart without decoding the records: they stay JSON text until the mapper reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec

from agent.connectors.bigcommerce.client import StoreClient
from agent.domain.errors import TransientError

MOST_RECORDS = 250
_FEWEST_RECORDS = 10
_ID_FIRST = b'{"id":'
_Decoded = TypeVar("_Decoded")


class PageSize:
    """How many records to ask for: fewer after a failure, as large pages may be what the store could not manage."""

    def __init__(self, most: int = MOST_RECORDS) -> None:
        self._most = most
        self.records = most

    def shrink(self, error: TransientError) -> None:
        """Ask for half from now on, unless the failure was about something else."""
        if error.code in {"server-error", "read-timeout", "connection-lost", "protocol"}:
            self.records = max(_FEWEST_RECORDS, self.records // 2)

    def grow(self) -> None:
        """A page came: ask for more again."""
        self.records = min(self._most, self.records * 2)


class Pagination(msgspec.Struct, frozen=True):
    """V3's page numbers."""

    total: int = 0
    current_page: int = 1
    total_pages: int = 1


class CursorLinks(msgspec.Struct, frozen=True):
    """Where V3's cursors lead."""

    next: str | None = None


class CursorPagination(msgspec.Struct, frozen=True):
    """V3's cursors."""

    end_cursor: str | None = None
    links: CursorLinks | None = None


class Meta(msgspec.Struct, frozen=True):
    """What V3 says about a page."""

    pagination: Pagination | None = None
    cursor_pagination: CursorPagination | None = None


class V3Page(msgspec.Struct, frozen=True):
    """A page of V3."""

    data: list[msgspec.Raw]
    meta: Meta | None = None


class Key(msgspec.Struct, frozen=True):
    """What identifies a record."""

    id: int


class _Time(msgspec.Struct, frozen=True):
    time: int


_V2_PAGE = msgspec.json.Decoder(list[msgspec.Raw])
_V3_PAGE = msgspec.json.Decoder(V3Page)
KEY = msgspec.json.Decoder(Key)
_TIME = msgspec.json.Decoder(_Time)


def split(content: bytes) -> list[msgspec.Raw]:
    """The records of a V2 page. An empty list has no body at all."""
    return decoded(_V2_PAGE, content) if content else []


def identified(content: bytes) -> tuple[list[int], list[bytes]]:
    """The ids and the documents of a V2 page."""
    documents = [bytes(record) for record in split(content)]
    return [_id(document) for document in documents], documents


def split_v3(content: bytes) -> V3Page:
    """The records of a V3 page, and where the next one is."""
    return decoded(_V3_PAGE, content) if content else V3Page([])


def decoded(decoder: msgspec.json.Decoder[_Decoded], text: bytes | msgspec.Raw) -> _Decoded:
    """JSON decoded; an error of ours where it is not what it should be."""
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise _not_understood() from error


async def store_time(client: StoreClient) -> datetime:
    """The store's time, by a request of its own."""
    answer = await client.get(client.v2("time"))
    try:
        return datetime.fromtimestamp(decoded(_TIME, answer.content).time, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise _not_understood() from error


def moment_parameter(given: str | None, since: datetime | None) -> str | None:
    """What to send as the earliest change: what the operator's clause says, or `since` where that is later."""
    if since is None:
        return given
    moment = _moment(given)
    if given is not None and moment is not None and moment > since:
        return given
    return since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _id(document: bytes) -> int:
    """A record's id. It comes first, so that the rest need not be read; where it does not, all is read."""
    if document.startswith(_ID_FIRST):
        digits = document[len(_ID_FIRST) : document.find(b",")]
        if digits.isdigit():
            return int(digits)
    return decoded(KEY, document).id


def _moment(text: str | None) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text or "")
        except (ValueError, TypeError, IndexError):
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return None


def _not_understood() -> TransientError:
    return TransientError(
        "The store sent a page that cannot be understood.",
        code="answer-not-understood",
        remedy="The agent tries again by itself. If it stays, tell support, with the log.",
    )
