"""Tables are read to the last row, however they change meanwhile."""

from __future__ import annotations

from tests.connectors.sql.places import Place, documents, ids, opened, read, read_request


async def test_a_table_is_read_in_packets_that_end_with_a_bookmark(place: Place) -> None:
    place.run("CREATE TABLE stock (sku varchar(20) PRIMARY KEY, level integer NOT NULL)",
              *[f"INSERT INTO stock VALUES ('S{number:03}', {number})" for number in range(250)])  # fmt: skip
    async with opened(place) as connection:
        packets = await read(connection, read_request("stock"))
    assert [len(packet) for packet in packets] == [100, 100, 50]
    assert [packet.bookmark is not None for packet in packets] == [False, False, True]
    assert ids(packets) == [f"S{number:03}" for number in range(250)]
    assert documents(packets)[7] == {"sku": "S007", "level": 7}


async def test_a_read_goes_on_from_any_position(place: Place) -> None:
    place.run("CREATE TABLE stock (sku varchar(20) PRIMARY KEY, level integer NOT NULL)",
              *[f"INSERT INTO stock VALUES ('S{number:03}', {number})" for number in range(25)])  # fmt: skip
    async with opened(place) as connection:
        packets = await read(connection, read_request("stock", records=10))
        rest = await read(connection, read_request("stock", records=10, position=packets[0].position))
    assert ids(rest) == ids(packets)[10:]


async def test_only_changes_are_read_after_the_first_time(place: Place) -> None:
    place.run("CREATE TABLE stock (sku varchar(20) PRIMARY KEY, revision integer)",
              *[f"INSERT INTO stock VALUES ('S{number:03}', {number // 3})" for number in range(30)],
              "INSERT INTO stock VALUES ('N', NULL)")  # fmt: skip
    options = {"incremental": "revision", "overlap": "0"}
    async with opened(place) as connection:
        first = await read(connection, read_request("stock", options=options, records=4))
        place.run("UPDATE stock SET revision = 77 WHERE sku = 'S001'")
        again = await read(connection, read_request("stock", options=options, bookmark=first[-1].bookmark))
    assert sorted(ids(first)) == sorted(["N", *[f"S{number:03}" for number in range(30)]])
    assert sorted(ids(again)) == ["N", "S001", "S027", "S028", "S029"]
