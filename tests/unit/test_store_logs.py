"""The log: dense ids, whole lines, quick searches, space given back."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.domain.errors import AgentError, CancelledError
from agent.domain.secret import Secret
from agent.store.logs.entries import LogFilter, LogLevel, LogLine, condition, least_kept
from agent.store.logs.logs import LogBudget, LogStore
from agent.store.logs.segments import Segments, connect
from agent.store.vaults.redaction import Redactor

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MANY = 200_000

Open = Callable[..., LogStore]


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.fixture
def open_log(tmp_path: Path, redactor: Redactor) -> Iterator[Open]:
    opened: list[LogStore] = []

    def make(**more: Any) -> LogStore:
        store = LogStore(
            tmp_path / "logs",
            searches=tmp_path / "searches",
            redactor=redactor,
            clock=lambda: NOON,
            **more,
        )
        opened.append(store)
        return store

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def log(open_log: Open) -> LogStore:
    return open_log()


def line(message: str, *, at: datetime = NOON, level: LogLevel = LogLevel.INFO, **more: str) -> LogLine:
    return LogLine(at, level, message, **more)


def write(log: LogStore, *lines: LogLine) -> None:
    log.append(lines)
    assert log.writer.flush()


def troubled(log: LogStore) -> bool:
    return log.writer.trouble is not None


def messages(log: LogStore, **wanted: Any) -> list[str]:
    search = log.search(LogFilter(**wanted))
    search.run()
    try:
        return [entry.message if entry else "gone" for entry in search.page(0, search.count)]
    finally:
        search.close()


def test_an_empty_log_has_no_bounds_and_no_hits(log: LogStore) -> None:
    assert log.reader.bounds() == (0, 0)
    assert log.reader.page(1, 100) == []
    assert messages(log) == []
    assert log.reader.tail(0, LogFilter()).entries == ()
    assert log.drop_old() == []


def test_a_line_is_read_back_as_it_was_written(log: LogStore) -> None:
    at = NOON + timedelta(milliseconds=123)
    write(log, LogLine(at, LogLevel.WARNING, "m", flow="f", run="r", node="n", record="7", detail="d\nü"))
    (entry,) = log.reader.page(1, 1)
    assert (entry.id, entry.at, entry.level) == (1, at, LogLevel.WARNING)
    assert (entry.flow, entry.run, entry.node, entry.record) == ("f", "r", "n", "7")
    assert (entry.message, entry.detail) == ("m", "d\nü")


def test_ids_go_on_without_gaps_over_days_and_restarts(open_log: Open, tmp_path: Path) -> None:
    first = open_log()
    write(first, *(line(f"{number}", at=NOON + number * DAY / 4) for number in range(10)))
    first.close()
    second = open_log()
    write(second, line("10", at=NOON + 3 * DAY), line("11", at=NOON + 4 * DAY))
    assert second.reader.bounds() == (1, 12)
    assert [(e.id, e.message) for e in second.reader.page(1, 100)] == [(n + 1, str(n)) for n in range(12)]
    assert [entry.id for entry in second.reader.page(3, 4)] == [3, 4, 5, 6]
    names = sorted(path.name for path in (tmp_path / "logs").glob("*.db"))
    assert names == [f"2026-11-{day}.db" for day in (24, 25, 26, 27, 28)]


def test_lines_a_little_out_of_order_at_midnight_begin_no_new_files(log: LogStore, tmp_path: Path) -> None:
    midnight = datetime(2026, 11, 25, tzinfo=UTC)
    write(log, *(line("x", at=midnight + timedelta(seconds=(-1) ** number * number)) for number in range(20)))
    assert len(list((tmp_path / "logs").glob("*.db"))) == 2 - 1  # the first line was of the new day
    assert len(messages(log, until=midnight - timedelta(seconds=1))) == 10
    assert len(messages(log, since=midnight)) == 10


def test_a_clock_that_was_wrong_for_a_while_loses_no_order(log: LogStore) -> None:
    write(log, line("1"), line("2", at=NOON + 400 * DAY), line("3"), line("4", at=NOON + DAY))
    assert [entry.message for entry in log.reader.page(1, 10)] == ["1", "2", "3", "4"]
    assert messages(log, until=NOON) == ["1", "3"]


def test_a_large_day_is_split_and_stays_in_order(open_log: Open, tmp_path: Path) -> None:
    log = open_log(budget=LogBudget(bytes=8_000_000))
    for _ in range(6):
        write(log, *(line("x" * 1_000) for _ in range(500)))
    assert len(list((tmp_path / "logs").glob("2026-11-24*.db"))) >= 2
    assert [entry.id for entry in log.reader.page(1, 3_000)] == list(range(1, 3_001))


def test_an_error_is_written_without_waiting_for_more(log: LogStore) -> None:
    log.append([line("broken", level=LogLevel.ERROR)])
    with log.writer._condition:
        assert log.writer._condition.wait_for(lambda: log.writer._settled == 1, 10)
    assert log.reader.bounds() == (1, 1)


def test_killed_at_any_moment_the_flushed_lines_are_there_and_ids_go_on(open_log: Open, tmp_path: Path) -> None:
    dying = (
        "import os, sys, pathlib\n"
        "from datetime import UTC, datetime\n"
        "from agent.store.logs.entries import LogLevel, LogLine\n"
        "from agent.store.logs.logs import LogStore\n"
        "from agent.store.vaults.redaction import Redactor\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "log = LogStore(folder / 'logs', searches=folder / 'searches', redactor=Redactor())\n"
        "at = datetime(2026, 11, 24, 12, tzinfo=UTC)\n"
        "log.append(LogLine(at, LogLevel.INFO, str(n)) for n in range(1000))\n"
        "log.writer.flush()\n"
        "log.append(LogLine(at, LogLevel.INFO, 'tail') for n in range(1000))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", dying, str(tmp_path)], check=False)
    log = open_log()
    write(log, line("after"))
    first, last = log.reader.bounds()
    assert first == 1
    assert last in (1_001, 2_001)
    assert [entry.message for entry in log.reader.page(1, 1_000)] == [str(number) for number in range(1_000)]
    assert [entry.message for entry in log.reader.page(last, 1)] == ["after"]


def test_secrets_are_taken_out_before_anything_is_on_disk(log: LogStore, redactor: Redactor, tmp_path: Path) -> None:
    redactor.register(Secret("very-secret-token"))
    secret = "very-secret-token"
    write(log, line(f"m {secret}", detail=f"X-Auth-Token: unknown1234\n{secret}", record=secret))
    log.close()
    for path in (tmp_path / "logs").iterdir():
        assert b"very-secret" not in path.read_bytes()
        assert b"unknown1234" not in path.read_bytes()


def test_a_secret_at_the_cut_of_a_long_text_does_not_show_its_beginning(log: LogStore, redactor: Redactor) -> None:
    redactor.register(Secret("very-secret-token"))
    write(log, line("x" * 3_990 + "very-secret-token" + "y" * 100))
    (entry,) = log.reader.page(1, 1)
    assert "very" not in entry.message
    assert len(entry.message) <= 4_000


def test_texts_that_no_database_takes_stop_nothing(log: LogStore) -> None:
    write(log, line("half a \ud83d character"), line("after"))
    assert [entry.message for entry in log.reader.page(1, 2)] == ["half a ? character", "after"]


def test_levels_below_the_one_kept_are_not_written(log: LogStore) -> None:
    log.keep_from(LogLevel.WARNING)
    write(log, *(line(level.value, level=level) for level in LogLevel))
    assert messages(log) == ["warning", "error"]
    log.keep_from(LogLevel.DEBUG)
    write(log, line("debug", level=LogLevel.DEBUG))
    assert messages(log) == ["warning", "error", "debug"]


@pytest.mark.parametrize(
    ("target", "severity", "least"),
    [
        ("Error, Info and Status", "All", LogLevel.DEBUG),
        ("Error and Info", "All", LogLevel.INFO),
        ("Error only", "All", LogLevel.ERROR),
        ("Error, Info and Status", "High", LogLevel.WARNING),
        ("Error and Info", "Critical", LogLevel.ERROR),
        ("Error only", "Medium", LogLevel.ERROR),
    ],
)
def test_the_stricter_of_both_settings_counts(target: str, severity: str, least: LogLevel) -> None:
    assert least_kept(target, severity) is least


def test_a_log_that_cannot_be_written_is_said_once_and_loses_nothing_after_it_heals(
    open_log: Open, tmp_path: Path
) -> None:
    (tmp_path / "logs").write_text("in the way")
    told: list[AgentError] = []
    log = open_log(failed=told.append)
    for number in range(3):
        log.append([line(str(number))])
        assert not log.writer.flush(0.05)
    assert [error.code for error in told] == ["log-unwritable"]
    assert troubled(log)
    (tmp_path / "logs").unlink()
    assert log.writer.flush()
    assert not troubled(log)
    assert messages(log) == ["0", "1", "2"]


def test_lines_that_did_not_fit_into_memory_are_counted_in_the_log(
    open_log: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.store.logs.writer._MOST_WAITING", 10)
    (tmp_path / "logs").write_text("in the way")
    log = open_log()
    for number in range(15):
        log.append([line(str(number))])
        log.writer.flush(0)
    (tmp_path / "logs").unlink()
    assert log.writer.flush()
    assert log.writer.flush()
    found = messages(log)
    assert found[:10] == [str(number) for number in range(10)]
    assert found[10].startswith("5 lines of the log were lost")


def test_a_broken_segment_is_set_aside_and_said(open_log: Open, tmp_path: Path) -> None:
    log = open_log()
    write(log, line("one"), line("two", at=NOON + DAY))
    log.close()
    (tmp_path / "logs" / "2026-11-24.db").write_bytes(b"not a database at all, and long enough to be looked at" * 20)
    log = open_log()
    write(log, line("three", at=NOON + DAY))
    assert log.writer.flush()
    found = messages(log)
    assert found[:2] == ["two", "three"]
    assert "2026-11-24.db.damaged" in found[2]
    assert (tmp_path / "logs" / "2026-11-24.db.damaged").exists()


def test_many_threads_write_and_every_line_is_there_once(log: LogStore) -> None:
    def append(name: str) -> None:
        for number in range(500):
            log.append([line(f"{name}{number}")])

    threads = [threading.Thread(target=append, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.writer.flush()
    found = [entry.message for entry in log.reader.page(1, 3_000)]
    assert len(found) == len(set(found)) == 2_000
    assert [text for text in found if text.startswith("b")] == [f"b{number}" for number in range(500)]


def test_appending_after_the_end_is_ignored(log: LogStore) -> None:
    write(log, line("x"))
    log.close()
    log.append([line("late")])


# -- searching --------------------------------------------------------------------------------------------------------


@pytest.fixture
def searched(log: LogStore) -> LogStore:
    write(
        log,
        line("Order 100% done", flow="orders", run="r1", record="118"),
        line("order_5 failed", level=LogLevel.ERROR, flow="orders", run="r1", detail="HTTP 422 C:\\temp"),
        line("Products read", flow="products", run="r2", level=LogLevel.DEBUG),
        line("Ärger mit Größe", level=LogLevel.WARNING, flow="products", run="r2", at=NOON + DAY),
        line("orderX5", at=NOON + 2 * DAY),
    )
    return log


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"level": LogLevel.DEBUG}, [1, 2, 3, 4, 5]),
        ({"level": LogLevel.INFO}, [1, 2, 4, 5]),
        ({"level": LogLevel.WARNING}, [2, 4]),
        ({"level": LogLevel.ERROR}, [2]),
        ({"flow": "orders"}, [1, 2]),
        ({"run": "r2"}, [3, 4]),
        ({"flow": "orders", "run": "r2"}, []),
        ({"text": "ORDER"}, [1, 2, 5]),
        ({"text": "order_5"}, [2]),
        ({"text": "100%"}, [1]),
        ({"text": "%"}, [1]),
        ({"text": "c:\\TEMP"}, [2]),
        ({"text": "118"}, [1]),
        ({"text": "422"}, [2]),
        ({"text": "ärger MIT GRÖSSE"}, []),
        ({"text": "ÄRGER mit grö"}, [4]),
        ({"text": "ärger", "level": LogLevel.WARNING}, [4]),
        ({"text": "örger"}, []),
        ({"text": "' OR 1=1 --"}, []),
        ({"since": NOON + timedelta(seconds=1)}, [4, 5]),
        ({"until": NOON}, [1, 2, 3]),
        ({"since": NOON + DAY, "until": NOON + DAY}, [4]),
        ({"since": NOON + 9 * DAY}, []),
    ],
)
def test_a_search_finds_exactly_what_fits(searched: LogStore, wanted: dict[str, Any], found: list[int]) -> None:
    search = searched.search(LogFilter(**wanted))
    assert search.run() == search.count == len(found)
    assert [entry.id for entry in search.page(0, 100) if entry] == found
    search.close()
    tail = searched.reader.tail(0, LogFilter(**wanted))
    assert [entry.id for entry in tail.entries] == found
    assert tail.last == 5


def test_the_tail_gives_each_new_line_once_however_it_is_cut(searched: LogStore) -> None:
    seen: list[int] = []
    last = 0
    while (tail := searched.reader.tail(last, LogFilter(), limit=2)).entries:
        seen += [entry.id for entry in tail.entries]
        last = tail.last
    assert seen == [1, 2, 3, 4, 5]
    write(searched, line("new", at=NOON + 2 * DAY))
    assert [entry.message for entry in searched.reader.tail(last, LogFilter()).entries] == ["new"]


def test_the_index_of_warnings_and_errors_is_used(log: LogStore, tmp_path: Path) -> None:
    write(log, line("x"))
    with closing(connect(tmp_path / "logs" / "2026-11-24.db")) as connection:
        for level in (LogLevel.WARNING, LogLevel.ERROR):
            where, _ = condition(LogFilter(level=level))
            plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT id FROM log WHERE {where} ORDER BY id DESC")
            text = " ".join(row[3] for row in plan)
            assert "notable" in text
            assert "TEMP B-TREE" not in text


def test_hits_stay_the_same_while_the_log_goes_on(searched: LogStore) -> None:
    search = searched.search(LogFilter(text="order"))
    write(searched, line("order later", at=NOON + 2 * DAY))
    search.run()
    assert search.last == 5
    write(searched, line("order even later", at=NOON + 2 * DAY))
    assert [entry.id for entry in search.page(1, 5) if entry] == [2, 5]
    assert search.page(3, 5) == []
    search.close()
    assert not search.path.exists()


def test_hits_of_a_closed_search_are_refused_and_another_search_goes_on(log: LogStore) -> None:
    write(log, line("wanted"))
    closed, kept = log.search(LogFilter(text="wanted")), log.search(LogFilter(text="wanted"))
    assert closed.run() == kept.run() == 1
    closed.close()
    with pytest.raises(CancelledError):
        closed.page(0, 1)
    assert len(kept.page(0, 1)) == 1
    kept.close()


def test_hits_whose_lines_were_dropped_keep_their_row(searched: LogStore) -> None:
    search = searched.search(LogFilter(text="order"))
    search.run()
    searched.set_budget(LogBudget(days=0))
    searched._clock = lambda: NOON + 3 * DAY
    searched.drop_old()
    assert [entry and entry.id for entry in search.page(0, 3)] == [None, None, 5]
    search.close()


def test_a_segment_dropped_before_the_search_began_is_skipped_and_not_made_again(
    searched: LogStore, tmp_path: Path
) -> None:
    search = searched.search(LogFilter(text="order"))
    searched._clock = lambda: NOON + 40 * DAY
    assert len(searched.drop_old()) == 2
    assert search.run() == 1
    search.close()
    assert [path.name for path in (tmp_path / "logs").glob("*.db")] == ["2026-11-26.db"]


def test_a_search_cancelled_before_it_runs_ends_at_once(searched: LogStore) -> None:
    search = searched.search(LogFilter())
    search.cancel()
    with pytest.raises(CancelledError):
        search.run()
    assert not search.path.exists()


def test_left_over_hits_of_a_killed_service_are_removed_at_the_next_start(open_log: Open, tmp_path: Path) -> None:
    (tmp_path / "searches").mkdir()
    (tmp_path / "searches" / "old.db").write_bytes(b"x")
    open_log()
    assert list((tmp_path / "searches").iterdir()) == []


# -- retention --------------------------------------------------------------------------------------------------------


def test_old_days_go_as_whole_files_and_the_newest_stays(open_log: Open, tmp_path: Path) -> None:
    log = open_log(budget=LogBudget(days=2))
    write(log, *(line(str(number), at=NOON - number * DAY) for number in range(5, -1, -1)))
    log.reader.page(1, 10)
    gone = log.drop_old()
    names = sorted(path.name for path in (tmp_path / "logs").glob("*.db"))
    assert names == ["2026-11-22.db", "2026-11-23.db", "2026-11-24.db"]
    assert log.reader.bounds() == (4, 6)
    assert [entry.message for entry in log.reader.page(1, 10)] == ["2", "1", "0"]
    log._clock = lambda: NOON + 100 * DAY
    log.drop_old()
    assert log.reader.bounds() == (6, 6)
    assert not list((tmp_path / "logs").glob("2026-11-2[0-3]*"))
    assert all(not segment.path.exists() for segment in gone)
    write(log, line("next", at=NOON + DAY))
    assert log.reader.bounds() == (6, 7)


def test_the_byte_budget_is_kept_although_it_is_one_day_only(open_log: Open, tmp_path: Path) -> None:
    log = open_log(budget=LogBudget(bytes=8_000_000))
    for _ in range(30):
        write(log, *(line("x" * 1_000) for _ in range(500)))
    log.drop_old()
    used = sum(path.stat().st_size for path in (tmp_path / "logs").iterdir())
    assert used <= 8_000_000 + 1_500_000 + 5_000_000  # the open segment and SQLite's own journal come on top
    first, last = log.reader.bounds()
    assert first > 1
    assert last == 15_000


def test_a_segment_dated_in_the_future_does_not_hold_old_ones_back(log: LogStore) -> None:
    write(log, line("1"), line("2", at=NOON + 4_000 * DAY), line("3"), line("4", at=NOON + 100 * DAY))
    log._clock = lambda: NOON + 100 * DAY
    assert len(log.drop_old()) == 3
    assert log.reader.bounds() == (4, 4)


# -- many lines -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogStore]:
    folder = tmp_path_factory.mktemp("many")
    (folder / "logs").mkdir()
    for day in range(4):
        at = int((NOON + day * DAY).timestamp() * 1_000)
        with closing(connect(Segments(folder / "logs").new_path((NOON + day * DAY).date()), make=True)) as connection:
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO log VALUES (?, ?, ?, 'orders', 'r1', 'get', ?, ?, '')",
                (
                    (number, at + number, 40 if number % 1_000 == 0 else 20, str(number), f"Order {number} written")
                    for number in range(day * MANY // 4 + 1, (day + 1) * MANY // 4 + 1)
                ),
            )
            connection.execute("COMMIT")
    store = LogStore(folder / "logs", searches=folder / "searches", redactor=Redactor())
    yield store
    store.close()


def test_any_page_of_a_long_log_is_read_by_id(many: LogStore) -> None:
    assert many.reader.bounds() == (1, MANY)
    assert [entry.id for entry in many.reader.page(49_900, 256)] == list(range(49_900, 50_156))


def test_a_search_with_hits_everywhere_is_read_by_row_number(many: LogStore) -> None:
    search = many.search(LogFilter(text="order"))
    assert search.run() == MANY
    assert [entry.id for entry in search.page(149_990, 20) if entry] == list(range(149_991, 150_011))
    search.close()


def test_rare_lines_are_found_in_a_long_log(many: LogStore) -> None:
    search = many.search(LogFilter(level=LogLevel.ERROR, text="WRITTEN"))
    assert search.run() == MANY // 1_000
    assert [entry.id for entry in search.page(0, 2) if entry] == [1_000, 2_000]
    search.close()


def test_a_running_search_is_cancelled_from_another_thread_and_the_next_one_works(many: LogStore) -> None:
    search = many.search(LogFilter(text="nothing like this anywhere %"))
    ended: list[str] = []

    def run() -> None:
        try:
            search.run()
            ended.append("finished")
        except CancelledError:
            ended.append("cancelled")

    thread = threading.Thread(target=run)
    thread.start()
    search.cancel()
    thread.join()
    assert ended in (["cancelled"], ["finished"])
    assert ended == ["finished"] or not search.path.exists()
    search.close()
    again = many.search(LogFilter(text="Order 777 "))
    assert again.run() == 1
    again.close()


def test_an_interrupted_statement_counts_as_cancelled(many: LogStore) -> None:
    search = many.search(LogFilter(text="é"))
    seen = threading.Event()

    def slow(_value: str, _text: str) -> bool:
        seen.set()
        search._cancelled = True
        search._connection.interrupt()
        return False

    search._connection.create_function("contains_folded", 2, slow)
    with pytest.raises(CancelledError):
        search.run()
    assert seen.is_set()
    assert not search.path.exists()


def test_pages_are_read_while_searches_run(many: LogStore) -> None:
    failures: list[Exception] = []

    def read() -> None:
        try:
            for start in range(1, MANY, 20_000):
                assert len(many.reader.page(start, 256)) == 256
        except (AssertionError, sqlite3.Error) as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    search = many.search(LogFilter(text="99 w"))
    assert search.run() == MANY // 100
    search.close()
    for thread in threads:
        thread.join()
    assert failures == []
