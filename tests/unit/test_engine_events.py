"""Events as the source of a run: each gets to the destination once, whatever happens, and its sender gets an answer."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.connectors.contract import ReadRequest
from agent.domain.packet import Bookmark, Packet
from agent.domain.run import Counts, RunState
from agent.engine.checking.check import check
from agent.engine.documents.document import parse
from agent.engine.events.answers import Answer
from agent.engine.running.runner import Then
from agent.store.databases.database import Database
from agent.store.tables.events import EVENTS
from tests.helpers.flow_rig import QuickControl, Rig
from tests.helpers.scripted_apps import Crash, Source, clauses_of, scripted_app

_names = itertools.count()

_HEAD = """\
schema_version: 1
name: events
title: Events
credentials: {from: source, to: destination}
nodes:
  start: {type: start, trigger: event, id: data.id}
  map:
    type: mapper
    attributes:
      id: {value: id, type: text, key: true}
      version: {value: version, type: integer}
      total: {value: total, type: integer, required: true}
  post: {type: post, credential: to, schema: rows, action: PUT}
"""
DIRECT = _HEAD + "links: [[start, map, post]]\n"
ANSWERED = _HEAD + "  answer: {type: return-response, output: true, status: 201}\nlinks: [[start, map, post, answer]]\n"
BY_ID = (
    _HEAD
    + """\
  get: {type: get, credential: from, schema: records, action: GET,
        filter: [{key: since, operator: in, value: "{$}"}]}
links: [[start, get, map, post]]
"""
)
ONE_BY_ONE = BY_ID.replace("operator: in", 'operator: "="')
POLLED = BY_ID.replace("operator: in", 'operator: "="').replace('"{$}"', '"~{CreatedDate}~"')


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for all examples, each of which has a processflow of its own."""
    database = Database.at(tmp_path_factory.mktemp("events") / "agent.db")

    @sa.event.listens_for(database.engine, "connect")
    def _hasten(connection: sqlite3.Connection, _record: object) -> None:
        # These crashes are of the process, not of the machine.
        connection.execute("PRAGMA synchronous=OFF")

    database.close()
    yield database
    database.close()


def rig_for(database: Database, document: str, *, receipts: bool = True) -> Rig:
    """A rig with a flow of its own."""
    return Rig(database, flow=f"events-{next(_names)}", receipts=receipts, document=document)


def send(rig: Rig, identity: str, version: int, total: object = 0) -> int:
    """An event that carries its record."""
    return rig.receive((identity, msgspec.json.encode({"id": identity, "version": version, "total": total})))


@dataclass
class Waiting:
    """Senders that wait."""

    got: dict[int, Answer | None] = field(default_factory=dict)

    def processed(self, flow: str, ends: int, answer: Answer | None) -> None:
        assert flow
        self.got.setdefault(ends, answer)


class Catalogue(Source):
    """A source that gives the records whose ids it is asked for."""

    async def read(self, request: ReadRequest) -> AsyncIterator[Packet]:
        self.reads.append(request)
        self.steps.reach("read")
        wanted = clauses_of(request)[0].value.split(",")
        found = [one for one in wanted if one in self.records]
        after: Any = request.position["after"] if request.position is not None else 0
        for index in range(after, len(found)):
            document = msgspec.json.encode(self.records[found[index]][1])
            last = index + 1 == len(found)
            yield Packet([found[index]], [document], {"after": index + 1}, Bookmark() if last else None)
            self.steps.reach("read on")
        if after >= len(found):
            yield Packet([], [], {"after": after}, Bookmark())


def catalogue(rig: Rig) -> Catalogue:
    """Put a catalogue behind the token `from`."""
    found = rig.sources["records"] = Catalogue(rig.steps)
    return found


def test_events_reach_the_destination_in_order_and_only_once(database: Database) -> None:
    rig = rig_for(database, DIRECT)
    for number in range(12):
        send(rig, f"r{number % 4}", number)
    run = rig.execute()
    assert (run.state, run.counts) == (RunState.SUCCESS, Counts(read=12, unchanged=2, written=10))
    assert rig.at_destination() == {f"r{number % 4}": (number, 0) for number in range(8, 12)}
    assert rig.bookmark_of("start") == Bookmark(detail={"event": 12})
    assert rig.execute().counts == Counts()


