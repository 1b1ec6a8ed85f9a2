"""Any processflow, whatever happens to it, ends as a model in memory says that knows nothing of packets and crashes.

The flows are random: stages, branches, joins, Decisions, Splitters, Mergers, POST chains, Delays, Halts, loops. So is
what happens: faults that pass, rows that are refused, writes without an answer, records that cannot be mapped, changes
at the source while it is read and while the process is down, deaths at any boundary, a cancelled run.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from agent.domain.packet import SyncState
from agent.domain.run import Counts, RunState
from agent.engine.running.runner import Runner, Then
from agent.engine.walking.verdict import conclusion
from agent.store.databases.database import Database
from agent.store.records.sync_info import SyncRow
from agent.store.runs.runs import RunRow
from tests.helpers.agent_database import BOTH_KINDS, opened
from tests.helpers.flow_rig import QuickControl, Rig
from tests.helpers.random_graphs import DELAYS, Fate, Fates, Flow, Row, Stage, flows
from tests.helpers.scripted_apps import Crash, outage
from tests.helpers.snapshot_facts import check_snapshot

_MOST_STARTS = 300
_names = itertools.count()


@contextmanager
def hasty(folder: Path) -> Iterator[Database]:
    """One for all examples, each of which has a processflow of its own."""
    database = Database.at(folder / "agent.db")

    @sa.event.listens_for(database.engine, "connect")
    def _hasten(connection: sqlite3.Connection, _record: object) -> None:
        # These crashes are of the process, not of the machine: the file's content is the same without waiting for it.
        connection.execute("PRAGMA synchronous=OFF")

    database.close()
    yield database
    database.close()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with hasty(tmp_path_factory.mktemp("model")) as made:
        yield made


@dataclass(frozen=True)
class Story:
    """A flow and what happens to it.

    `totals` are the records of each source in turn; "many" cannot be mapped. `crashes` are the steps after which the
    process dies, one for each start. `faults` are places and how often they are passed before they fail. `moves` are
    changes while a source is read (the read, the record, its total), `changes` those while the process is down.
    `cancelled` is the start at which the run is cancelled; with `redeployed` the next run is of another version.
    """

    flow: Flow
    totals: tuple[tuple[int | str, ...], ...]
    packet_size: int
    crashes: tuple[int, ...]
    fates: tuple[str, ...]
    refused: frozenset[tuple[int, int]]
    skipped: frozenset[tuple[int, int]]
    faults: tuple[tuple[str, int], ...]
    moves: tuple[tuple[int, int, int | str], ...]
    changes: tuple[tuple[int, int, int | str], ...]
    cancelled: int | None
    redeployed: bool
    overlap: int
    empty_end: bool
    slices: bool

    @property
    def quiet(self) -> bool:
        """Whether the source stays as it is and the run is left alone."""
        return not self.changes and not self.moves and self.cancelled is None


_TOTALS = st.sampled_from([*range(10), "many"])
_RECORDS = st.sampled_from([3, 4, 5, 6, 7, 3, 4, 5, 0]).flatmap(
    lambda number: st.lists(_TOTALS, min_size=number, max_size=number)
)
_SOME = st.frozensets(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=3)
_PLACES = ("read", "write", "look up", "receipt", "open source", "open destination")
_STORIES = st.builds(
    Story,
    flow=flows(),
    totals=st.lists(_RECORDS.map(tuple), min_size=1, max_size=3).map(tuple),
    packet_size=st.integers(1, 4),
    crashes=st.lists(st.integers(1, 30), max_size=4).map(tuple),
    fates=st.lists(st.sampled_from(["", "", "lost", "done", "half"]), max_size=5).map(tuple),
    refused=_SOME,
    skipped=_SOME,
    faults=st.lists(st.tuples(st.sampled_from(_PLACES), st.integers(0, 4)), max_size=3).map(tuple),
    moves=st.just(()) | st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7), _TOTALS), max_size=3).map(tuple),
    changes=st.just(()) | st.lists(st.tuples(st.integers(0, 1), st.integers(0, 7), _TOTALS), max_size=3).map(tuple),
    cancelled=st.sampled_from([None, None, None, None, None, None, 1, 2, 3, 0]),
    redeployed=st.booleans(),
    overlap=st.sampled_from([0, 0, 1, 3]),
    empty_end=st.booleans(),
    slices=st.sampled_from([False, False, True]),
)


@dataclass
class Told:
    """A story in the making: the rig, every version that each record had, and what was carried out when."""

    rig: Rig
    story: Story
    versions: dict[str, dict[str, list[Mapping[str, Any]]]] = field(default_factory=dict)
    diary: list[tuple[str, Row, float]] = field(default_factory=list)

    def put(self, stage: Stage, identity: str, total: int | str) -> None:
        """Add or change a record of a source."""
        self.rig.sources[stage.schema].put_exactly(identity, total=total)
        versions = self.versions.setdefault(stage.schema, {}).setdefault(identity, [])
        versions.append({"id": identity, "total": total})

    def verdict(self, post: str, identity: str) -> SyncState:
        """What the destination of a POST says to a row."""
        place = sorted(self.story.flow.receipts).index(post), int(identity[1:])
        if place in self.story.refused:
            return SyncState.FAILED
        return SyncState.SKIPPED if place in self.story.skipped else SyncState.SUCCESS

    def fates(self, stage: Stage, document: Mapping[str, Any]) -> Fates:
        """What becomes of a record."""
        return self.story.flow.fates(stage, document, self.verdict)


def begin(database: Database, story: Story) -> Told:
    """The flow is deployed, the sources are full, and what is to happen is arranged."""
    name = f"flow-{next(_names)}"
    document = story.flow.document(name, token_of=lambda post: "to" if story.flow.receipts[post] else "too")
    rig = Rig(database, flow=name, document=document)
    told = Told(rig, story)
    for number, stage in enumerate(story.flow.all_stages):
        source = rig.add_source(stage.schema)
        source.empty_end, source.overlap = story.empty_end, story.overlap
        for record, total in enumerate(story.totals[number % len(story.totals)]):
            told.put(stage, f"r{record}", total)
    for number, (post, receipts) in enumerate(sorted(story.flow.receipts.items())):
        destination, _ = rig.add_destination(post, receipts=receipts)
        destination.packet_size = story.packet_size
        destination.script = deque(story.fates[number % 2 :: 2])
        destination.refused = {f"r{record}": "Refused." for at, record in story.refused if at == number}
        destination.skipped = {f"r{record}": "No." for at, record in story.skipped - story.refused if at == number}
        destination.carried = partial(_note, told, rig, post)
    for place, times in story.faults:
        _arrange(rig, place, times, outage())
    for times, record, total in story.moves:
        _arrange(rig, "read", times, partial(told.put, story.flow.stages[0], f"r{record}", total))
    return told


def _note(told: Told, rig: Rig, post: str, row: Row) -> None:
    told.diary.append((post, row, rig.clock.now))


def _arrange(rig: Rig, place: str, times: int, action: Callable[[], object] | BaseException) -> None:
    """Let this place be passed so often, then do this there."""
    rig.steps.at(place, *[None] * times, action)


def tell(told: Told) -> RunRow:
    """Run to the end, in as many processes as it takes."""
    rig, story = told.rig, told.story
    run_id = rig.queue()
    crashes, changes = deque(story.crashes), deque(story.changes)
    for start in range(_MOST_STARTS):
        if start == story.cancelled:
            rig.runs.request_cancel(run_id, at=rig.clock.utc())
        rig.steps.revive(crashes.popleft() if crashes else None)
        with suppress(Crash):
            _work(rig, rig.runner(), run_id, budget_seconds=0 if story.slices else 60)
            return rig.runs.get(run_id)
        if changes:
            at, record, total = changes.popleft()
            told.put(story.flow.stages[at % len(story.flow.stages)], f"r{record}", total)
    raise AssertionError("The run does not end.")


def _work(rig: Rig, runner: Runner, run_id: str, *, budget_seconds: float) -> None:
    for _ in range(_MOST_STARTS):
        match runner.run_slice(run_id, QuickControl(rig.clock), budget_seconds=budget_seconds):
            case Then.ENDED:
                return
            case Then.PARKED:
                seen = len(rig.steps.seen)
                assert runner.run_slice(run_id, QuickControl(), budget_seconds=60) is Then.PARKED
                assert len(rig.steps.seen) == seen
                rig.wake(run_id)
    raise AssertionError("The run does not end.")


# -- what has to be so -------------------------------------------------------------------------------------------------


def check(database: Database, story: Story) -> None:
    """Tell a story, and look at everything."""
    told = begin(database, story)
    rig = told.rig
    run = tell(told)
    rig.steps.revive()
    rig.steps.actions.clear()
    stages = story.flow.all_stages
    check_snapshot(
        rig.database, run, sources={stage.id for stage in stages},
        posts={post for stage in stages for post in _posts(stage)},
    )  # fmt: skip
    for destination in rig.destinations.values():
        destination.script.clear()
    if story.quiet:
        check_counts(told, run)
        check_order(told)
        check_delays(told, run)
    else:
        assert run.state in (RunState.SUCCESS, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED)
        if story.redeployed:
            rig.deploy()
        _settled(rig.execute(budget_seconds=0 if story.slices else 60))
    check_everything(told)
    if story.overlap:
        check_again(told)


def check_again(told: Told) -> None:
    """Another run is given a little of what was read before, and writes nothing."""
    rig = told.rig
    before = {post: dict(destination.rows) for post, destination in rig.destinations.items()}
    carried = len(told.diary)
    assert _settled(rig.execute()).counts.written == 0
    assert len(told.diary) == carried
    assert {post: dict(destination.rows) for post, destination in rig.destinations.items()} == before
    check_everything(told)


def _settled(run: RunRow) -> RunRow:
    """A run that nobody disturbed says what became of its records, and nothing else."""
    assert (run.state, run.message, run.remedy) == conclusion(run.counts)
    return run


def check_everything(told: Told) -> None:
    """Every destination, Sync Info and every bookmark is as the model says."""
    rig, flow = told.rig, told.story.flow
    halts_reached, halts_maybe = _halts(told)
    everywhere: Counter[SyncState] = Counter()
    known: dict[str, dict[str, SyncRow]] = defaultdict(dict)
    for row in rig.sync_info.page(rig.flow, limit=1_000):
        known[row.node][row.source_id] = row
    for stage in flow.all_stages:
        source = rig.sources[stage.schema]
        (halt,) = [one for one in stage.linked_from if one.startswith("h")] or [""]
        if halt and halt not in halts_reached:
            assert halt in halts_maybe or source.reads == []
            if source.reads == []:
                assert all(rig.destinations[post].rows == {} for post in _posts(stage))
                continue
            if rig.bookmark_of(stage.id) is None:
                # A record waited here while the read failed, and had changed when it was read again: none waits now.
                everywhere += _check_begun(told, stage, known)
                continue
        change = source.changes
        assert rig.bookmark_of(stage.id) == source.bookmark(change)
        for post in _posts(stage):
            everywhere += _check_post(told, stage, post, known[post])
    assert rig.sync_info.counts(rig.flow) == {state: everywhere[state] for state in SyncState}


def _check_begun(told: Told, stage: Stage, known: Mapping[str, Mapping[str, SyncRow]]) -> Counter[SyncState]:
    """A stage that was begun and not ended: what is there comes from its source. Returns the states of its records."""
    states: Counter[SyncState] = Counter()
    for post in _posts(stage):
        for identity, row in told.rig.destinations[post].rows.items():
            fates = [told.fates(stage, version).at.get(post) for version in told.versions[stage.schema][str(identity)]]
            assert row in {fate.row for fate in fates if fate is not None}
        states.update(one.state for one in known[post].values())
    return states


def _check_post(told: Told, stage: Stage, post: str, known: Mapping[str, SyncRow]) -> Counter[SyncState]:
    """One POST, of which this is known; returns how many records are in which state there."""
    rig = told.rig
    destination = rig.destinations[post]
    assert rig.ledger.intent(rig.stream_of(post)) is None
    rows, states = dict(destination.rows), dict(known)
    puts: Counter[Row] = Counter()
    for identity, versions in told.versions.get(stage.schema, {}).items():
        fates = [told.fates(stage, version).at.get(post) for version in versions]
        earlier = [fate for fate in fates[:-1] if fate is not None]
        puts.update(fate.row for fate in fates if fate is not None and fate.row is not None)
        row, state = rows.pop(identity, None), states.pop(identity, None)
        last = fates[-1]
        if last is not None:
            assert state is not None, (post, identity)
            assert state.state is last.state
            assert state.destination_id == f"d{identity}" or last.row is None
            assert state.tries == 1 or not told.story.quiet or told.story.overlap or last.row is None
        elif state is not None:
            assert state.state in {fate.state for fate in earlier}
        if last is not None and last.row is not None:
            assert row == last.row
        else:
            assert row is None or row in {fate.row for fate in earlier}
    assert (rows, states) == ({}, {})
    for (_, row), times in destination.carried_out.items():
        # Another version writes anew what it reads.
        assert times <= puts[row] * (1 + told.story.redeployed), (post, row)
    return Counter(state.state for state in known.values())


def check_counts(told: Told, run: RunRow) -> None:
    """The run's counts add up to what was there."""
    flow, rig = told.story.flow, told.rig
    reached, _ = _halts(told)
    found: Counter[str] = Counter()
    for stage in flow.all_stages:
        if stage.linked_from[0].startswith("h") and stage.linked_from[0] not in reached:
            continue
        documents = [versions[-1] for versions in told.versions.get(stage.schema, {}).values()]
        found["read"] += len(documents)
        for document in documents:
            fates = told.fates(stage, document)
            found.update(fate.state.value for fate in fates.at.values())
            found[SyncState.FAILED.value] += fates.failed
            found[SyncState.SKIPPED.value] += fates.skipped
    assert run.counts.written == found["Success"]
    if not told.story.overlap or not any("loop" in stage.form for stage in flow.all_stages):
        skipped, failed = found["Skipped"], found["Failed"]
        assert run.counts == Counts(
            read=found["read"], unchanged=0, written=found["Success"], failed=failed, skipped=skipped
        )
    _settled(run)
    assert set(Counter((post, row) for post, row, _ in told.diary).values()) <= {1}
    assert rig.runs.active() == [] or all(one.flow != rig.flow for one in rig.runs.active())


