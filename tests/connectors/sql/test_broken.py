"""A trigger, view or procedure that refers to what is not there is told as such, in the database's own words."""

from __future__ import annotations

import pytest

from agent.domain.app import Attribute
from agent.domain.errors import ConfigurationError
from tests.connectors.sql.places import ID, Place, batch, ids, opened, read, read_request, write
from tests.connectors.sql.test_actions import doing

NAME = Attribute("name")


def break_trigger(place: Place) -> None:
    """A trigger that writes into a table that is not there."""
    body = "INSERT INTO gone (id) VALUES (new.id)"
    if place.kind == "postgresql":
        place.run(f"CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN new; END $$",
                  "CREATE TRIGGER log AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION log()")  # fmt: skip
    else:
        place.run(f"CREATE TRIGGER log AFTER INSERT ON orders FOR EACH ROW BEGIN {body}; END")


async def test_what_a_broken_trigger_lacks_is_named(place: Place) -> None:
    place.run("CREATE TABLE orders (id integer PRIMARY KEY, name varchar(20))")
    break_trigger(place)
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "orders", (ID, NAME), [(1, "Ann")])
        place.run("CREATE TABLE gone (id integer)")
        assert not (await write(connection, "orders", (ID, NAME), [(1, "Ann")])).failures
    assert caught.value.code == "reference-broken"
    assert "gone" in caught.value.message
    assert "Ann" not in str(caught.value)
    assert place.rows("SELECT id FROM gone") == [(1,)]


async def test_what_a_broken_view_lacks_is_named(place: Place) -> None:
    place.run("CREATE TABLE others (id integer)", "CREATE TABLE gone (id integer, name varchar(20))",
              "INSERT INTO gone VALUES (7, 'Ann')")  # fmt: skip
    if place.kind == "postgresql":  # which keeps a table from being dropped, but not what a function uses
        place.run("CREATE FUNCTION shown() RETURNS SETOF integer LANGUAGE plpgsql AS "
                  "$$ BEGIN RETURN QUERY SELECT id FROM gone; END $$",
                  "CREATE VIEW shown AS SELECT shown AS id FROM shown()",
                  "ALTER TABLE gone RENAME TO away")  # fmt: skip
    else:
        place.run("CREATE VIEW shown AS SELECT id FROM gone", "CREATE TABLE kept AS SELECT * FROM gone",
                  "DROP TABLE gone")  # fmt: skip
    request = read_request("shown", options={"key": "id"})
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await read(connection, request)
        schemas = {one.name: one.description for one in await connection.schemas()}
        assert place.kind == "postgresql" or "Broken: " in schemas["shown"]
        assert schemas["others"] == "A table"
        moved = place.kind == "postgresql"
        place.run("ALTER TABLE away RENAME TO gone" if moved else "CREATE TABLE gone AS SELECT * FROM kept")
        assert ids(await read(connection, request)) == ["7"]
    assert caught.value.code == "reference-broken"
    assert ("gone" if place.kind != "mariadb" else "shown") in caught.value.message


async def test_what_a_broken_procedure_lacks_is_named(server_place: Place) -> None:
    place = server_place
    if place.kind == "postgresql":
        place.run("CREATE PROCEDURE book(id bigint) LANGUAGE plpgsql AS $$ BEGIN INSERT INTO gone VALUES (id); END $$")
    else:
        place.run("CREATE PROCEDURE book(id bigint) BEGIN INSERT INTO gone VALUES (id); END")
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await connection.write(doing("CALL", "book"), batch((ID,), [(1,)]), lambda _: b"")
    assert caught.value.code == "reference-broken"
    assert "gone" in caught.value.message
