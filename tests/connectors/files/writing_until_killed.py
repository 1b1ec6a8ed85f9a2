"""Writes packets into a folder, one after the other, until it is done or somebody kills it: a program for tests.

    python -m tests.connectors.files.writing_until_killed PACKETS < {"values": …, "secrets": …}

It goes on after the last receipt, as the engine does, and says each step.
"""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime

from agent.connectors.files.connector import place_for
from agent.connectors.files.writing import Writer
from agent.domain.packet import Batch
from agent.domain.secret import Secret
from tests.connectors.files.exchange import ORDER, target

ROWS = 3
WANTED = target("orders", file="orders-{number}.csv")


def main(packets: int) -> None:
    """Write so many packets, those included that are there already."""
    given = json.load(sys.stdin)
    place = place_for(given["values"], {name: Secret(text) for name, text in given["secrets"].items()})

    def say(step: str) -> None:
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()

    writer = Writer(place, lambda: datetime(2026, 11, 27, 12, tzinfo=UTC), threading.Lock(), say)
    done = int(writer.receipt(WANTED) or b"0")
    say("begun")
    for packet in range(done + 1, packets + 1):
        numbers = range(packet * ROWS - ROWS + 1, packet * ROWS + 1)
        batch = Batch(ORDER, [str(one) for one in numbers], [(one, f"Order {one}", "1.00") for one in numbers])
        writer.write(WANTED, batch, lambda _, packet=packet: str(packet).encode())  # type: ignore[misc]  # its default
    place.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
