"""Writes batches: rows and receipt in one transaction, each record whole or not at all.

A batch is sent in one go. Only where the database refuses it, it is halved, and its halves are halved, until the
records that do not fit stand alone; they fail, and all others are written.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from agent.connectors.contract import Seal, WriteTarget
from agent.connectors.sql.arrived import LeftOutError, arrived
from agent.connectors.sql.bookkeeping import Bookkeeping
from agent.connectors.sql.client import Client
from agent.connectors.sql.dialect import Fault, StoppedError, cause
from agent.connectors.sql.failures import CHANGED, ERROR_CLASSES, TRIES, ChangedError
from agent.connectors.sql.layout import layout
from agent.connectors.sql.savepoints import TRANSACTION_ENDED, ended
from agent.connectors.sql.schema import CHILD_TABLES_OPTION, EXTEND, KEEP, TABLE_OPTION
from agent.connectors.sql.structure import Manner, Plan, plan
from agent.connectors.sql.tables import Load, Mode, Refusal
from agent.domain.app import Attribute, DataType
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import AgentError, ConfigurationError, RecordError
from agent.domain.packet import Batch, Row, Value, WriteReport

_PAIR = re.compile(r"\s*(?P<path>[^=,]+?)\s*=\s*(?P<table>[^=,]+?)\s*")
_SAVEPOINT = "opagent_batch"


class Writer:
    """Writes into one database. Remembers what the tables look like, until the database says that it is not so."""

    def __init__(self, client: Client, bookkeeping: Bookkeeping) -> None:
        self._client, self._bookkeeping = client, bookkeeping
        self._plans: dict[tuple[str, tuple[Attribute, ...], str], Plan] = {}

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        """Write a batch, and commit it with its receipt."""
        tables = child_tables(target.options.get(CHILD_TABLES_OPTION, ""))
        how = manner(target)
        if how.mode is Mode.DELETE:
            batch = identified(batch)
        wanted = layout(target.schema, batch.attributes, tables)
        dialect = self._client.dialect
        remembered = (target.schema, batch.attributes, repr((sorted(tables.items()), how)))
        learnt, changed = Learnt(), 0
        while True:
            try:
                report, planned = await self._bookkeeping.write(
                    lambda connection: self._written(
                        connection,
                        target.ledger_key,
                        batch,
                        seal,
                        planned=lambda: self._plans.get(remembered) or plan(connection, dialect, wanted, how),
                        learnt=learnt,
                    )
                )
            except AgentError as error:
                if error.code == TRANSACTION_ENDED:  # with each of them more is known of what is refused
                    continue
                self._plans.clear()
                changed += 1
                if error.code != CHANGED:
                    raise
                if changed == TRIES:
                    raise error.lasting() if isinstance(error, ChangedError) else error from None
                continue
            self._plans[remembered] = planned
            return report

    def _written(
        self,
        connection: sa.Connection,
        ledger_key: str,
        batch: Batch,
        seal: Seal,
        *,
        planned: Callable[[], Plan],
        learnt: Learnt,
    ) -> tuple[WriteReport, Plan]:
        """In the thread and the transaction: everything but the commit."""
        dialect = self._client.dialect
        the_plan = planned()
        self._bookkeeping.open(connection)
        report = _Sending(connection, self._client, the_plan, batch.rows, learnt).report()
        dialect.keep_receipt(connection, ledger_key, seal(report))
        return report, the_plan


def child_tables(option: str) -> Mapping[str, str]:
    """The option as tables by the dotted paths of collections.

    Raises:
        ConfigurationError: it cannot be understood.
    """
    tables: dict[str, str] = {}
    for part in filter(str.strip, option.split(",")):
        pair = _PAIR.fullmatch(part)
        if pair is None:
            raise ConfigurationError(
                f"The option {CHILD_TABLES_OPTION} cannot be understood at “{part.strip()[:40]}”.",
                code="option-format",
                remedy="Write “lines = order_items, lines.taxes = order_item_taxes”.",
                field=CHILD_TABLES_OPTION,
            )
        tables[pair["path"]] = pair["table"]
    return tables


def manner(target: WriteTarget) -> Manner:
    """How a target is to be written. Only rows that may be new have tables made for them.

    Raises:
        ConfigurationError: the option says nothing.
    """
    mode, option = Mode[target.action.upper()], target.options.get(TABLE_OPTION, "").strip()
    if option not in ("", EXTEND, KEEP):
        raise ConfigurationError(
            f"The option {TABLE_OPTION} is “{option[:40]}”, which means nothing.",
            code="option-format",
            remedy=f"Write {EXTEND} or {KEEP}.",
            field=TABLE_OPTION,
        )
    return Manner(mode, extend=mode in (Mode.UPSERT, Mode.INSERT) and option != KEEP)


def identified(batch: Batch) -> Batch:
    """The same records with nothing but what identifies them, and their collections."""
    kept = [n for n, one in enumerate(batch.attributes) if one.primary or one.type is DataType.COLLECTION]
    rows = [tuple(row[place] for place in kept) for row in batch.rows]
    return Batch(tuple(batch.attributes[place] for place in kept), batch.source_ids, rows)


@dataclass(slots=True)
class Learnt:
    """What is known of a batch from transactions that the database ended: which records it refuses, and which of them
    it does not take together."""

    refusals: dict[int, RecordError] = field(default_factory=dict)
    parted: set[tuple[int, ...]] = field(default_factory=set)


class _Sending:
    """One batch on its way into its tables."""

    def __init__(
        self,
        connection: sa.Connection,
        client: Client,
        planned: Plan,
        rows: Sequence[Row],
        learnt: Learnt,
    ) -> None:
        self._connection = connection
        self._client, self._dialect = client, client.dialect
        self._plan = planned
        self._rows = rows
        self._mode = planned.load.mode
        self._learnt = learnt
        self._refusals: dict[int, RecordError] = dict(learnt.refusals)
        self._skipped: dict[int, str] = {}
        self._again = False
        self._load: Load = planned.load
        self._sent: Sequence[tuple[Value, ...]] = ()

    def report(self) -> WriteReport:
        """Send everything, and say what became of it."""
        rows = self._rows
        keys = self._plan.layout.keys(rows)
        ids = list(map(key_text, keys))
        indices: Sequence[int] = range(len(rows))
        twins: list[list[int]] = []
        if len(set(keys)) < len(keys) and self._mode is not Mode.INSERT:
            # The same record twice: the later one counts, as if they had been written one after the other.
            together: dict[object, list[int]] = {}
            for index, key in enumerate(keys):
                together.setdefault(key, []).append(index)
            twins = [found for found in together.values() if len(found) > 1]
            indices = sorted(found[-1] for found in together.values())
        if rows:
            self._send(indices)
        while twins:
            # Where the later one came to nothing, the one before it counts.
            twins = [found[:-1] for found in twins if found[-1] in self._refusals or found[-1] in self._skipped]
            if twins:
                self._again = True
                self._send(sorted(found[-1] for found in twins))
            twins = [found for found in twins if len(found) > 1]
        for index in self._refusals:
            ids[index] = ""
        return WriteReport(ids, dict(sorted(self._refusals.items())), dict(sorted(self._skipped.items())))

    def _send(self, indices: Sequence[int]) -> None:
        if self._client.stopped():
            raise StoppedError
        if self._send_together(indices):
            return
        if len(indices) > 1:
            middle = len(indices) // 2
            self._send(indices[:middle])
            self._again = True
            self._send(indices[middle:])

    def _send_together(self, indices: Sequence[int]) -> bool:
        """Send records, and say whether that settled them; else their halves have to be sent."""
        if len(indices) == 1 and indices[0] in self._learnt.refusals:
            return True
        if self._learnt.parted and tuple(indices) in self._learnt.parted:
            return False
        savepoints = self._dialect.savepoints
        savepoints.set(self._connection, _SAVEPOINT)
        try:
            missing = self._send_all(indices)
        except Exception as error:
            original = cause(error)
            if not self._is_about_a_record(original):
                raise
            if not savepoints.undo(self._connection, _SAVEPOINT):
                if len(indices) == 1:
                    self._learnt.refusals[indices[0]] = self._refused(original)
                self._learnt.parted.add(tuple(indices))
                raise ended(self._dialect.place) from None
            self._again = True
            if len(indices) == 1:
                self._refusals[indices[0]] = self._refused(original)
            return len(indices) == 1
        savepoints.release(self._connection, _SAVEPOINT)
        self._tell_missing(missing)
        return True

    def _is_about_a_record(self, error: BaseException) -> bool:
        fault = self._dialect.fault(error)
        return fault is Fault.RECORD or (fault is Fault.DENIED and self._load.table.guarded)

    def _send_all(self, indices: Sequence[int]) -> Sequence[int]:
        """Records, then what is below them. What was below them before is removed first, the deepest at first. Returns
        which of those that have to be there are not."""
        layout, connection, dialect = self._plan.layout, self._connection, self._dialect
        rows: Sequence[Row] = self._rows
        if len(indices) < len(rows):
            rows = [rows[index] for index in indices]
        missing: Sequence[int] = ()
        if self._mode in (Mode.UPDATE, Mode.DELETE):
            rows, missing = self._parted(indices, rows)
            if not rows:
                return missing
        if self._mode is Mode.DELETE:
            self._delete(rows)
            return missing
        self._into(self._plan.load, layout.values(rows))
        descendants = self._plan.descendants()
        if descendants:
            keys = layout.keys(rows)
            for one in reversed(descendants):
                dialect.clear(connection, one.load, keys)
        for planned, below in _below(self._plan, rows):
            if below:
                self._into(planned.load, planned.layout.values(below))
        return missing

    def _parted(self, indices: Sequence[int], rows: Sequence[Row]) -> tuple[Sequence[Row], Sequence[int]]:
        """The records that the table has, and the indices of those that it does not have."""
        load, keys = self._plan.load, self._plan.layout.keys(rows)
        self._load, self._sent = load, self._plan.layout.values(rows)
        lock = self._mode is Mode.UPDATE
        found = self._dialect.beside(self._connection, load.table, load.key, load.key, keys, lock=lock)
        there = {number for number, _ in found}
        missing = [index for number, index in enumerate(indices) if number not in there]
        return [row for number, row in enumerate(rows) if number in there], missing

    def _delete(self, rows: Sequence[Row]) -> None:
        """Delete records, and what is below them before."""
        load, keys = self._plan.load, self._plan.layout.keys(rows)
        begun = time.perf_counter()
        for one in reversed(self._plan.descendants()):
            self._dialect.clear(self._connection, one.load, keys)
        removed = self._dialect.clear(self._connection, replace(load, roots=load.key), keys)
        few = removed is not None and removed < len(rows)
        if few and self._dialect.beside(self._connection, load.table, load.key, load.key, keys):
            raise LeftOutError(load.table.name, deleting=True)
        self._client.tell("DELETE", load.table.quoted, rows=len(rows), since=begun)

    def _tell_missing(self, missing: Sequence[int]) -> None:
        table, keys = self._plan.load.table.name, self._plan.layout.keys([self._rows[index] for index in missing])
        for index, key in zip(missing, keys, strict=True):
            if self._mode is Mode.DELETE:
                self._skipped[index] = nothing_to_delete(table, key)
            else:
                self._refusals[index] = row_missing(table, key)

    def _into(self, load: Load, rows: Sequence[tuple[Value, ...]]) -> None:
        self._load, self._sent = load, rows
        begun = time.perf_counter()
        loaded = self._dialect.load(self._connection, load, rows, again=self._again)
        self._client.tell("WRITE", loaded.statement, rows=len(rows), since=begun)
        few = loaded.rows is not None and loaded.rows < len(rows)
        if few and not arrived(self._connection, self._dialect, load, rows):
            raise LeftOutError(load.table.name)

    def _refused(self, error: BaseException) -> RecordError:
        load = self._load
        if isinstance(error, LeftOutError):
            refusal = Refusal("trigger-refused", error.message, error.remedy)
        elif len(self._sent) == 1:
            refusal = self._dialect.refusal(self._connection, error, load, self._sent[0])
        else:
            refusal = self._one_of_several(error)
        if refusal.code == "reference-missing" and self._mode is Mode.DELETE:
            refusal = Refusal("row-in-use", f"Rows of other tables refer to the row of {load.table.name}, so it cannot "
                              "be deleted.", "Delete those first, or leave the row.")  # fmt: skip
        return RecordError(
            refusal.message, code=refusal.code, remedy=refusal.remedy, detail=self._dialect.code(error),
            field=refusal.column, error_class=ERROR_CLASSES.get(refusal.code, ErrorClass.UNKNOWN),
        )  # fmt: skip

    def _one_of_several(self, error: BaseException) -> Refusal:
        """Why the child rows of one record were refused: the first of them that is at fault says it best."""
        for row in self._sent:
            refusal = self._dialect.refusal(self._connection, error, self._load, row)
            if refusal.code != "record-refused":
                return refusal
        return refusal


def _below(planned: Plan, rows: Sequence[Row]) -> Iterator[tuple[Plan, list[Row]]]:
    for (place, child), plan_below in zip(planned.layout.children, planned.below, strict=True):
        below = planned.layout.below(place, child, rows)
        yield plan_below, below
        yield from _below(plan_below, below)


def row_missing(table: str, key: Sequence[object]) -> RecordError:
    """A record that was to be updated and has no row."""
    return RecordError(
        f"The table {table} has no row {key_text(key)} that could be updated.", code="row-missing",
        remedy="Write it with the action UPSERT, or bring the row into the table first.",
        error_class=ERROR_CLASSES["row-missing"],
    )  # fmt: skip


def nothing_to_delete(table: str, key: Sequence[object]) -> str:
    """Why a record that was to be deleted is left out."""
    return f"The table {table} has no row {key_text(key)}: there is nothing to delete."


def key_text(key: Sequence[object]) -> str:
    """A key as text, bytes in hexadecimal digits; the parts of a key of several columns are told apart by slashes."""
    texts = [f"\\x{part.hex()}" if isinstance(part, bytes) else str(part) for part in key]
    if len(texts) == 1:
        return texts[0]
    return "/".join(part.replace("\\", "\\\\").replace("/", "\\/") for part in texts)
