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

import httpx

from tests.end2end.test_events import DIRECT
from tests.helpers.event_senders import nothing_waits, receive_events
from tests.helpers.stage import open_stage


async def _send_all(url: str, events: int, senders: int) -> tuple[list[float], list[str]]:
    """Send them; returns how many seconds each acknowledgement took, and which requests had to be repeated and why."""
    waits: list[float] = []
    broken: list[str] = []
    numbers = iter(range(events))

    async def send(client: httpx.AsyncClient) -> None:
        for number in numbers:
            began = time.perf_counter()
            answer = None
            while answer is None:
                try:
                    answer = await client.post(
                        url, json={"id": number, "name": f"name {number}"}, headers={"Idempotency-Key": f"{number}"}
                    )
                except httpx.TransportError as error:
                    broken.append(type(error).__name__)
            assert answer.status_code == 202, answer.text
            waits.append(time.perf_counter() - began)

    limits = httpx.Limits(max_connections=senders, max_keepalive_connections=senders)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        await asyncio.gather(*(send(client) for _ in range(senders)))
    return waits, broken


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
        waits, broken = asyncio.run(_send_all(url, wanted.events, wanted.senders))
        acknowledged = time.perf_counter() - began
        nothing_waits(stage, "sign-ups")
        processed = time.perf_counter() - began
        (arrived,) = stage.rows("SELECT count(*) FROM sign_ups")[0]
    _say(f"{wanted.events:,} events from {wanted.senders} senders: {wanted.events / acknowledged:,.0f} a second "
          f"acknowledged, {wanted.events / processed:,.0f} a second processed")  # fmt: skip
    _say(f"an acknowledgement took {statistics.median(waits) * 1000:,.0f} ms (median), "
          f"{statistics.quantiles(waits, n=100)[98] * 1000:,.0f} ms (99 of 100)")  # fmt: skip
    _say(f"lost: {wanted.events - arrived}; requests without an answer, repeated: {len(broken)} {set(broken) or ''}")
    return 0 if arrived == wanted.events else 1


if __name__ == "__main__":
    sys.exit(main())
