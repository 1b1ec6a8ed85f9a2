"""The sample of variables and filters with groups, on a real service: exact over kills, changed without deploying."""

from __future__ import annotations

import random
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from agent.api.variable_models import Variable
from agent.domain.run import RunState
from tests.helpers.stage import Stage

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_STATES = ("open", "paid", "overdue", "draft", "paid", "cancelled")
_COUNT = 4_000


def _invoice(number: int, after: int = 0) -> tuple[object, ...]:
    changed = _BEGIN + timedelta(minutes=number // 3 + after)
    return (number, _STATES[number % 6], f"{number % 1_500}.50", "EUR" if number % 5 else "USD",
            changed.strftime("%Y-%m-%dT%H:%M:%SZ"))  # fmt: skip


def _fill(stage: Stage, *rows: tuple[object, ...]) -> None:
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS invoices (id INTEGER PRIMARY KEY, state TEXT, total DECIMAL(10, 2), "
            "currency TEXT, changed_at DATETIME)"
        )
        connection.executemany("INSERT OR REPLACE INTO invoices VALUES (?, ?, ?, ?, ?)", rows)


def _wanted(number: int, *, large: float = 1000) -> bool:
    _, state, total, currency, _ = _invoice(number)
    is_large = state not in ("draft", "cancelled") and float(str(total)) > large
    return currency == "EUR" and (state in ("open", "overdue") or is_large)


@pytest.mark.slow
def test_what_was_selected_arrives_over_kills_and_the_next_run_goes_on_from_there(stage: Stage) -> None:
    stage.setting("enable_environment", "true")
    stage.configure("sql", "Database", {"kind": "SQLite", "database": str(stage.database)}, {})
    _fill(stage, *map(_invoice, range(_COUNT)))
    stage.deploy("invoices-to-check")

    run = stage.execute("invoices-to-check")
    chance = random.Random(3)
    for _ in range(2):
        threading.Event().wait(chance.uniform(0.05, 0.5))
        stage.kill()
        stage.start()
    ended = stage.ended(run.id)

    wanted = [number for number in range(_COUNT) if _wanted(number)]
    assert (ended.state, ended.counts.written) == (RunState.SUCCESS, len(wanted)), ended.message
    assert [row[0] for row in stage.rows("SELECT id FROM invoices_to_check ORDER BY id")] == wanted
    assert stage.rows("SELECT reason FROM invoices_to_check WHERE id = ?", wanted[-1]) != [("",)]
    until = max(str(_invoice(number)[4]) for number in wanted)
    seen = {one.name: one for one in _variables(stage)}["seen_until"]
    assert (seen.value, seen.run) == (until, run.id)

    # Paid, and below the limit until the limit is changed: it comes with its next change.
    small = next(n for n in range(1_600, 2_000) if _STATES[n % 6] == "paid" and n % 5 and not _wanted(n))
    stage.ask(lambda client: client.variables.set("invoices-to-check", "large", "10", reason="audit"))
    _fill(stage, _invoice(small, after=100_000))
    after = stage.run("invoices-to-check")

    assert after.state is RunState.SUCCESS
    assert after.counts.read <= 4, "only what is new is asked for, and the last minute again"
    assert after.counts.written >= 1, "of the last minute some may be above the limit now as well"
    assert stage.rows("SELECT reason FROM invoices_to_check WHERE id = ?", small) == [("more than 10 EUR",)]


def _variables(stage: Stage) -> list[Variable]:
    return stage.ask(lambda client: client.variables.all("invoices-to-check"))
