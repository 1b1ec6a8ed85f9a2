"""Small lists of records that are kept as they are: customer groups, brands, categories, shipments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Kept:
    """Records by id. Ids are never used twice."""

    def __init__(self, records: Iterable[Mapping[str, object]] = (), *, first_id: int = 1) -> None:
        self._records: dict[int, dict[str, object]] = {}
        self._next = first_id
        for record in records:
            self.add(record)

    def __contains__(self, number: int) -> bool:
        return number in self._records

    def all(self) -> list[dict[str, object]]:
        """All records, by id."""
        return [self._records[number] for number in sorted(self._records)]

    def get(self, number: int) -> dict[str, object] | None:
        """A record."""
        return self._records.get(number)

    def add(self, values: Mapping[str, object]) -> dict[str, object]:
        """Keep a new record, and give it with its id."""
        record = {"id": self._next, **values}
        self._records[self._next] = record
        self._next += 1
        return record

    def change(self, number: int, values: Mapping[str, object]) -> dict[str, object]:
        """Change fields of a record. Raises KeyError for an unknown id."""
        self._records[number].update(values)
        return self._records[number]

    def remove(self, number: int) -> dict[str, object]:
        """Forget a record, and give it. Raises KeyError for an unknown id."""
        return self._records.pop(number)

    def owner_of(self, **values: object) -> int | None:
        """The id of the record that has these values, texts compared without case."""
        return next(
            (
                number
                for number, record in self._records.items()
                if all(_same(record.get(name), value) for name, value in values.items())
            ),
            None,
        )


def _same(one: object, other: object) -> bool:
    return str(one).casefold() == str(other).casefold() if isinstance(one, str) else one == other
