"""Keys that PostgreSQL takes for equal although they are not the same: citext, collations, ways to write a number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain.app import Attribute, DataType
from tests.connectors.sql.places import PostgresPlace, batch, documents, ids, opened, read, read_request, target, write

LOOSE = {
    "citext": ("citext", ["'a'", "'A'", "'b'", "'B'"]),
    "collation": ("text COLLATE anyhow", ["'a'", "'A'", "'b'", "'B'"]),
    "numeric": ("numeric", ["1.0", "1.00", "2", "2.0"]),
    "interval": ("interval", ["'1 day'", "'24 hours'", "'2 days'", "'48 hours'"]),
}


@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize("kind", LOOSE)
async def test_keys_that_postgresql_takes_for_equal_are_read_each_once(
    postgres_place: PostgresPlace, kind: str, unique: bool
) -> None:
    declared, keys = LOOSE[kind]
    place, keys = postgres_place, keys[::2] if unique else keys
    place.run("CREATE EXTENSION citext",
              "CREATE COLLATION anyhow (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
              f"CREATE TABLE stock (k {declared} NOT NULL{' UNIQUE' if unique else ''}, n integer)",
              *(f"INSERT INTO stock VALUES ({key}, {number})" for number, key in enumerate(keys)))  # fmt: skip
    request = read_request("stock", options={"key": "k"}, records=1)
    async with opened(place) as connection:
        packets = await read(connection, request)
        assert sorted(document["n"] for document in documents(packets)) == list(range(len(keys)))
        for number, packet in enumerate(packets, 1):
            rest = await read(connection, replace(request, position=packet.position))
            assert ids(rest) == ids(packets)[number:]
        for one in ids(packets):
            assert ids(await read(connection, replace(request, ids=[one]))) == [one]
        by_change = read_request("stock", options={"key": "n", "incremental": "k"}, records=1)
        assert len(ids(await read(connection, by_change))) == len(keys)


async def test_two_spellings_of_one_key_are_written_one_after_the_other(postgres_place: PostgresPlace) -> None:
    place = postgres_place
    place.run("CREATE EXTENSION citext", "CREATE TABLE stock (k citext PRIMARY KEY, n bigint)")
    attributes = (Attribute("k", primary=True), Attribute("n", DataType.INTEGER))
    async with opened(place) as connection:
        report = await write(connection, "stock", attributes, [("a", 1), ("A", 2), ("b", 3)])
        assert (dict(report.failures), place.rows("SELECT k::text, n FROM stock ORDER BY 2")) == (
            {}, [("a", 2), ("b", 3)]
        )  # fmt: skip
        update = replace(target("stock"), action="UPDATE")
        report = await connection.write(update, batch(attributes, [("B", 4), ("b", 5), ("A", 6)]), lambda _: b"")
        present = await connection.present(update, batch(attributes, [("B", 5), ("a", 6)]))
    assert (dict(report.failures), place.rows("SELECT n FROM stock ORDER BY 1")) == ({}, [(5,), (6,)])
    assert [row[1] if row is not None else None for row in present.rows] == [5, 6]
