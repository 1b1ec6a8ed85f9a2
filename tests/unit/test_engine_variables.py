"""Variables in runs: decided packet by packet, booked with them, known to the next run together with the bookmark."""

from __future__ import annotations

import itertools
import sqlite3
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.domain.app import DataType
from agent.domain.errors import ConfigurationError, ConflictError
from agent.domain.run import RunState
from agent.engine.running.runner import Then
from agent.store.databases.database import Database
from agent.store.library.variables import NewValue, StoredVariable, is_sealed, keep
from tests.helpers.flow_rig import DOCUMENT, QuickControl, Rig
from tests.helpers.scripted_apps import Crash

_names = itertools.count()
_FILTER = 'filter: [{key: since, operator: "=", value: "~{CreatedDate}~"}]'


def document(
    variables: str, *changes: tuple[str, str], since: str = "${last}", links: str = "[start, get, map, post, end]"
) -> str:
    """The usual document with variables and a filter of them."""
    text = DOCUMENT.replace("nodes:\n", f"variables:\n{variables}nodes:\n", 1)
    text = text.replace(_FILTER, f'filter: [{{key: since, operator: ">=", value: "{since}"}}]')
    for old, new in (*changes, ("[start, get, map, post, end]", links)):
        assert old in text, old
        text = text.replace(old, new)
    return text


LAST = "  last: {type: integer, expression: $max(version), persistent: true}\n"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database.at(tmp_path_factory.mktemp("variables") / "agent.db")

    @sa.event.listens_for(database.engine, "connect")
    def _hasten(connection: sqlite3.Connection, _record: object) -> None:
        # These crashes are of the process, not of the machine: the file's content is the same without waiting for it.
        connection.execute("PRAGMA synchronous=OFF")

    database.close()
    yield database
    database.close()


def rig_with(database: Database, text: str, *, receipts: bool = True) -> Rig:
    return Rig(database, flow=f"flow-{next(_names)}", receipts=receipts, document=text)


def filters_of(rig: Rig) -> list[str]:
    """The filter of each read, as the log shows it."""
    lines = [line.detail for line in rig.journal.lines if line.message.startswith("Starting data pulling")]
    return [line.partition("GET: ")[2] for line in lines]


def stored(rig: Rig) -> Mapping[str, StoredVariable]:
    return rig.variables.all(rig.flow)


def reset(rig: Rig) -> bool:
    return rig.variables.reset(rig.flow, "last", by="me", reason="why", at=rig.clock.utc())


def total_of(rig: Rig, identity: str) -> object:
    return rig.at_destination()[identity][1]


def test_what_a_run_found_is_the_filter_of_the_next(database: Database) -> None:
    rig = rig_with(database, document(LAST))
    rig.source.fill(12)
    run = rig.execute()
    assert run.state is RunState.SUCCESS, run.message
    assert (stored(rig)["last"].value, stored(rig)["last"].run) == (12, run.id)
    rig.source.fill(1, start=20)
    rig.execute()
    assert stored(rig)["last"].value == 13
    assert filters_of(rig) == [
        "no filter (left out, as ${last} has no value yet: since)", "since >= 12",
    ]  # fmt: skip
    since = stored(rig)["last"].changed_at
    rig.clock.now += 60
    rig.execute()  # nothing new: it has not changed, and nobody has changed it
    assert (stored(rig)["last"].value, stored(rig)["last"].changed_at) == (13, since)


def test_a_default_counts_until_something_is_found(database: Database) -> None:
    rig = rig_with(database, document("  last: {type: integer, expression: $max(version), default: 3}\n"))
    rig.execute()
    rig.source.fill(5)
    rig.execute()
    rig.execute()
    assert filters_of(rig) == ["since >= 3"] * 3, "without persistent, the next run begins anew"
    assert stored(rig) == {}