def test_a_record_that_cannot_be_mapped_is_explained_and_spoils_no_other(database: Database) -> None:
    rig = rig_for(database, DIRECT)
    send(rig, "a", 1)
    send(rig, "b", 1, "many")
    assert rig.execute().state is RunState.PARTIAL
    assert list(rig.at_destination()) == ["a"]
    assert "total" in rig.rows_of("post")["b"].message


def test_what_helps_a_failed_record_of_an_event_is_not_to_correct_it_at_a_source(database: Database) -> None:
    rig = rig_for(database, DIRECT)
    send(rig, "unmapped", 1, "many")
    send(rig, "refused", 1)
    rig.destination.refused = {"refused": "No such town."}
    rig.execute()
    rows = rig.rows_of("post")
    assert rows["unmapped"].remedy.startswith("It came in an event: have its sender deliver it again, corrected.")
    assert "correct and send it with “opagent correct”, or have its sender deliver it again" in rows["refused"].remedy
    assert not any("source app" in row.remedy for row in rows.values())
    with database.write() as connection:
        connection.execute(EVENTS.delete())
    rig.execute(rig.queue_retry("refused"))
    assert rig.rows_of("post")["refused"].message == "The event that brought this record is not kept any more."


def test_an_event_that_arrives_while_the_run_works_is_taken_by_the_same_run(database: Database) -> None:
    rig = rig_for(database, DIRECT)
    send(rig, "first", 1)
    rig.steps.at("moved", lambda: send(rig, "second", 2))
    rig.execute()
    assert set(rig.at_destination()) == {"first", "second"}


def test_a_new_source_begins_behind_what_was_processed_before_it(database: Database) -> None:
    rig = rig_for(database, DIRECT)
    rig.inboxes.renew(rig.flow, "", at=rig.clock.utc(), by="")
    rig.events.note_processed(rig.flow, send(rig, "old", 1))
    send(rig, "new", 2)
    rig.execute()
    assert set(rig.at_destination()) == {"new"}


def test_a_source_that_is_renamed_goes_on_where_it_ended(database: Database) -> None:
    rig = rig_for(database, DIRECT)
    send(rig, "a", 1)
    send(rig, "b", 1)
    assert rig.execute().counts.written == 2
    send(rig, "waits", 1)
    rig.deploy(DIRECT.replace("start:", "begin:").replace("[start,", "[begin,"))
    assert rig.execute().counts == Counts(read=1, written=1)
    send(rig, "c", 1)
    assert rig.execute().counts == Counts(read=1, written=1)
    assert set(rig.at_destination()) == {"a", "b", "waits", "c"}


def test_a_source_that_is_renamed_while_a_run_works_takes_up_what_that_leaves(database: Database) -> None:
    rig = rig_for(database, DIRECT)
    send(rig, "a", 1)
    rig.steps.at("moved", lambda: rig.deploy(DIRECT.replace("start:", "begin:").replace("[start,", "[begin,")))
    assert rig.execute().version == 1
    send(rig, "b", 1)
    assert rig.execute().counts == Counts(read=1, written=1)
    assert set(rig.at_destination()) == {"a", "b"}


@pytest.mark.parametrize("crash_after", [None, 6, 9])
def test_a_retry_takes_the_record_as_it_was_received_and_moves_nothing(
    database: Database, crash_after: int | None
) -> None:
    rig = rig_for(database, DIRECT)
    rig.destination.refused = {"a": "Not yet."}
    for identity in ("a", "b"):
        send(rig, identity, 1)
    assert rig.execute().state is RunState.PARTIAL
    rig.destination.refused = {}
    send(rig, "c", 1)
    run_id = rig.queue_retry("a")
    rig.steps.revive(crash_after)
    with suppress(Crash):
        rig.execute(run_id)
    rig.steps.revive()
    rig.execute(run_id)
    assert set(rig.at_destination()) == {"a", "b"}
    assert rig.rows_of("post")["a"].tries == 2
    assert rig.bookmark_of("start") == Bookmark(detail={"event": 2})
    rig.execute()
    assert set(rig.at_destination()) == {"a", "b", "c"}
    assert {row for row, times in rig.destination.carried_out.items() if times > 1} == set()


_CRASHES = st.lists(st.integers(0, 25), max_size=8)


