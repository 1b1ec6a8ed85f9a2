"""The loop of a GET: whether there is another pass. What it remembers between packets is a few JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent.domain.processflow import Loop


def loop_memory(now: datetime) -> dict[str, Any]:
    """What a loop remembers that begins."""
    return {"began": now.isoformat(), "pass": 1, "booked": 0}


def next_pass(
    loop: Loop, memory: Mapping[str, Any], *, booked: int, last: bool, now: datetime
) -> tuple[bool, dict[str, Any]]:
    """Whether the loop is over after this packet, and what to remember.

    Args:
        loop: The limits.
        memory: What was remembered after the packet before, or `loop_memory`.
        booked: How many packets the run has booked so far, at all POSTs that the loop leads to. A pass without one
            found nothing: what a source gives again, a little more than what is new, no POST books a second time.
        last: Whether the packet ends a pass.
        now: The present, aware.
    """
    if not last:
        return True, dict(memory)
    number = int(memory["pass"])
    passed = (now - datetime.fromisoformat(memory["began"])).total_seconds()
    over = (
        booked == memory["booked"]
        or (loop.passes is not None and number >= loop.passes)
        or (loop.seconds is not None and passed >= loop.seconds)
    )
    return (True, {}) if over else (False, {**memory, "pass": number + 1, "booked": booked})
