"""Events from a real sender through the real service into a real database: answered, exact over kills, never lost."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from agent.domain.run import RunState, Trigger
from tests.helpers.event_senders import nothing_waits, receive_events, send_all, send_until_acknowledged
from tests.helpers.stage import Stage

DIRECT = """\
schema_version: 1
name: sign-ups
title: Sign-ups
credentials: {database: sql}
nodes:
  start: {type: start, trigger: event, id: id}
  map:
    type: mapper
    attributes:
      id: {value: id, type: integer, key: true}
      name: {value: name, type: text}
  post: {type: post, credential: database, schema: sign_ups, action: UPSERT}
links: [[start, map, post]]
"""


def _sign_up(number: int) -> dict[str, Any]:
    at = "2026-01-31T09:15:00Z"
    return {"sign_up": {"id": number, "email": f"Lea{number}@Example.COM", "name": "Lea", "consent": True, "at": at}}


def _table_that_remembers_every_write(stage: Stage) -> None:
    with closing(sqlite3.connect(stage.database)) as connection:
        connection.executescript("""
            CREATE TABLE sign_ups (id INTEGER PRIMARY KEY, name TEXT);
            CREATE TABLE writes (id INTEGER);
            CREATE TRIGGER added AFTER INSERT ON sign_ups BEGIN INSERT INTO writes VALUES (new.id); END;
            CREATE TRIGGER changed AFTER UPDATE ON sign_ups BEGIN INSERT INTO writes VALUES (new.id); END;
        """)


def test_the_sample_stores_what_is_sent_and_answers_with_it(stage: Stage) -> None:
    receive_events(stage)
    stage.deploy("webhook-to-database")
    url = stage.ask(lambda client: client.real_time.url("webhook-to-database")).url
    answer = send_until_acknowledged(url, _sign_up(7), name="first")
    assert answer.status_code == 200, answer.text
    (stored,) = answer.json()
    assert (stored["id"], stored["email"], stored["destination_id"]) == (7, "lea7@example.com", "7")
    assert stage.rows("SELECT id, email, consent FROM sign_ups") == [(7, "lea7@example.com", 1)]

    repeated = send_until_acknowledged(url, _sign_up(7), name="first")
    assert (repeated.status_code, repeated.text) == (202, "Acknowledged")
    refused = send_until_acknowledged(url, {"sign_up": {"email": "a@b"}}, name="second")
    assert refused.status_code == 422
    inbox = nothing_waits(stage, "webhook-to-database")
    assert (inbox.received, inbox.duplicates) == (1, 1)
    (run,) = stage.ask(lambda client: client.runs(flow="webhook-to-database")).items
    assert (run.trigger, run.state, run.counts.written) == (Trigger.EVENT, RunState.SUCCESS, 1)

    renewed = stage.ask(lambda client: client.real_time.renew("webhook-to-database")).url
    assert send_until_acknowledged(renewed, _sign_up(8), name="third").status_code == 200
    assert httpx.post(url, json=_sign_up(9), trust_env=False).status_code == 404


def test_every_acknowledged_event_arrives_exactly_once_however_often_the_service_is_killed(stage: Stage) -> None:
    receive_events(stage)
    _table_that_remembers_every_write(stage)
    stage.deploy("sign-ups", document=DIRECT)
    url = stage.ask(lambda client: client.real_time.url("sign-ups")).url
    kills = {20, 75, 140, 141, 230}
    due = threading.Semaphore(0)

    def kill_when_due() -> None:
        for _ in kills:
            due.acquire()
            stage.kill()
            stage.start()

    killer = threading.Thread(target=kill_when_due)
    killer.start()
    bodies = [{"id": number, "name": f"name {number}"} for number in range(300)]
    send_all(url, bodies, senders=12, acknowledged=lambda count: due.release() if count in kills else None)
    killer.join()

    inbox = nothing_waits(stage, "sign-ups")
    assert stage.rows("SELECT id, name FROM sign_ups ORDER BY id") == [(one["id"], one["name"]) for one in bodies]
    assert stage.rows("SELECT id FROM writes GROUP BY id HAVING count(*) > 1") == []
    assert inbox.received == 300


def test_an_event_is_exact_wherever_the_service_dies(stage: Stage) -> None:
    receive_events(stage)
    _table_that_remembers_every_write(stage)
    stage.deploy("sign-ups", document=DIRECT)
    url = stage.ask(lambda client: client.real_time.url("sign-ups")).url
    answers: list[httpx.Response] = []

    def send(number: int) -> threading.Thread:
        body = {"id": number, "name": "Lea"}
        sending = threading.Thread(
            target=lambda: answers.append(send_until_acknowledged(url, body, name=f"event-{number}"))
        )
        sending.start()
        return sending

    # It has arrived, and cannot be stored yet: nobody was told that it was.
    with _locked(stage.folders.database):
        first = send(1)
        assert not _comes(lambda: answers, most_seconds=1)
        stage.kill()
    stage.start()
    first.join()
    # It is stored; whether its sender knows is open.
    second = send(2)
    assert _comes(lambda: 2 in _stored(stage))
    stage.kill()
    stage.start()
    second.join()
    # It is stored and acknowledged, and its run is about to write it.
    with _locked(stage.database):
        send(3).join()
        runs = stage.ask(lambda client: client.runs(flow="sign-ups")).items
        assert _comes(lambda: not stage.ask(lambda client: client.runs(flow="sign-ups")).items[0].state.ended), runs
        stage.kill()
    stage.start()
    nothing_waits(stage, "sign-ups")

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert stage.rows("SELECT id, count(*) FROM writes GROUP BY id ORDER BY id") == [(1, 1), (2, 1), (3, 1)]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Nobody else can write this database meanwhile."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _stored(stage: Stage) -> set[int]:
    with closing(sqlite3.connect(f"{stage.folders.database.as_uri()}?mode=ro", uri=True)) as connection:
        return {int(row[0]) for row in connection.execute("SELECT source_id FROM events")}


def _comes(true: Callable[[], object], *, most_seconds: float = 60) -> bool:
    """Whether something becomes true in time."""
    waiting = threading.Event()
    for _ in range(int(most_seconds * 100)):
        if true():
            return True
        waiting.wait(0.01)
    return False