def test_expressions_see_the_value_of_their_packet(database: Database) -> None:
    text = document(
        "  last: {type: integer, expression: $max(version), default: 0}\n  factor: {type: integer, default: 100}\n",
        ("total: {value: total, type: integer", "total: {value: $last * $factor + total, type: integer"),
    )
    rig = rig_with(database, text)
    rig.destination.packet_size = 4
    rig.source.fill(8)
    rig.execute()
    assert [total_of(rig, f"r{number}") for number in (0, 3, 4, 7)] == [400, 403, 804, 807]


DECIDED = """\
  which: {type: decision, when: version < $last, then: wait}
  wait: {type: delay, expression: $pause}
  map:
"""
MORE = """\
  get-more: {type: get, credential: from, schema: more, action: GET, filter: [{key: since, value: "${last}"}]}
  map-more:
    type: mapper
    attributes: {id: {value: id, type: text, key: true}, version: {value: $last, type: integer}}
  post-more: {type: post, credential: to, schema: others, action: PUT}
  end: {type: end}
"""


def test_a_value_counts_in_decisions_delays_and_later_stages(database: Database) -> None:
    text = document(
        "  last: {type: integer, expression: $max(version), node: get}\n  pause: {type: integer, default: 1}\n",
        ("  map:\n", DECIDED), ("  end: {type: end}\n", MORE),
        since="0", links="[start, get, which]\n  - [wait, map, post]\n  - [start, get-more, map-more, post-more, end]",
    )  # fmt: skip
    rig = rig_with(database, text)
    more, (others, _) = rig.add_source("more"), rig.add_destination("others", receipts=True)
    rig.source.fill(5)
    more.put("m1")
    run = rig.execute()
    assert run.state is RunState.SUCCESS, run.message
    assert sorted(map(str, rig.at_destination())) == ["r0", "r1", "r2", "r3"], "the last one was decided against"
    assert filters_of(rig)[1] == "since = 5"
    assert others.rows["m1"] == ("m1", 5)


def test_a_read_that_goes_on_asks_for_what_it_asked_for_when_it_began(database: Database) -> None:
    rig = rig_with(database, document(LAST))
    rig.destination.packet_size = 3
    rig.source.fill(10)
    run_id = rig.queue()
    slices = 0
    while rig.runner().run_slice(run_id, QuickControl(), budget_seconds=0) is not Then.ENDED:
        slices += 1
    assert slices > 2
    asked = [[clause.value for clause in read.clauses] for read in rig.source.reads]  # type: ignore[union-attr]  # no groups here
    assert asked == [[]] * len(asked), "the packets of this read have set the variable meanwhile"
    rig.execute()
    assert filters_of(rig)[-1] == "since >= 10"


def test_a_loop_asks_anew_in_each_pass(database: Database) -> None:
    text = document(LAST, ("action: GET,", "action: GET, loop: {until: no-data},"))
    rig = rig_with(database, text)
    rig.source.fill(3)
    added = iter(["x"])

    def more(_row: object) -> None:
        if (name := next(added, None)) is not None:
            rig.source.put(name, total=1)

    rig.destination.carried = more
    rig.execute()
    values = [[clause.value for clause in read.clauses] for read in rig.source.reads]  # type: ignore[union-attr]  # no groups here
    assert values[0] == []
    assert values[-1] == ["4"]
    assert stored(rig)["last"].value == 4


def test_a_run_that_is_stopped_by_failures_lets_the_next_one_ask_again(database: Database) -> None:
    rig = rig_with(database, document(LAST))
    rig.destination.packet_size = 600
    rig.source.fill(600)
    rig.destination.refused = {f"r{number}": "Refused." for number in range(600)}
    run = rig.execute()
    assert run.state is RunState.FAILED
    assert stored(rig) == {}
    assert rig.bookmark() is None


