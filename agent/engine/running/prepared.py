"""A load at the POST that is to write it: what can be written, and why the rest cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from agent.domain.packet import Batch
from agent.engine.walking.load import Load
from agent.store.runs.acknowledgement import RecordLine


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
    tracked: Sequence[str] = ()
    """The tracked columns of each of them, as JSON text; empty where nothing is tracked."""

    def only(self, places: Sequence[int]) -> Prepared:
        """Those records alone. Nothing of them is to be written, so that there is no batch to pick from."""
        assert not self.batch.rows, "only for records that are booked without having been written"
        lines = {line.index: line for line in self.troubled}
        return Prepared(
            batch=self.batch,
            places=(),
            source_ids=[self.source_ids[place] for place in places],
            fingerprints=[self.fingerprints[place] for place in places],
            troubled=[msgspec.structs.replace(lines[place], index=index) for index, place in enumerate(places)],
            tracked=[self.tracked[place] for place in places] if self.tracked else (),
        )


def prepared(load: Load) -> Prepared:
    """A mapped load, ready to be written."""
    rows = load.rows or ()
    if not load.errors:
        batch = Batch(load.attributes, load.source_ids, [row for row in rows if row is not None])
        return Prepared(batch, range(len(load)), load.source_ids, load.fingerprints, (), load.tracked or ())
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
        tracked=load.tracked or (),
    )