def check_order(told: Told) -> None:
    """What is inside a Halt is written before what comes after it, and a stage after those that lead to it."""
    moments: dict[str, list[int]] = defaultdict(list)
    for moment, (post, _, _) in enumerate(told.diary):
        moments[post].append(moment)
    for stage in told.story.flow.all_stages:
        for before in stage.linked_from:
            if before.startswith("h"):
                later = [moment for post in _after_halt(told, before) for moment in moments[post]]
                earlier = [moment for post in _posts(stage) for moment in moments[post]]
            else:
                later = [moment for post in _posts(stage) for moment in moments[post]]
                earlier = moments[before]
            assert not earlier or not later or max(earlier) < min(later)


def check_delays(told: Told, run: RunRow) -> None:
    """Nothing is written before the Delays on its way are over; long ones let go of the worker."""
    flow = told.story.flow
    least: dict[tuple[str, Row], float] = {}
    for stage in flow.all_stages:
        for versions in told.versions.get(stage.schema, {}).values():
            for fate in told.fates(stage, versions[-1]).at.values():
                if fate.row is not None:
                    least[fate.post, fate.row] = fate.seconds
    for post, row, moment in told.diary:
        assert moment >= least[post, row] - 0.001
    if any(least[post, row] >= DELAYS["long"][1] for post, row, _ in told.diary):
        assert run.parks >= 1


