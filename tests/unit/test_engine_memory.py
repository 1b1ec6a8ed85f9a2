"""Ten times as many records take no more memory: what was written is let go."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.engine.running.garbage import collect_less_often
from tests.benchmarks.bench_engine import Bench


def _peak_bytes(folder: Path, orders: int, *, receipts: bool) -> int:
    folder.mkdir()
    bench = Bench(folder, orders, receipts=receipts, packet=100)
    tracemalloc.start()
    try:
        assert bench.execute() == f"{orders:,} records written."
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        bench.close()


@pytest.mark.parametrize("receipts", [True, False], ids=["receipts", "intents"])
def test_memory_does_not_grow_with_the_number_of_records(tmp_path: Path, receipts: bool) -> None:
    _peak_bytes(tmp_path / "warm", 500, receipts=receipts)  # whatever is imported or compiled once
    few = _peak_bytes(tmp_path / "few", 800, receipts=receipts)
    many = _peak_bytes(tmp_path / "many", 8_000, receipts=receipts)
    assert many < few * 1.5


@pytest.fixture
def usual_thresholds() -> Iterator[tuple[int, int, int]]:
    """Python's own, whatever the suite has set."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield gc.get_threshold()
    gc.set_threshold(*before)


def test_rows_on_their_way_are_not_searched_for_cycles_over_and_over(
    tmp_path: Path, usual_thresholds: tuple[int, int, int]
) -> None:
    looks: list[int] = []

    def look(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            looks.append(info["generation"])

    collect_less_often()
    assert gc.get_threshold() > usual_thresholds
    bench = Bench(tmp_path, 5_000)
    gc.callbacks.append(look)
    try:
        bench.execute()
    finally:
        gc.callbacks.remove(look)
        bench.close()
    assert len(looks) < 25  # at Python's own thresholds it is more than a hundred
    assert 2 not in looks