@pytest.mark.parametrize(
    ("expression", "type_", "words"),
    [
        ("$number(id)", "integer", "failed at get: "),
        ("id", "text", "is not a single value"),
        ("id[0]", "datetime", "a date and time"),
    ],
)
def test_an_expression_that_fails_ends_the_run_and_says_which(
    database: Database, expression: str, type_: str, words: str
) -> None:
    rig = rig_with(database, document(f"  bad: {{type: {type_}, expression: '{expression}'}}\n", since="0"))
    rig.source.fill(3)
    run = rig.execute()
    assert run.state is RunState.FAILED
    assert "The expression of the variable “bad” failed at get" in run.message
    assert words in run.message
    assert "deploy the processflow again" in run.remedy
    assert rig.destination.rows == {}
    assert rig.bookmark() is None


def test_a_constant_without_a_value_ends_the_run_until_it_is_set(database: Database) -> None:
    rig = rig_with(database, document("  last: {type: integer}\n"))
    run = rig.execute()
    assert "The variable “last” has no value." in run.message
    assert f"opagent variable set {rig.flow} last" in run.remedy
    rig.variables.set(rig.flow, "last", NewValue(7, by="me", reason="why", at=rig.clock.utc()))
    assert rig.execute().state is RunState.SUCCESS
    assert filters_of(rig) == ["since >= 7"]


def test_nothing_is_set_while_a_run_may_be_at_work_with_it(database: Database) -> None:
    rig = rig_with(database, document(LAST))
    run_id = rig.queue()
    for change in (
        lambda: rig.variables.set(rig.flow, "last", NewValue(7, by="me", reason="", at=rig.clock.utc())),
        lambda: reset(rig),
    ):
        with pytest.raises(ConflictError) as raised:
            change()
        assert raised.value.code == "already-running"
    rig.execute(run_id)
    rig.variables.set(rig.flow, "last", NewValue(7, by="me", reason="", at=rig.clock.utc()))
    assert reset(rig)
    assert not reset(rig)


def test_a_value_of_another_type_than_now_is_refused_with_the_way_out(database: Database) -> None:
    rig = rig_with(database, document("  last: {type: integer, default: 1}\n"))
    rig.variables.set(rig.flow, "last", NewValue("many", by="me", reason="", at=rig.clock.utc()))
    run = rig.execute()
    assert run.state is RunState.FAILED
    assert "no value of the type integer" in run.message
    assert "reset" in run.remedy


SECRET = "s3cret-of-the-source-app"
ENCRYPTED = (
    "  key: {encrypted: true}\n  seen: {expression: '~{gen:LastOf(id)}~ & $key', encrypted: true, persistent: true}\n"
)


def test_an_encrypted_variable_lies_sealed_and_is_never_shown(database: Database, tmp_path: Path) -> None:
    rig = rig_with(database, document(ENCRYPTED, since="${key}-${seen}"))
    sealed = rig.variables.sealed(rig.flow, "key", SECRET)
    rig.variables.set(rig.flow, "key", NewValue(sealed, by="me", reason="", at=rig.clock.utc()))
    rig.source.fill(3)
    for _ in range(2):
        run = rig.execute()
        assert run.state is RunState.SUCCESS, run.message
    assert filters_of(rig) == ["no filter (left out, as ${seen} has no value yet: since)", "since >= ••••-••••"]
    assert rig.source.reads[-1].clauses[0].value == f"{SECRET}-r2{SECRET}"  # type: ignore[union-attr]  # no groups here
    assert {SECRET, f"r2{SECRET}"} <= set(rig.secrets.known), "kept out of every text"
    for receipt in rig.destination.kept.values():
        assert SECRET.encode() not in receipt
    assert SECRET not in str(rig.journal.lines)
    with rig.database.read() as connection:
        dump = "".join(connection.connection.iterdump())
    assert SECRET not in dump


