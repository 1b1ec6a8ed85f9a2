"""Which requests are kept of a node, and how they read."""

from __future__ import annotations

import json

import pytest

from agent.domain.sent import Sent
from agent.engine.walking.journal import RunJournal
from agent.engine.walking.request_look import RequestLook
from tests.helpers.flow_rig import RecordingJournal

FINE = Sent("GET", "https://store.example/items", status=200, seconds=0.5)
REFUSED = Sent("GET", "https://store.example/items", status=503)


@pytest.fixture
def journal() -> RecordingJournal:
    return RecordingJournal(wants_samples=True)


def look(journal: RecordingJournal, *, sampled: bool = False) -> RequestLook:
    return RequestLook(RunJournal(journal, flow="flow", run="run"), "get", 4, sampled)


def told(journal: RecordingJournal) -> list[dict[str, object]]:
    return [json.loads(kept.content) for kept in journal.packets]


def test_the_first_three_and_what_fails_is_kept_in_the_sample(journal: RecordingJournal) -> None:
    one = look(journal)
    for sent in [FINE] * 10 + [REFUSED] * 2:
        one(sent)
    assert [line["status"] for line in told(journal)] == [200, 200, 200, 503, 503]
    assert not any(kept.whole for kept in journal.packets)


def test_a_later_slice_keeps_failures_alone_and_a_bounded_number(journal: RecordingJournal) -> None:
    one = look(journal, sampled=True)
    for sent in [FINE] * 10 + [REFUSED] * 100:
        one(sent)
    assert [line["status"] for line in told(journal)] == [503] * 20


def test_diagnosis_mode_keeps_all_of_them_whole(journal: RecordingJournal) -> None:
    journal.wants_packets = True
    one = look(journal, sampled=True)
    for _ in range(10):
        one(FINE)
    assert [(kept.number, kept.piece, kept.whole) for kept in journal.packets] == [(4, n, True) for n in range(10)]


def test_a_request_reads_as_it_was_sent_and_a_long_body_is_cut(journal: RecordingJournal) -> None:
    one = look(journal)
    one(Sent("PUT", "https://x/y", headers=(("accept", "*/*"),), body=b"x" * 100_000, status=200, seconds=0.25))
    one(Sent("WRITE", "the database", body=b"INSERT INTO t VALUES (?)", rows=20))
    one(Sent("GET", "https://x/y", failure="ReadTimeout"))
    first, second, third = told(journal)
    assert first["headers"] == {"accept": "*/*"}
    assert str(first["body"]).endswith("… 36,000 more bytes")
    assert (first["status"], first["seconds"]) == (200, 0.25)
    assert second == {
        "method": "WRITE", "target": "the database", "body": "INSERT INTO t VALUES (?)", "rows": 20, "seconds": 0.0,
    }  # fmt: skip
    assert third["failure"] == "ReadTimeout"


def test_nothing_is_kept_where_nobody_wants_it() -> None:
    journal = RecordingJournal()
    look(journal)(REFUSED)
    assert journal.packets == []
