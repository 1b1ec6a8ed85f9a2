"""The connector's front: what the engine and the service see of files. The work is done by its neighbours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.connectors.contract import CheckReport, LookUp, Prepared, Present, ReadRequest, Seal, WriteTarget
from agent.connectors.files.check import check
from agent.connectors.files.credentials import BUCKET, ENDPOINT, FOLDER, HOST, PLACE, PORT, S3, SFTP, USER, prepare
from agent.connectors.files.folder import Folder
from agent.connectors.files.look import Look
from agent.connectors.files.places import LocalPlace, Place
from agent.connectors.files.reading import Reader
from agent.connectors.files.schema import APP, GET, POST, schema
from agent.connectors.files.writing import Writer
from agent.domain.app import App, Schema
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Batch, Bookmark, Packet, WriteReport
from agent.domain.secret import Secret
from agent.domain.sent import Observer, Sent

_RECORDS = 2_500

PlaceOf = Callable[[Mapping[str, str], Mapping[str, Secret]], Place]


def _now() -> datetime:
    return datetime.now(UTC)


class FilesConnector:
    """Files in a folder."""

    app: App = APP

    def __init__(self, clock: Callable[[], datetime] = _now, place_of: PlaceOf | None = None) -> None:
        self._clock, self._place_of = clock, place_of or place_for
        self._locks: dict[tuple[str, ...], threading.Lock] = {}

    def prepare(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
        """Tidy what people paste."""
        return prepare(values, secrets)

    def schema(self, name: str, values: Mapping[str, str] | None) -> Schema | None:
        """Any name may be that of a kind of file."""
        return schema(name)

    def open(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> FilesConnection:
        """A connection for prepared values."""
        identity = tuple(values.get(name, "") for name in (PLACE, HOST, PORT, USER, ENDPOINT, BUCKET, FOLDER))
        return FilesConnection(
            self._place_of(values, secrets), self._clock, self._locks.setdefault(identity, threading.Lock())
        )


def place_for(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Place:
    """The folder of prepared values, wherever it lies."""
    if values.get(PLACE) == SFTP:
        from agent.connectors.files.sftp import SftpPlace  # paramiko takes a while, and most need it never

        return SftpPlace(values, secrets)
    if values.get(PLACE) == S3:
        from agent.connectors.files.s3 import S3Place  # boto3 takes a while, too

        return S3Place(values, secrets)
    return LocalPlace(Path(values[FOLDER]))


class FilesConnection:
    """A connection to one folder."""

    keeps_receipts = True

    def __init__(self, place: Place, clock: Callable[[], datetime], lock: threading.Lock) -> None:
        self._folder = Folder(place)
        self._reader = Reader(self._folder, clock, self._told)
        self._writer = Writer(place, clock, lock)
        self._observer: Observer | None = None

    def __repr__(self) -> str:
        return f"<FilesConnection {self._folder.place}>"

    def tell(self, observer: Observer) -> None:
        """Tell of every file that is read, from now on."""
        self._observer = observer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._folder.place.close)

    async def check(self, progress: Callable[[str], None]) -> CheckReport:
        """Look into the folder."""
        return await asyncio.to_thread(check, self._folder, progress)

    async def read(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """Read the files that are new."""
        if request.action.upper() != GET:
            raise _no_action(request.action, GET)
        if request.bookmark is not None:
            await self.settle(request, request.bookmark)
        stream = self._reader.packets(request)
        try:
            async for packet in stream:
                yield packet
        finally:
            await stream.aclose()

    async def settle(self, request: ReadRequest, bookmark: Bookmark) -> None:
        """Archive or delete what was read."""
        await asyncio.to_thread(self._reader.settle, request, bookmark)

    def packet_records(self, schema: str, action: str) -> int:
        """What is fast, and small enough to go on from."""
        return _RECORDS

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        """Write records into a file, together with their receipt."""
        if target.action.upper() != POST:
            raise _no_action(target.action, POST)
        return await asyncio.to_thread(self._writer.write, target, batch, seal)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Not needed: receipts tell."""
        return LookUp()

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Everything would be new."""
        if target.action.upper() != POST:
            raise _no_action(target.action, POST)
        return await asyncio.to_thread(self._writer.present, target, batch)

    async def receipt(self, target: WriteTarget) -> bytes | None:
        """The last receipt that was committed."""
        return await asyncio.to_thread(self._writer.receipt, target)

    def _told(self, name: str, look: Look) -> None:
        if self._observer is not None:
            self._observer(Sent("READ", f"{name} in {self._folder.place}", body=look.words().encode()))


def _no_action(action: str, offered: str) -> ConfigurationError:
    return ConfigurationError(
        f"A folder offers no action {action} here.",
        code="unknown-action",
        remedy=f"Use the action {offered}.",
        field="action",
    )