def test_an_encrypted_value_opens_nowhere_else_and_not_without_its_key(database: Database) -> None:
    rig = rig_with(database, document(ENCRYPTED))
    sealed = rig.variables.sealed(rig.flow, "key", SECRET)
    assert rig.variables.opened(rig.flow, "key", sealed) == SECRET
    for flow, name in ((rig.flow, "seen"), ("other", "key")):
        with pytest.raises(ConfigurationError) as raised:
            rig.variables.opened(flow, name, sealed)
        assert raised.value.code == "seal-broken"
    rig.variables.set(rig.flow, "key", NewValue(sealed, by="me", reason="", at=rig.clock.utc()))
    rig.secrets.secrets.clear()
    run = rig.execute()
    assert run.state is RunState.FAILED
    assert "The variable “key” is encrypted. An encrypted value was sealed for another vault" in run.message


def test_the_types_reach_expressions_as_jsonata_has_them(database: Database) -> None:
    variables = (
        "  i: {type: integer, default: 7}\n  d: {type: decimal, default: 1.50}\n  b: {type: boolean, default: true}\n"
        "  t: {type: datetime, default: 2020-01-01T00:00:00Z}\n  huge: {type: integer, default: 9007199254740993}\n"
    )
    text = document(
        variables,
        ("total: {value: total, type: integer, required: true}",
         "total: {value: '$string($i + $d) & $string($b) & $t & $huge & $type($huge)'}"),
        since="${i}|${d}|${b}|${t}|${huge}",
    )  # fmt: skip
    rig = rig_with(database, text)
    rig.source.fill(1)
    rig.execute()
    assert total_of(rig, "r0") == "8.5true2020-01-01T00:00:00Z9007199254740993string"
    assert filters_of(rig) == ["since >= 7|1.50|true|2020-01-01T00:00:00Z|9007199254740993"]
    assert rig.parse(rig.deploy()).variables["d"].type is DataType.DECIMAL


def test_expressions_that_are_watched_see_variables_as_well(database: Database) -> None:
    text = document("  width: {type: integer, default: 3}\n",
                    ("total: {value: total", "total: {value: '$sum([1..$width])'"), since="0")  # fmt: skip
    rig = rig_with(database, text)
    rig.source.fill(1)
    rig.execute()
    assert total_of(rig, "r0") == 6


@dataclass(frozen=True)
class Story:
    """A run and the steps after which the process dies, one for each start."""

    records: int
    size: int
    crashes: tuple[int, ...]
    receipts: bool
    cut: bool
    slices: bool


_STORIES = st.builds(
    Story,
    records=st.integers(0, 14),
    size=st.integers(1, 6),
    crashes=st.lists(st.integers(0, 30), max_size=6).map(tuple),
    receipts=st.booleans(),
    cut=st.booleans(),
    slices=st.booleans(),
)
SUMS = """\
  total: {type: integer, expression: "$sum([$total, total])", persistent: true, default: 0}
  pieces: {type: integer, expression: "$pieces + 1", persistent: true, default: 0NODE}
"""


def told(database: Database, story: Story) -> Rig:
    """The story, to the end of its run. The rows carry the sum of all packets until theirs."""
    links = "[start, get, cut, map, post, end]" if story.cut else "[start, get, map, post, end]"
    text = document(
        SUMS.replace("NODE", ", node: cut" if story.cut else ""),
        ("  map:\n", "  cut: {type: splitter, size: 2}\n  map:\n" if story.cut else "  map:\n"),
        ("version: {value: version, type: integer}", "version: {value: $total, type: integer}"),
        since="${total}", links=links,
    )  # fmt: skip
    rig = rig_with(database, text, receipts=story.receipts)
    rig.destination.packet_size = story.size
    for number in range(story.records):
        rig.source.put(f"r{number}", total=number + 1)
    run_id, waiting = rig.queue(), deque(story.crashes)
    budget = 0 if story.slices else 60
    for _ in range(300):
        rig.steps.revive(waiting.popleft() if waiting else None)
        runner = rig.runner()
        with suppress(Crash):
            while runner.run_slice(run_id, QuickControl(), budget_seconds=budget) is not Then.ENDED:
                pass
            rig.steps.revive()
            return rig
    raise AssertionError("The run does not end.")


