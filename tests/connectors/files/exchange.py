"""A folder as tests see it: what is put into it, and short ways to read and write through the agent."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from agent.connectors.contract import ReadRequest, WriteTarget
from agent.connectors.files.connector import FilesConnection, FilesConnector
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch, Bookmark, Packet, Position, Row, WriteReport

ORDER = (Attribute("id", DataType.INTEGER, primary=True), Attribute("name"), Attribute("total", DataType.DECIMAL))


@dataclass(frozen=True, slots=True)
class Exchange:
    """A folder that others put files into and take files out of."""

    path: Path
    connector: FilesConnector = field(default_factory=FilesConnector)

    def put(self, name: str, content: str | bytes, *, seconds_ago: float = 60) -> Path:
        """A file that was written some time ago."""
        file = self.path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        moment = time.time() - seconds_ago
        os.utime(file, (moment, moment))
        return file

    def opened(self) -> FilesConnection:
        return self.connector.open({"folder": str(self.path)}, {})

    async def read(
        self, pattern: str = "*", given: Mapping[str, str] | None = None, *, bookmark: Bookmark | None = None,
        position: Position | None = None, at_once: int = 100, **options: str,
    ) -> list[Packet]:  # fmt: skip
        request = ReadRequest(pattern, "GET", (), {**(given or {}), **options}, bookmark, position, at_once)
        async with self.opened() as connection:
            return [packet async for packet in connection.read(request)]

    async def write(
        self, rows: Sequence[Row], given: Mapping[str, str] | None = None, *, receipt: bytes = b"r", **options: str
    ) -> WriteReport:
        batch = Batch(ORDER, [f"source-{number}" for number in range(len(rows))], rows)
        async with self.opened() as connection:
            return await connection.write(target("orders", **(given or {}), **options), batch, lambda _: receipt)

    def texts(self) -> dict[str, str]:
        """What others see: the files that are not hidden."""
        return {
            file.name: file.read_text("utf-8")
            for file in sorted(self.path.iterdir())
            if file.is_file() and not file.name.startswith(".")
        }


def target(name: str, **options: str) -> WriteTarget:
    return WriteTarget(name, "POST", options, ledger_key="flow/post")


def documents(packets: Sequence[Packet]) -> list[Mapping[str, Any]]:
    return [msgspec.json.decode(document) for packet in packets for document in packet.documents]


def ids(packets: Sequence[Packet]) -> list[str]:
    return [one for packet in packets for one in packet.source_ids]


def last(packets: Sequence[Packet]) -> Bookmark:
    """The bookmark that a read ended with."""
    assert packets[-1].bookmark is not None
    return packets[-1].bookmark
