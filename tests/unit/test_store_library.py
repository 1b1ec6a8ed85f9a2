"""Lookup tables and functions as rows, in each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.domain.errors import ConfigurationError, ConflictError, NotFoundError
from agent.domain.lookup import MOST_ROWS, LookupRow, LookupType
from agent.engine.expressions.vocabularies import Pins, Vocabularies
from agent.store.databases.database import Database
from agent.store.library.functions import FunctionStore, NewFunction
from agent.store.library.lookups import LookupChange, LookupStore
from tests.helpers.agent_database import BOTH_KINDS, opened

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
WHO = {"by": "greta", "at": NOW}


@pytest.fixture(params=BOTH_KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request, tmp_path) as database:
        yield database


@pytest.fixture
def lookups(database: Database) -> LookupStore:
    store = LookupStore(database)
    store.create("t", "", by="greta", at=NOW)
    return store


def put(store: LookupStore, *rows: LookupRow) -> None:
    store.change("t", LookupChange(put=rows), by="greta", at=NOW)


def test_every_change_raises_the_revision(lookups: LookupStore) -> None:
    revisions = [lookups.revisions(["t", "none"])["t"][0]]
    for act in (
        lambda: put(lookups, LookupRow("a", "1")),
        lambda: lookups.change("t", LookupChange(remove=["a"]), by="greta", at=NOW),
        lambda: lookups.describe("t", "what it is for", by="greta", at=NOW),
        lambda: lookups.clear("t", by="greta", at=NOW),
    ):
        act()
        revisions.append(lookups.revisions(["t", "none"])["t"][0])
    assert revisions == [1, 2, 3, 4, 5]


def test_a_table_that_was_changed_is_read_anew_and_otherwise_not(database: Database, lookups: LookupStore) -> None:
    vocabularies = Vocabularies(FunctionStore(database), lookups)
    pins = Pins({}, {"name": "t"})
    rows = (LookupRow("a", "1", LookupType.INTEGER), LookupRow("b", "1.5", LookupType.DECIMAL), LookupRow("c", "x"))
    put(lookups, *rows)
    first = vocabularies.of(pins).lookups["name"].values
    assert [first.get(source) for source in "abcd"] == [1, 1.5, "x", None]
    assert vocabularies.of(pins).lookups["name"].values is first
    assert vocabularies.clear(dry_run=True) == (1, 8)
    put(lookups, LookupRow("d", "true", LookupType.BOOLEAN))
    assert vocabularies.of(pins).lookups["name"].values.get("d") is True
    assert first.get("d") is None
    vocabularies.clear(dry_run=False)
    assert vocabularies.of(pins).lookups["name"].values.get("a") == 1
    lookups.remove("t")
    with pytest.raises(ConfigurationError, match="“t”, to which the lookup “name” is bound, was removed"):
        vocabularies.of(pins)


def test_a_table_that_was_removed_and_made_again_is_another_one(database: Database, lookups: LookupStore) -> None:
    vocabularies, pins = Vocabularies(FunctionStore(database), lookups), Pins({}, {"name": "t"})
    put(lookups, LookupRow("a", "old"))
    assert vocabularies.of(pins).lookups["name"].values.get("a") == "old"
    lookups.remove("t")
    later = NOW + timedelta(seconds=1)
    lookups.create("t", "", by="greta", at=later)
    lookups.change("t", LookupChange(put=[LookupRow("a", "new")]), by="greta", at=later)
    assert vocabularies.of(pins).lookups["name"].values.get("a") == "new"


def test_a_table_that_would_become_too_large_stays_as_it_was(
    lookups: LookupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.store.library.lookups.MOST_ROWS", 3)
    put(lookups, LookupRow("a", "1"), LookupRow("b", "2"))
    with pytest.raises(ConfigurationError) as refused:
        put(lookups, LookupRow("b", "9"), LookupRow("c", "3"), LookupRow("d", "4"))
    assert refused.value.code == "lookup-too-large"
    assert lookups.rows("t") == [LookupRow("a", "1"), LookupRow("b", "2")]
    assert MOST_ROWS == 250_000


def test_rows_are_searched_as_they_are_written(lookups: LookupStore) -> None:
    put(lookups, LookupRow("100%", "a_b"), LookupRow("100", "ab"))
    assert [row.source for row in lookups.page("t", search="0%", limit=10)] == ["100%"]
    assert [row.source for row in lookups.page("t", search="A_B", limit=10)] == ["100%"]


def test_what_is_not_there_is_said_so(lookups: LookupStore) -> None:
    for act in (
        lambda: lookups.get("x"),
        lambda: lookups.remove("x"),
        lambda: lookups.clear("x", by="greta", at=NOW),
        lambda: lookups.change("x", LookupChange(remove=["a"]), by="greta", at=NOW),
    ):
        with pytest.raises(NotFoundError):
            act()
    with pytest.raises(ConflictError):
        lookups.create("T", "", by="greta", at=NOW)


def test_versions_of_a_function_stay_also_when_it_is_removed(database: Database) -> None:
    store = FunctionStore(database)

    def save(body: str) -> int:
        examples = [{"arguments": [1], "result": None}]
        return store.add(NewFunction("f", ["a"], body, "", examples, saved_at=NOW, saved_by="greta")).version

    assert [save("$a"), save("$a + 1")] == [1, 2]
    assert store.current()["f"].body == "$a + 1"
    (first,) = store.pinned({"f": 1})
    assert (first.body, first.current, first.saved_at) == ("$a", False, NOW)
    store.withdraw("f")
    assert store.current() == {}
    assert [row.version for row in store.versions("f")] == [2, 1]
    vocabulary = Vocabularies(store, LookupStore(database)).of(Pins({"f": 1}, {}))
    assert vocabulary.functions["f"].body == "$a"
    with pytest.raises(NotFoundError):
        store.withdraw("f")
    assert save("$a + 2") == 3
    with pytest.raises(ConfigurationError, match=r"Version 9 of the function \$f is not in the library"):
        Vocabularies(store, LookupStore(database)).of(Pins({"f": 9}, {}))