@given(
    receipts=st.booleans(),
    document=st.sampled_from([DIRECT, ANSWERED, BY_ID, ONE_BY_ONE]),
    crashes=_CRASHES,
    fates=st.lists(st.sampled_from(["", "lost", "done", "half"]), max_size=4),
    late=st.lists(st.integers(0, 9), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_killed_at_any_boundary_every_event_arrives_exactly_once(
    database: Database, *, receipts: bool, document: str, crashes: list[int], fates: list[str], late: list[int]
) -> None:
    rig = rig_for(database, document, receipts=receipts)
    source = catalogue(rig)
    rig.destination.script.extend(fates)
    versions: dict[str, int] = {}

    def happen(number: int) -> None:
        identity = f"r{number}"
        versions[identity] = versions.get(identity, 0) + 1
        source.put_exactly(identity, version=versions[identity], total=number)
        send(rig, identity, versions[identity], number)

    for number in range(8):
        happen(number)
    run_id, waiting = rig.queue(), list(late)
    for _ in range(200):
        rig.steps.revive(crashes.pop() if crashes else None)
        runner = rig.runner()
        with suppress(Crash):
            while runner.run_slice(run_id, QuickControl(), budget_seconds=0) is not Then.ENDED:
                pass
            break
        if waiting:
            happen(waiting.pop())
    rig.steps.revive()
    rig.execute()
    assert rig.at_destination() == {one: (version, int(one[1:])) for one, version in versions.items()}
    assert {row for row, times in rig.destination.carried_out.items() if times > 1} == set()


def test_a_get_fetches_what_events_name_many_at_once_where_the_filter_is_a_list(database: Database) -> None:
    rig = rig_for(database, BY_ID)
    source = catalogue(rig)
    source.fill(3)
    for identity in ("r0", "r1", "r1", "r2"):
        rig.receive((identity, b"{}"))
    rig.execute()
    assert [clauses_of(request)[0].value for request in source.reads] == ["r0,r1,r2"]
    assert set(rig.at_destination()) == {"r0", "r1", "r2"}


def test_a_get_fetches_what_events_name_one_by_one_where_the_filter_takes_one(database: Database) -> None:
    rig = rig_for(database, ONE_BY_ONE)
    source = catalogue(rig)
    source.fill(2)
    for identity in ("r0", "r1"):
        rig.receive((identity, b"{}"))
    rig.execute()
    assert [clauses_of(request)[0].value for request in source.reads] == ["r0", "r1"]
    assert set(rig.at_destination()) == {"r0", "r1"}


def test_a_record_that_the_app_does_not_give_is_told_and_holds_nothing_up(database: Database) -> None:
    rig = rig_for(database, BY_ID)
    catalogue(rig).fill(1)
    for identity in ("gone", "r0"):
        rig.receive((identity, b"{}"))
    rig.execute()
    (line,) = [line for line in rig.journal.lines if line.record == "gone"]
    assert "gave no such record" in line.message
    assert set(rig.at_destination()) == {"r0"}
    assert rig.bookmark_of("get") == Bookmark(detail={"event": 2})


def test_a_get_without_an_id_in_its_filter_reads_what_changed_when_events_arrive(database: Database) -> None:
    rig = rig_for(database, POLLED)
    rig.source.fill(2)
    rig.receive(("x", b"{}"))
    rig.execute()
    assert set(rig.at_destination()) == {"r0", "r1"}
    bookmark = rig.bookmark_of("get")
    assert bookmark is not None
    assert bookmark.detail == {"change": 2, "event": 1}
    rig.source.fill(1, start=2)
    rig.receive(("x", b"{}"))
    assert rig.execute().counts.read == 1


def test_the_sender_is_answered_with_the_packet_that_reaches_return_response(database: Database) -> None:
    rig = rig_for(database, ANSWERED)
    rig.answers = waiting = Waiting()
    first, second = send(rig, "a", 1, 5), send(rig, "b", 1, "many")
    third = send(rig, "a", 1, 5)
    assert rig.execute().counts == Counts(read=3, written=1, failed=1)
    answer = waiting.got[first]
    assert answer is not None
    assert json.loads(answer.content) == [{"id": "a", "version": 1, "total": 5, "destination_id": "da"}]
    assert (answer.status, answer.content_type) == (201, "application/json")
    assert waiting.got[second] is None, "nothing got there: it failed"
    assert waiting.got[third] == answer, "it was there already"


def test_each_event_is_answered_by_itself_however_many_records_it_has(database: Database) -> None:
    rig = rig_for(database, ANSWERED)
    rig.answers = waiting = Waiting()
    records = [(f"r{number}", b'{"id": "r%d", "total": %d}' % (number, number)) for number in range(7)]
    ends = [rig.receive(*records[:4]), rig.receive(*records[4:])]
    rig.execute()
    found = [waiting.got[end] for end in ends]
    assert [len(json.loads(answer.content)) for answer in found if answer is not None] == [4, 3]


def test_an_event_that_ends_as_an_answer_alone_counts_as_neither_written_nor_skipped(database: Database) -> None:
    document = _HEAD.replace("  post: {type: post, credential: to, schema: rows, action: PUT}\n", "")
    rig = rig_for(
        database, document + "  answer: {type: return-response, output: true}\nlinks: [[start, map, answer]]\n"
    )
    rig.answers = waiting = Waiting()
    send(rig, "a", 1)
    run = rig.execute()
    assert (run.state, run.counts) == (RunState.SUCCESS, Counts(read=1))
    assert waiting.got[1] is not None


@pytest.mark.parametrize(
    ("nodes", "links", "code"),
    [
        ("start: {type: start}\n  answer: {type: return-response, text: OK}", "[start, get, answer]", "no-event"),
        ("start: {type: start, trigger: events}", "[start, get, map, post]", "wrong-value"),
        ("start: {type: start, id: data.id}", "[start, get, map, post]", "unknown-key"),
        ("start: {type: start, trigger: event, id: '((('}", "[start, map, post]", "expression-syntax"),
        ("start: {type: start, trigger: event, verify: {algorithm: md5}}", "[start, map, post]", "missing-key"),
        ("start: {type: start, trigger: event, deduplicate: {header: 'a b'}}", "[start, map, post]", "wrong-value"),
        ("start: {type: start, trigger: event}", "[start, post]", "wrong-order"),
        ("start: {type: start, trigger: event}\n  a: {type: return-response}", "[start, a]", "missing-key"),
        ("start: {type: start, trigger: event}\n  a: {type: return-response, text: a, wait: 3}", "[start, a]",
         "unknown-key"),
        ("start: {type: start, trigger: event}\n  a: {type: return-response, output: true, wait: 26}", "[start, a]",
         "wrong-value"),
        ("start: {type: start, trigger: event}\n  a: {type: return-response, text: a, status: 500}", "[start, a]",
         "wrong-value"),
        (("start: {type: start, trigger: event}\n  a: {type: return-response, text: a}\n"
         "  b: {type: return-response, output: true}"), "[start, a], [start, b]", "several-responses"),
        (("start: {type: start, trigger: event}\n  m: {type: merger, packets: 2}\n"
         "  a: {type: return-response, output: true}"), "[start, m, a]", "response-apart"),
        ("start: {type: start, trigger: event}\n  a: {type: return-response, output: true}", "[start, get, a]",
         "response-apart"),
        (("start: {type: start}\n  get2: {type: get, credential: from, schema: records, action: GET, "
         "filter: [{key: since, value: '{$}'}]}"), "[start, get2, map, post]", "no-event"),
    ],
)  # fmt: skip
def test_what_cannot_work_with_events_is_refused_with_its_reason(nodes: str, links: str, code: str) -> None:
    document = f"""\
schema_version: 1
name: events
credentials: {{from: source, to: destination}}
nodes:
  {nodes}
  get: {{type: get, credential: from, schema: records, action: GET}}
  map: {{type: mapper, attributes: {{id: id}}}}
  post: {{type: post, credential: to, schema: rows, action: PUT}}
links: [{links}]
"""
    used = set(links.replace("[", " ").replace("]", " ").replace(",", " ").split())
    for name in ("get", "map", "post"):
        if name not in used:
            document = "\n".join(line for line in document.split("\n") if not line.startswith(f"  {name}:"))
    problems = check(parse(document.encode(), file="f"), {app: scripted_app(app) for app in ("source", "destination")})
    assert code in {problem.code for problem in problems}, problems
    assert all(problem.suggestion or problem.message for problem in problems)
