"""How fast a large file is read through the Files connector, and how much memory that takes.

    python -m tests.benchmarks.bench_files --megabytes 1000 --format csv

The file is made in a temporary folder first. Memory is that of this process, which does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from agent.connectors.contract import ReadRequest
from agent.connectors.files.connector import FilesConnector
from tests.helpers.stage import peak_memory

_MEGABYTE = 1_000_000
_FORMATS = ("csv", "jsonl", "json", "xml")


def made(file: Path, kind: str, megabytes: int) -> None:
    """A file of orders of about that size."""
    begin, between, end = {"csv": ("id,name,total,note\n", "", ""), "jsonl": ("", "", ""), "json": ("[", ",\n", "]"),
                           "xml": ("<orders>", "", "</orders>")}[kind]  # fmt: skip
    with file.open("w", encoding="utf-8") as out:
        out.write(begin)
        number = 0
        while out.tell() < megabytes * _MEGABYTE:
            lines = []
            for _ in range(1_000):
                number += 1
                lines.append(_line(kind, number))
            out.write((between if number > 1_000 else "") + between.join(lines))
        out.write(end)
    moment = time.time() - 60
    os.utime(file, (moment, moment))


def _line(kind: str, number: int) -> str:
    name, total, note = f"Customer {number}", f"{number % 997}.50", "x" * 60
    match kind:
        case "csv":
            return f"{number},{name},{total},{note}\n"
        case "xml":
            return f"<order><id>{number}</id><name>{name}</name><total>{total}</total><note>{note}</note></order>\n"
        case _:
            text = json.dumps({"id": number, "name": name, "total": 0.5, "note": note})
            return f"{text}\n" if kind == "jsonl" else text


async def read(folder: Path, name: str) -> int:
    """How many records come."""
    count = 0
    async with FilesConnector().open({"folder": str(folder)}, {}) as connection:
        request = ReadRequest(name, "GET", (), {"id": "id"}, None, None, 2_500)
        async for packet in connection.read(request):
            count += len(packet)
    return count


def measured(kind: str, megabytes: int) -> None:
    """Make a file, read it, and print what that took."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"orders.{kind}"
        made(file, kind, megabytes)
        size = file.stat().st_size / _MEGABYTE
        process = psutil.Process()
        before = process.memory_info().rss / _MEGABYTE
        begun, used = time.perf_counter(), time.process_time()
        with peak_memory(process) as peak:
            count = asyncio.run(read(Path(folder), file.name))
        seconds, cpu = time.perf_counter() - begun, time.process_time() - used
        sys.stdout.write(
            f"{kind}, {size:,.0f} MB, {count:,} records: {seconds:.1f} s ({cpu:.1f} s of CPU, "
            f"{size / seconds:.0f} MB/s), "
            f"memory {before:.0f} MB before, {peak[0]:.0f} MB at most\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=1_000)
    parser.add_argument("--format", choices=_FORMATS, action="append")
    given = parser.parse_args()
    for one in given.format or _FORMATS:
        measured(one, given.megabytes)
