"""A load at the POST that is to write it: what can be written, and why the rest cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.packet import Batch
from agent.engine.load import Load
from agent.store.acknowledgement import RecordLine


@dataclass(frozen=True, slots=True)
class Prepared:
    """A packet that is ready to be written.

    `source_ids` and `fingerprints` cover every record that is to be booked; `batch` holds those that could be mapped,
    `places[i]` being the index of the batch's row i among `source_ids`; `troubled` says why the others could not.
    """

    batch: Batch
    places: Sequence[int]
    source_ids: Sequence[str]
    fingerprints: Sequence[int]
    troubled: Sequence[RecordLine]


def prepared(load: Load) -> Prepared:
    """A mapped load, ready to be written."""
    rows = load.rows or ()
    if not load.errors:
        batch = Batch(load.attributes, load.source_ids, [row for row in rows if row is not None])
        return Prepared(batch, range(len(load)), load.source_ids, load.fingerprints, ())
    places = [index for index, row in enumerate(rows) if row is not None]
    return Prepared(
        batch=Batch(
            load.attributes,
            [load.source_ids[index] for index in places],
            [row for row in rows if row is not None],
        ),
        places=places,
        source_ids=load.source_ids,
        fingerprints=load.fingerprints,
        troubled=[RecordLine.failed(index, error) for index, error in sorted(load.errors.items())],
    )