@given(story=_STORIES)
@example(story=Story(9, 3, tuple(range(0, 24, 2)), receipts=True, cut=False, slices=False))
@example(story=Story(9, 3, tuple(range(0, 24, 2)), receipts=False, cut=True, slices=True))
@settings(max_examples=25, deadline=None)
def test_values_are_the_same_however_often_the_process_dies(database: Database, story: Story) -> None:
    rig = told(database, story)
    records, size = story.records, story.size
    packets = [range(start, min(start + size, records)) for start in range(0, records, size)]
    until, expected = 0, dict[str, object]()
    for packet in packets:
        until += sum(number + 1 for number in packet)
        expected |= {f"r{number}": (until, number + 1) for number in packet}
    assert rig.at_destination() == expected
    values = {name: one.value for name, one in stored(rig).items()}
    pieces = sum(-(-len(packet) // 2) for packet in packets) if story.cut else len(packets)
    assert values == ({"total": until, "pieces": pieces} if records else {})
    rig.execute()
    assert filters_of(rig)[-1] == f"since >= {until}"


def test_what_a_person_sets_after_a_run_is_not_lost_to_a_packet_that_is_booked_later(database: Database) -> None:
    rig = rig_with(database, document(LAST))
    rig.source.fill(3)
    run = rig.execute()
    before = rig.clock.utc()
    rig.clock.now += 60
    rig.variables.set(rig.flow, "last", NewValue(7, by="me", reason="why", at=rig.clock.utc()))
    with database.write() as connection:
        keep(connection, run.id, {"last": 5}, at=before)
    assert stored(rig)["last"].value == 7
    rig.clock.now += 60
    with database.write() as connection:
        keep(connection, run.id, {"last": 5}, at=rig.clock.utc())
    assert stored(rig)["last"].value == 5


def test_what_a_person_resets_is_not_put_back_by_a_packet_that_is_booked_later(database: Database) -> None:
    rig = rig_with(database, document(LAST))
    rig.source.fill(3)
    run = rig.execute()
    before = rig.clock.utc()
    rig.clock.now += 60
    assert reset(rig)
    with database.write() as connection:
        keep(connection, run.id, {"last": 5}, at=before)
    assert stored(rig) == {}
    rig.clock.now += 60
    with database.write() as connection:
        keep(connection, run.id, {"last": 5}, at=rig.clock.utc())
    assert stored(rig)["last"].value == 5


def test_what_a_later_run_has_kept_is_not_lost_to_a_packet_that_is_booked_later(database: Database) -> None:
    rig = rig_with(database, document(LAST))
    rig.source.fill(3)
    first, before = rig.execute(), rig.clock.utc()
    rig.clock.now += 60
    rig.source.fill(4)
    rig.execute()
    kept = stored(rig)
    with database.write() as connection:
        keep(connection, first.id, {"last": 0}, at=before)
    assert stored(rig) == kept


def test_encrypted_values_that_stand_everywhere_do_not_make_texts_unreadable(database: Database) -> None:
    rig = rig_with(database, document(LAST))
    for value in (True, 5, 1234567, "pin1"):
        assert rig.variables.opened(rig.flow, "last", rig.variables.sealed(rig.flow, "last", value)) == value
    assert set(rig.secrets.known) == {"1234567", "pin1"}


def test_what_was_stored_before_its_variable_was_encrypted_is_sealed_and_kept_out_of_texts(database: Database) -> None:
    rig = rig_with(database, document("  key: {}\n", since="${key}"))
    rig.variables.set(rig.flow, "key", NewValue(SECRET, by="me", reason="", at=rig.clock.utc()))
    rig.deploy(document("  key: {encrypted: true}\n", since="${key}"))
    assert rig.execute().state is RunState.SUCCESS
    assert filters_of(rig) == ["since >= ••••"]
    assert rig.source.reads[-1].clauses[0].value == SECRET  # type: ignore[union-attr]  # no groups here
    assert SECRET in rig.secrets.known
    assert is_sealed(stored(rig)["key"].value)
