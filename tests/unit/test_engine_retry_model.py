"""Whatever course edits, refusals, runs, retries and deaths of the process take: states and tries are a model's.

The model knows nothing of packets, cursors and ledgers: it is what `docs/decisions/0011-run-plans.md` says.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from agent.domain.errors import ConfigurationError
from agent.domain.packet import SyncState
from agent.domain.retry_policy import RetryPolicy
from agent.domain.run import RunState
from agent.domain.run_plan import Retry
from agent.domain.schedule import Every, PlanKind
from agent.store.databases.database import Database
from tests.helpers.flow_rig import Rig
from tests.helpers.scripted_apps import Crash, Destination
from tests.unit.test_engine_model import database as database  # noqa: PLC0414 - a fixture that both use

DOCUMENT = """\
schema_version: 1
name: retried
title: Retried
credentials: {from: source, to: destination, too: other}
nodes:
  start: {type: start}
  get: {type: get, credential: from, schema: records, action: GET}
  size: {type: decision, when: total >= 100, then: map-large, otherwise: map-small}
  map-large: {type: mapper, attributes: {id: {value: id, type: text, key: true}, total: {value: total, type: integer}}}
  map-small: {type: mapper, attributes: {id: {value: id, type: text, key: true}, total: {value: total, type: integer}}}
  large: {type: post, credential: to, schema: large, action: PUT}
  map-after: {type: mapper, attributes: {id: {value: id, type: text, key: true},
              there: {value: destination_id, type: text}, total: {value: total, type: integer}}}
  after: {type: post, credential: too, schema: after, action: PUT}
  small: {type: post, credential: too, schema: small, action: PUT}
links:
  - [start, get, size]
  - [map-large, large, map-after, after]
  - [map-small, small]
