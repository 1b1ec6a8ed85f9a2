"""The loop of a GET: whether there is another pass. What it remembers between packets is a few JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent.domain.processflow import Loop


def next_pass(
    loop: Loop, memory: Mapping[str, Any], *, found: int, last: bool, now: datetime
) -> tuple[bool, dict[str, Any]]:
    """Whether the loop is over after this packet, and what to remember.

    Args:
        loop: The limits.
        memory: What was remembered after the packet before; empty at first.
        found: How many records of this packet were new or changed.
        last: Whether the packet ends a pass.
        now: The present, aware.
    """
    began = memory.get("began") or now.isoformat()
    number, total = int(memory.get("pass", 1)), int(memory.get("found", 0)) + found
    if not last:
        return True, {"began": began, "pass": number, "found": total}
    passed = (now - datetime.fromisoformat(began)).total_seconds()
    over = (
        total == 0
        or (loop.passes is not None and number >= loop.passes)
        or (loop.seconds is not None and passed >= loop.seconds)
    )
    return (True, {}) if over else (False, {"began": began, "pass": number + 1, "found": 0})
