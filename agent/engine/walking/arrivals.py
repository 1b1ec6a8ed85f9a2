"""What has arrived at a destination, and goes on from a POST with the ids that it has there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.domain.app import Attribute
from agent.engine.walking.load import Load
from agent.store.runs.acknowledgement import Acknowledgement

_DESTINATION_ID = "destination_id"


def arrived_ids(booked: Acknowledgement, places: Sequence[int]) -> dict[int, str]:
    """The destination ids of the records that succeeded, by their index in the load."""
    troubled = {line.index for line in booked.troubled}
    return {place: booked.destination_ids[index] for index, place in enumerate(places) if index not in troubled}


def with_ids(load: Load, arrived: Mapping[int, str]) -> Load:
    """What was written, with the ids that it has there."""
    indices = sorted(arrived)
    part = load.picked(indices)
    rows = [
        None if row is None else (*row, arrived[index]) for index, row in zip(indices, part.rows or (), strict=True)
    ]
    attributes = (*part.attributes, Attribute(_DESTINATION_ID))
    return Load(part.source_ids, part.fingerprints, (), attributes, rows, part.errors, part.tracked)
