"""How many events a second a real service acknowledges, and that none is lost. Prints figures and judges only the loss.

    .venv/bin/python -m tests.benchmarks.bench_events [events] [--senders 100]

The senders, the service and the database share this machine. Each sender keeps its connection and sends its next event
when the one before is acknowledged; a run writes the events into SQLite meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.end2end.test_events import DIRECT
from tests.helpers.event_senders import nothing_waits, receive_events
from tests.helpers.stage import open_stage


async def _send_all(url: str, events: int, senders: int) -> list[float]:
    """Send them; returns how many seconds each acknowledgement took. Plain sockets: a client library costs more."""
    place = urlsplit(url)
    waits: list[float] = []
    numbers = iter(range(events))

    async def send() -> None:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        for number in numbers:
            body = f'{{"id": {number}, "name": "name {number}"}}'
            head = f"POST {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            began = time.perf_counter()
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 202"), answer
            await reader.readexactly(len("Acknowledged"))
            waits.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(send() for _ in range(senders)))
    return waits


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("events", type=int, nargs="?", default=10_000)
    parser.add_argument("--senders", type=int, default=100)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_stage(Path(folder) / "agent") as stage:
        receive_events(stage)
        stage.setting("event_rate", "100000")
        stage.deploy("sign-ups", document=DIRECT)
        url = stage.ask(lambda client: client.real_time.url("sign-ups")).url
        began = time.perf_counter()
        waits = asyncio.run(_send_all(url, wanted.events, wanted.senders))
        acknowledged = time.perf_counter() - began
        nothing_waits(stage, "sign-ups")
        processed = time.perf_counter() - began
        (arrived,) = stage.rows("SELECT count(*) FROM sign_ups")[0]
    _say(f"{wanted.events:,} events from {wanted.senders} senders: {wanted.events / acknowledged:,.0f} a second "
          f"acknowledged, {wanted.events / processed:,.0f} a second processed")  # fmt: skip
    _say(f"an acknowledgement took {statistics.median(waits) * 1000:,.0f} ms (median), "
          f"{statistics.quantiles(waits, n=100)[98] * 1000:,.0f} ms (99 of 100)")  # fmt: skip
    _say(f"lost: {wanted.events - arrived}")
    return 0 if arrived == wanted.events else 1


if __name__ == "__main__":
    sys.exit(main())
