"""Python's collector of cycles, set for a process that makes millions of short-lived rows."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Python looks after 700 new containers: three times for each thousand rows, and every other packet at everything that
# the process holds. Measured by tests/benchmarks/bench_engine.py: half of the engine's time. Rows form no cycles.
_THRESHOLDS = (10_000, 20, 50)


def collect_less_often() -> None:
    """Let the collector look ten to a thousand times less often. For the whole process; call it once, at its start."""
    gc.set_threshold(*_THRESHOLDS)


@contextmanager
def importing() -> Iterator[None]:
    """For the length of a block in which modules are imported: they stay, so there is nothing to collect.

    Looking through them takes an eighth of the service's start. They are left out of later collections, too.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
