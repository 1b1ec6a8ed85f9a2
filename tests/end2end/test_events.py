"""Events from a real sender through the real service into a real database: answered, exact over kills, never lost."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
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