"""
POSTS = {"large": True, "after": False, "small": False}
"""The POST nodes, and whether their destinations keep receipts."""
MANY = "many"
"""No number: a condition that asks whether it is large cannot be evaluated."""
POLICY = RetryPolicy(Every(1, PlanKind.HOURS), "UTC", lapse_minutes=30)
_names = itertools.count()

RECORDS = st.sampled_from([f"r{number}" for number in range(5)])
TOTALS = st.sampled_from([1, 2, 100, 200, MANY])
DEATHS = st.none() | st.integers(0, 25)


@dataclass
class Row:
    """What Sync Info says of a record at a POST, in the model. `seen` is the state of the source that it was for."""

    state: SyncState
    tries: int
    seen: object
    at: float


@dataclass
class Model:
    """What has to be the case."""

    source: dict[str, object] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)
    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: {post: {} for post in POSTS})
    there: dict[str, dict[str, object]] = field(default_factory=lambda: {post: {} for post in POSTS})
    verdicts: dict[tuple[str, str], SyncState] = field(default_factory=dict)
    writes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def book(self, post: str, record: str, state: SyncState, seen: object, now: float) -> None:
        before = self.rows[post].get(record)
        tries = 1 if before is None or before.state is SyncState.SUCCESS else before.tries + 1
        self.rows[post][record] = Row(state, tries, seen, now)

    def write(self, post: str, record: str, total: object, now: float) -> SyncState:
        """Bring a record to a POST; the state that it has there then."""
        before = self.rows[post].get(record)
        if before is None or before.state is not SyncState.SUCCESS or before.seen != total:
            state = SyncState.FAILED if total == MANY else self.verdicts.get((post, record), SyncState.SUCCESS)
            self.book(post, record, state, total, now)
            if state is SyncState.SUCCESS:
                self.there[post][record] = total
                self.writes[post, record] += 1
        return self.rows[post][record].state

    def carry(self, record: str, now: float) -> dict[str, SyncState]:
        """Let a record walk; its states at the POSTs that it comes to."""
        total = self.source[record]
        if total != MANY and int(str(total)) < 100:
            return {"small": self.write("small", record, total, now)}
        reached = {"large": self.write("large", record, total, now)}
        if reached["large"] is SyncState.SUCCESS:
            reached["after"] = self.write("after", record, total, now)
        return reached

    def retry(self, chosen: set[tuple[str, str]], now: float) -> None:
        for record in sorted({record for _, record in chosen}):
            here = record in self.source
            reached = self.carry(record, now) if here else {}
            for post in POSTS:
                if (post, record) in chosen and post not in reached:
                    state = SyncState.FAILED
                    if here and self.source[record] != MANY:
                        state = reached["large"] if post == "after" and "large" in reached else SyncState.SKIPPED
                    self.book(post, record, state, self.source.get(record), now)


class Course(RuleBasedStateMachine):
    """One course of events, on the real engine and in the model."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.rig = Rig(database, flow=f"retried-{next(_names)}", document=DOCUMENT)
        self.model = Model()
        self.destinations: dict[str, Destination] = {}
        for post, receipts in POSTS.items():
            self.destinations[post], _ = self.rig.add_destination(post, receipts=receipts)
            self.destinations[post].packet_size = 2

    @rule(record=RECORDS, total=TOTALS)
    def edit(self, record: str, total: object) -> None:
        self.rig.source.put_exactly(record, total=total)
        self.model.source[record] = total
        self.model.changed[record] = None

    @rule(record=RECORDS)
    def remove(self, record: str) -> None:
        self.rig.source.records.pop(record, None)
        self.model.source.pop(record, None)
        self.model.changed.pop(record, None)

    @rule(
        post=st.sampled_from(list(POSTS)), record=RECORDS,
        verdict=st.sampled_from([SyncState.SUCCESS, SyncState.FAILED, SyncState.FAILED, SyncState.SKIPPED]),
    )  # fmt: skip
    def decide(self, post: str, record: str, verdict: SyncState) -> None:
        self.model.verdicts[post, record] = verdict
        destination = self.destinations[post]
        destination.refused.pop(record, None)
        destination.skipped.pop(record, None)
        if verdict is SyncState.FAILED:
            destination.refused[record] = "Refused."
        elif verdict is SyncState.SKIPPED:
            destination.skipped[record] = "Not wanted."

    @rule(minutes=st.sampled_from([10, 40, 130, 600]))
    def wait(self, minutes: int) -> None:
        self.rig.clock.now += minutes * 60

    @rule(death=DEATHS)
    def run(self, death: int | None) -> None:
        self._work(self.rig.queue(), death)
        for record in self.model.changed:
            self.model.carry(record, self.rig.clock.now)
        self.model.changed.clear()

    @rule(posts=st.sets(st.sampled_from(list(POSTS)), min_size=1), records=st.sets(RECORDS, min_size=1), death=DEATHS)
    def try_records_again(self, posts: set[str], records: set[str], death: int | None) -> None:
        known = {(post, one) for post in posts for one in records if one in self.model.rows[post]}
        ids = sorted({record for _, record in known})
        if ids:
            self._retry(self.rig.queue_retry(*ids, nodes=sorted(posts)), known, death)

    @rule(death=DEATHS)
    def try_all_failed_again(self, death: int | None) -> None:
        failed = self._rows(lambda row: row.state is SyncState.FAILED)
        self._choose(failed, death, states=[SyncState.FAILED])

    @rule(death=DEATHS)
    def retry_by_itself(self, death: int | None) -> None:
        now = self.rig.clock.now
        ripe = self._rows(
            lambda row: row.state is SyncState.FAILED and row.tries <= POLICY.retries
            and row.at <= now - timedelta(minutes=POLICY.lapse_minutes * 2 ** (row.tries - 1)).total_seconds()
        )  # fmt: skip
        self._choose(ripe, death, states=[SyncState.FAILED], ripe=POLICY.ripe(self.rig.clock.utc()))

    def _choose(self, expected: set[tuple[str, str]], death: int | None, **choice: Any) -> None:
        """Retry what fits; where nothing does, nothing is started."""
        if expected:
            self._retry(self.rig.queue_retry(nodes=list(POSTS), **choice), expected, death)
            return
        with pytest.raises(ConfigurationError) as caught:
            self.rig.queue_retry(nodes=list(POSTS), **choice)
        assert caught.value.code == "nothing-to-retry"

    def _retry(self, run_id: str, chosen: set[tuple[str, str]], death: int | None) -> None:
        before = self.rig.bookmark()
        plan = self.rig.runs.get(run_id).plan
        assert isinstance(plan, Retry)
        assert sum(plan.records.values()) == len(chosen)
        self._work(run_id, death)
        self.model.retry(chosen, self.rig.clock.now)
        assert self.rig.bookmark() == before

    def _work(self, run_id: str, death: int | None) -> None:
        """Run to the end; the process dies once after so many steps, and is started again."""
        self.rig.steps.revive(death)
        with suppress(Crash):
            self.rig.execute(run_id)
        self.rig.steps.revive()
        assert self.rig.execute(run_id).state in (RunState.SUCCESS, RunState.PARTIAL, RunState.FAILED)

    def _rows(self, fits: Callable[[Row], bool]) -> set[tuple[str, str]]:
        return {(post, one) for post, rows in self.model.rows.items() for one, row in rows.items() if fits(row)}

    @invariant()
    def sync_info_says_what_the_model_says(self) -> None:
        found: dict[str, dict[str, tuple[SyncState, int]]] = {post: {} for post in POSTS}
        for row in self.rig.sync_info.page(self.rig.flow, limit=1_000):
            found[row.node][row.source_id] = (row.state, row.tries)
        assert found == {
            post: {record: (row.state, row.tries) for record, row in rows.items()}
            for post, rows in self.model.rows.items()
        }

    @invariant()
    def destinations_hold_what_the_model_holds(self) -> None:
        assert {post: _totals(destination) for post, destination in self.destinations.items()} == self.model.there

    @invariant()
    def nothing_is_written_twice(self) -> None:
        for post, destination in self.destinations.items():
            times: Counter[str] = Counter()
            for (record, _), count in destination.carried_out.items():
                times[str(record)] += count
            assert all(count <= self.model.writes[post, record] for record, count in times.items())


def _totals(destination: Destination) -> dict[str, object]:
    rows: Iterable[tuple[object, ...]] = destination.rows.values()
    return {str(row[0]): row[-1] for row in rows}


def test_states_and_tries_are_those_of_the_model(database: Database, request: pytest.FixtureRequest) -> None:
    courses = max(request.config.getoption("--cases") // 50, 1)

    class CourseHere(Course):
        def __init__(self) -> None:
            super().__init__(database)

    run_state_machine_as_test(
        CourseHere,
        settings=settings(
            max_examples=courses, stateful_step_count=15, deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )  # fmt: skip