def _posts(stage: Stage) -> list[str]:
    return [step.id for step in stage.steps if step.kind == "post"]


def _halts(told: Told) -> tuple[set[str], set[str]]:
    """The Halts that records reach as they are now, and those that one of their versions reached."""
    now, ever = set[str](), set[str]()
    for stage in told.story.flow.all_stages:
        for versions in told.versions.get(stage.schema, {}).values():
            now |= told.fates(stage, versions[-1]).halts
            ever |= {halt for version in versions for halt in told.fates(stage, version).halts}
    return now, ever


def _after_halt(told: Told, halt: str) -> set[str]:
    """The POSTs that records reach only past a Halt."""

    def past(fate: Fate) -> bool:
        return halt in fate.halts

    found: dict[str, list[bool]] = defaultdict(list)
    for stage in told.story.flow.all_stages:
        for versions in told.versions.get(stage.schema, {}).values():
            for fate in told.fates(stage, versions[-1]).at.values():
                found[fate.post].append(past(fate))
    return {post for post, pasts in found.items() if all(pasts)}


PARTS = 8
"""In how many tests the stories are told: all in one would take as long as a test that hangs. Half of them are in a
file of their own, for another worker."""


def hold(database: Database, cases: int, *, part: int = 0) -> None:
    """Tell so many stories and check each. Other parts have other stories, also where chance is the same each time."""

    @seed(part)
    @settings(
        max_examples=cases, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
    )
    @given(story=_STORIES)
    def tell_and_check(story: Story) -> None:
        check(database, story)

    tell_and_check()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS // 2))
def test_any_flow_ends_as_the_model_says_whatever_happens_to_it(
    database: Database, request: pytest.FixtureRequest, part: int
) -> None:
    hold(database, -(-request.config.getoption("--cases") // PARTS), part=part)


@pytest.fixture(params=BOTH_KINDS[1:])
def postgresql(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request, tmp_path) as database:
        yield database


def test_it_does_so_on_postgresql_too(postgresql: Database, request: pytest.FixtureRequest) -> None:
    hold(postgresql, max(request.config.getoption("--cases") // 50, 1))
