"""Runs the tests of a processflow: its records walk as in a run, what they come to is compared. No app is asked.

All records of a test are one packet, and nothing was written before. What is written counts as written with success,
with the source id as the id at the destination. A Delay is not waited for, a Halt lets everything pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.flow_test import FlowTest
from agent.domain.processflow import Processflow
from agent.domain.variables import VariableValue
from agent.engine.expressions.vocabulary import PLAIN, Vocabulary
from agent.engine.previewing.record_differences import decoded, differences
from agent.engine.walking.arrivals import with_ids
from agent.engine.walking.load import Load
from agent.engine.walking.variable_values import VariableValues
from agent.engine.walking.walking import Action, Drop, Respond, Walker, Write
from agent.store.library.variables import StoredValue, StoredVariable, VariableStore

LONGEST_SECONDS = 60.0
_MOST_DIFFERENCES = 50
_TOO_LONG = "tests-too-long"


@dataclass(frozen=True, slots=True)
class Tested:
    """How a test went. `differences` are sentences; none where everything is as expected."""

    name: str
    line: int
    differences: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """What came of the records: those written by POST node, and why others failed, by id."""

    written: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    failed: dict[str, RecordError] = field(default_factory=dict)


class _Given(VariableStore):
    """What a test says that variables hold. Nothing is stored, and nothing sealed."""

    def __init__(self, values: Mapping[str, VariableValue]) -> None:
        self._values = values

    def all(self, flow: str) -> dict[str, StoredVariable]:
        return {}

    def of_run(self, run: str) -> dict[str, StoredValue]:
        return dict(self._values)

    def sealed(self, flow: str, name: str, value: VariableValue) -> StoredValue:
        return value

    def opened(self, flow: str, name: str, stored: StoredValue) -> VariableValue:
        assert not isinstance(stored, Mapping), "nothing is sealed here"
        return stored


def run_flow_tests(
    flow: Processflow,
    vocabulary: Vocabulary = PLAIN,
    *,
    stopped: Callable[[], bool] = lambda: False,
    seconds: float = LONGEST_SECONDS,
) -> list[Tested]:
    """Run all tests of a processflow.

    Args:
        flow: With the types of its mappings looked up.
        vocabulary: What its expressions may name.
        stopped: Whether nobody waits for the outcome any more; looked at again and again.
        seconds: How long all of them may take.

    Raises:
        ConfigurationError: code `tests-too-long`, or `expression-syntax`: an expression does not compile.
    """
    end = time.monotonic() + seconds

    def breathe() -> None:
        if stopped() or time.monotonic() > end:
            raise ConfigurationError(
                f"The tests of {flow.name} did not end within {seconds:.0f} s.",
                code=_TOO_LONG,
                remedy="Give them fewer records, or look for an expression that never ends.",
            )

    tested = []
    for test in flow.tests:
        breathe()
        try:
            found = list(_differences(test, _walked(flow, test, vocabulary, breathe)))
        except ConfigurationError as error:
            if error.code == _TOO_LONG:
                raise
            found = [f"a run would end here: {error}"]
        more = len(found) - _MOST_DIFFERENCES
        if more > 0:
            found[_MOST_DIFFERENCES:] = [f"and {more:,} more differences"]
        tested.append(Tested(test.name, test.line, tuple(found)))
    return tested


def _walked(flow: Processflow, test: FlowTest, vocabulary: Vocabulary, breathe: Callable[[], None]) -> _Seen:
    stage = next(stage for stage in flow.all_stages if stage.source.id == test.source)
    values = VariableValues(flow.variables, flow=flow.name, store=_Given(test.variables), vocabulary=vocabulary)
    walker, seen = Walker(stage, vocabulary, values), _Seen()
    ids = [given.source_id for given in test.records]
    load = Load(ids, [0] * len(ids), [given.document for given in test.records])
    _do(walker, walker.walk(load), seen, breathe)
    while walker.holds:
        _do(walker, walker.flush(), seen, breathe)
    return seen


def _do(walker: Walker, actions: Iterator[Action], seen: _Seen, breathe: Callable[[], None]) -> None:
    for action in actions:
        breathe()
        if isinstance(action, Write | Respond | Drop):
            load = action.load
            seen.failed.update({load.source_ids[index]: error for index, error in load.errors.items()})
        if isinstance(action, Write):
            fine = [index for index in range(len(load)) if index not in load.errors]
            documents = load.as_documents()
            seen.written.setdefault(action.post.id, []).extend(decoded(documents[index]) for index in fine)
            if action.onward and fine:
                arrived = {index: load.source_ids[index] for index in fine}
                _do(walker, walker.onward(action.post, with_ids(load, arrived)), seen, breathe)


def _differences(test: FlowTest, seen: _Seen) -> Iterator[str]:
    for source_id, error in seen.failed.items():
        part = test.failures.get(source_id)
        if part is None:
            yield f"record {source_id} failed: {error}"
        elif part not in str(error):
            yield f"record {source_id} failed with “{error}”, but “{part}” was expected"
    for source_id in test.failures:
        if source_id not in seen.failed:
            yield f"record {source_id} was to fail, and did not"
    for node_id, expected in test.expected.items():
        for difference in differences(seen.written.get(node_id, []), expected):
            yield f"{node_id}: {difference}"
