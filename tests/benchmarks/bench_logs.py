"""How quick the log is with millions of lines. Prints figures and judges none.

    .venv/bin/python -m tests.benchmarks.bench_logs [lines]

Lines are made over five days in a temporary folder (about 170 bytes each), then written, paged, searched, cancelled,
followed and dropped through the public parts of `agent.store.logs.logs`.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from agent.domain.errors import CancelledError
from agent.domain.secret import Secret
from agent.store.logs.entries import LogFilter, LogLevel, LogLine
from agent.store.logs.logs import LogBudget, LogStore
from agent.store.logs.segments import Segments, connect
from agent.store.vaults.redaction import Redactor

_DAYS = 5
_START = datetime(2026, 11, 20, tzinfo=UTC)
_BATCH = 50_000
_WRITTEN = 100_000


def main() -> None:
    """Run everything once."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _timed(f"make {lines:,} lines", lambda: _fill(folder / "logs", lines))
        size = sum(path.stat().st_size for path in (folder / "logs").iterdir())
        _say(f"{'size on disk':<44}{size / 1e6:>10,.0f} MB")
        redactor = Redactor()
        for number in range(50):
            redactor.register(Secret(f"registered-secret-{number:04}"))
        log = LogStore(
            folder / "logs", searches=folder / "searches", redactor=redactor, budget=LogBudget(3_650, 10**12)
        )
        try:
            _read(log, lines)
            _search(log)
            _cancel(log)
            _write(log)
            _stall(log)
            _drop(log)
        finally:
            log.close()


def _fill(folder: Path, lines: int) -> None:
    folder.mkdir()
    for day in range(_DAYS):
        first, last = day * lines // _DAYS + 1, (day + 1) * lines // _DAYS
        path = Segments(folder).new_path((_START + timedelta(days=day)).date())
        with closing(connect(path, make=True)) as connection:
            for start in range(first, last + 1, _BATCH):
                connection.execute("BEGIN")
                connection.executemany(
                    "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    _rows(day, start, min(start + _BATCH, last + 1)),
                )
                connection.execute("COMMIT")


def _rows(day: int, first: int, end: int) -> Iterator[tuple[object, ...]]:
    dice = random.Random(first)
    at = int((_START + timedelta(days=day)).timestamp() * 1_000)
    for number in range(first, end):
        level = 40 if number % 2_000 == 0 else 30 if number % 500 == 0 else 20
        record = str(dice.randrange(1_000_000))
        message = f"Order {record} was written to the destination with status {dice.randrange(20)}."
        detail = "HTTP 422 at /v2/orders, request id 7f3a" if level == 40 else ""
        yield (
            number,
            at + number % 86_000_000,
            level,
            f"flow-{number % 7}",
            f"run-{number // 5_000}",
            "post",
            record,
            message,
            detail,
        )


def _read(log: LogStore, lines: int) -> None:
    _timed("bounds, first time", log.reader.bounds)
    _timed("bounds", log.reader.bounds, times=50)
    _timed("page of 256, first in a segment", lambda: log.reader.page(lines // 2, 256))
    dice = random.Random(1)
    _timed("page of 256, anywhere", lambda: log.reader.page(dice.randrange(lines), 256), times=200)
    last = log.reader.bounds()[1]
    _timed("tail, nothing new", lambda: log.reader.tail(last, LogFilter(text="x")), times=200)


def _search(log: LogStore) -> None:
    for title, wanted in (
        ("errors", LogFilter(level=LogLevel.ERROR)),
        ("one run", LogFilter(run="run-3")),
        ("one flow", LogFilter(flow="flow-3")),
        ("rare text", LogFilter(text="order 4711 ")),
        ("text everywhere", LogFilter(text="ORDER")),
        ("text with an umlaut", LogFilter(text="größe")),
        ("rare text among errors", LogFilter(level=LogLevel.ERROR, text="status 7")),
        ("rare text on one day", LogFilter(text="order 4711 ", since=_START, until=_START + timedelta(hours=20))),
    ):
        search = log.search(wanted)
        _timed(f"search: {title}", search.run)
        _timed(f"  {search.count:,} hits; page of 256 in the middle", partial(search.page, search.count // 2, 256))
        search.close()


def _cancel(log: LogStore) -> None:
    search = log.search(LogFilter(text="nowhere to be found"))

    def run() -> None:
        try:
            search.run()
        except CancelledError:
            return

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.1)
    _timed("cancel a running search", search.cancel)
    thread.join()
    search.close()


def _write(log: LogStore) -> None:
    at = _START + timedelta(days=_DAYS)
    lines = [
        LogLine(
            at,
            LogLevel.INFO,
            f"Order {number} was written with status 2.",
            "flow",
            "run",
            "post",
            str(number),
            "GET https://x/?page=2",
        )
        for number in range(_WRITTEN)
    ]
    began = time.perf_counter()
    for start in range(0, _WRITTEN, 100):
        log.append(lines[start : start + 100])
    appended = time.perf_counter() - began
    log.writer.flush(60)
    flushed = time.perf_counter() - began
    _say(f"{'append, for the caller, a line':<44}{appended / _WRITTEN * 1e6:>10,.2f} µs")
    _say(f"{'append and flush, 50 secrets known':<44}{_WRITTEN / flushed:>10,.0f} lines/s")

    def one() -> None:
        log.append(lines[:1])
        log.writer.flush()

    _timed("one line, appended and on disk", one, times=100)


def _stall(log: LogStore) -> None:
    """How late a thread of Python is while another searches everything."""
    search = log.search(LogFilter(text="order"))
    thread = threading.Thread(target=search.run)
    latest = 0.0
    thread.start()
    while thread.is_alive():
        began = time.perf_counter()
        time.sleep(0.004)
        latest = max(latest, time.perf_counter() - began - 0.004)
    search.close()
    _say(f"{'longest stall of another thread in a search':<44}{latest * 1e3:>10,.1f} ms")


def _drop(log: LogStore) -> None:
    began = time.perf_counter()
    log.set_budget(LogBudget(days=3_650, bytes=100_000_000))
    _say(f"{'drop all but the newest':<44}{(time.perf_counter() - began) * 1e3:>10,.1f} ms")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _timed(title: str, call: Callable[[], object], *, times: int = 1) -> None:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1e3)
    taken.sort()
    worst = f"   (worst of {times}: {taken[-1]:,.2f})" if times > 1 else ""
    _say(f"{title:<44}{taken[len(taken) // 2]:>10,.2f} ms{worst}")


if __name__ == "__main__":
    main()
