"""What people paste into the credential form is understood, every change is told, and what cannot be right is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.connectors.contract import Prepared
from agent.connectors.sql.connector import SqlConnector
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret

ROOT = "C:\\Data" if os.name == "nt" else "/srv"
FILE = os.path.join(ROOT, "shop.db")  # noqa: PTH118 - the text that an operator types


def prepared(password: str | None = None, **values: str) -> Prepared:
    return SqlConnector().prepare(values, {} if password is None else {"password": Secret(password)})


def refused(password: str | None = None, **values: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        prepared(password, **values)
    assert caught.value.message
    return caught.value


# SQLite


@pytest.mark.parametrize("pasted", [FILE, f"  {FILE}\n", f'"{FILE}"', f"“{FILE}”", f"\ufeff{FILE}"])
def test_a_path_is_tidied(pasted: str) -> None:
    found = prepared(kind="SQLite", database=pasted)
    assert found.values == {"kind": "SQLite", "database": FILE}
    assert bool(found.notes) is (pasted != FILE)


@pytest.mark.skipif(os.name == "nt", reason="paths of this kind")
@pytest.mark.parametrize(
    "pasted",
    ["sqlite:////srv/shop.db", "file:///srv/shop.db", "file:/srv/shop.db?mode=rw"],
)
def test_a_files_url_becomes_a_path_whatever_kind_was_chosen(pasted: str) -> None:
    found = prepared(kind="PostgreSQL", database=pasted)
    assert found.values == {"kind": "SQLite", "database": "/srv/shop.db"}
    assert any("turned into a path" in note for note in found.notes)


def test_the_home_folder_is_written_out() -> None:
    found = prepared(kind="sqlite", database="~/shop.db")
    assert found.values["database"] == str(Path("~/shop.db").expanduser())
    assert any(found.values["database"] in note for note in found.notes)


def test_what_sqlite_does_not_need_is_left_out_and_said() -> None:
    found = prepared("secret", kind="SQLite", database=FILE, host="db", username="ann", tls="Required")
    assert found.values == {"kind": "SQLite", "database": FILE}
    assert found.secrets == {}
    assert found.notes == ("SQLite needs no Host, Username, Password: left out.",)


@pytest.mark.parametrize("path", ["shop.db", "./shop.db", ":memory:", ROOT + os.sep, "a\0b"])
def test_a_path_that_cannot_be_a_file_is_refused(path: str) -> None:
    assert (refused(kind="SQLite", database=path).field, refused(kind="SQLite", database=path).code) == (
        "database", "path-format",
    )  # fmt: skip


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refused(kind="SQLite", database=str(tmp_path)).code == "path-format"


# PostgreSQL


def test_the_fields_are_taken_as_they_are() -> None:
    found = prepared(
        "s3cret", kind="PostgreSQL", database="shop", host="db.example.com", port="5433", username="ann", tls="Required"
    )
    assert found.values == {
        "kind": "PostgreSQL", "database": "shop", "host": "db.example.com", "port": "5433", "username": "ann",
        "tls": "Required",
    }  # fmt: skip
    assert found.secrets["password"].reveal() == "s3cret"
    assert found.notes == ()


@pytest.mark.parametrize("field", ["database", "host"])
@pytest.mark.parametrize(
    "pasted",
    [
        "postgresql://ann:p%40ss%3A1@db.example.com:5433/shop?sslmode=require",
        "postgres://ann:p%40ss%3A1@db.example.com:5433/shop?sslmode=require",
        "postgresql+psycopg://ann:p%40ss%3A1@db.example.com:5433/shop?sslmode=require",
        "jdbc:postgresql://db.example.com:5433/shop?user=ann&password=p%40ss%3A1&sslmode=require",
        "host=db.example.com port=5433 dbname=shop user=ann password=p@ss:1 sslmode=require",
        "host='db.example.com' port=5433 dbname='shop' user=ann password='p@ss:1' sslmode=require",
    ],
)
def test_a_pasted_url_is_taken_apart_and_its_password_goes_to_the_vault(field: str, pasted: str) -> None:
    found = prepared(kind="SQLite", **{field: pasted})
    assert found.values == {
        "kind": "PostgreSQL", "database": "shop", "host": "db.example.com", "port": "5433", "username": "ann",
        "tls": "Required",
    }  # fmt: skip
    assert found.secrets["password"].reveal() == "p@ss:1"
    assert any("taken apart" in note for note in found.notes)
    assert any("moved to the field Password" in note for note in found.notes)
    assert "p@ss" not in repr(found)
    assert "p%40ss" not in repr(found)


def test_a_url_without_a_password_leaves_the_one_that_was_entered() -> None:
    found = prepared("kept", kind="PostgreSQL", database="postgresql://ann@db/shop")
    assert found.secrets["password"].reveal() == "kept"


def test_what_is_missing_is_filled_in_and_said() -> None:
    found = prepared(kind="postgres", database="shop", username="ann")
    assert (found.values["host"], found.values["port"], found.values["tls"]) == ("localhost", "5432", "Preferred")
    assert found.notes == ("No Host was entered: localhost is used.",)


@pytest.mark.parametrize(
    ("host", "expected", "port"),
    [
        ("db:6543", "db", "6543"),
        ("[::1]:6543", "::1", "6543"),
        ("::1", "::1", "5432"),
        ("db.example.com.", "db.example.com", "5432"),
        ("/var/run/postgresql", "/var/run/postgresql", "5432"),
    ],
)
def test_a_host_may_carry_its_port(host: str, expected: str, port: str) -> None:
    found = prepared(kind="PostgreSQL", database="shop", username="ann", host=host)
    assert (found.values["host"], found.values["port"]) == (expected, port)


def test_a_password_keeps_its_blanks_but_not_the_line_break_of_copying() -> None:
    found = prepared(' "pass word" \r\n', kind="PostgreSQL", database="shop", username="ann")
    assert found.secrets["password"].reveal() == ' "pass word" '


def test_a_server_may_ask_for_no_password() -> None:
    assert prepared("", kind="PostgreSQL", database="shop", username="ann").secrets == {}


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"kind": ""}, "kind", "field-empty"),
        ({"kind": "Oracle"}, "kind", "kind-unknown"),
        ({"database": " "}, "database", "field-empty"),
        ({"database": "oracle://ann@db/shop"}, "database", "url-format"),
        ({"database": "postgresql://ann@db:port/shop"}, "database", "url-format"),
        ({"username": ""}, "username", "field-empty"),
        ({"username": "a\0b"}, "username", "field-format"),
        ({"host": "db example"}, "host", "host-format"),
        ({"host": "http://db"}, "host", "url-format"),
        ({"host": "ann@db"}, "host", "host-format"),
        ({"port": "0"}, "port", "port-format"),
        ({"port": "65536"}, "port", "port-format"),
        ({"port": "54a"}, "port", "port-format"),
        ({"port": "٥٤٣٢"}, "port", "port-format"),
        ({"tls": "maybe"}, "tls", "tls-unknown"),
        ({"tls": "Verified", "ca_file": "ca.pem"}, "ca_file", "path-format"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_at_its_field(values: dict[str, str], field: str, code: str) -> None:
    good = {"kind": "PostgreSQL", "database": "shop", "host": "db", "username": "ann"}
    error = refused("s3cret", **{**good, **values})
    assert (error.field, error.code) == (field, code)
    assert "s3cret" not in f"{error!r} {error.message} {error.detail}"


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    error = refused(kind="PostgreSQL", database="postgresql://ann:s3cret@db:port/shop")
    assert "s3cret" not in f"{error!r} {error.message} {error.detail} {error.__cause__}"
    assert error.__suppress_context__


# SQL Server


@pytest.mark.parametrize("field", ["database", "host"])
@pytest.mark.parametrize(
    "pasted",
    [
        "mssql://ann:p%40ss%3A1@db.example.com:1444/shop?TrustServerCertificate=yes",
        "mssql+pymssql://ann:p%40ss%3A1@db.example.com:1444/shop?encrypt=yes&trustservercertificate=yes",
        "jdbc:sqlserver://db.example.com:1444;databaseName=shop;user=ann;password=p@ss:1;trustServerCertificate=true",
        (
            "Server=tcp:db.example.com,1444;Database=shop;User Id=ann;Password=p@ss:1;Encrypt=True;"
            "TrustServerCertificate=True"
        ),
        "Data Source=db.example.com,1444; Initial Catalog=shop; UID=ann; PWD={p@ss:1}; TrustServerCertificate=yes;",
    ],
)
def test_connection_strings_of_sql_servers_programs_are_taken_apart(field: str, pasted: str) -> None:
    found = prepared(kind="SQLite", **{field: pasted})
    assert found.values == {
        "kind": "SQL Server", "database": "shop", "host": "db.example.com", "port": "1444", "username": "ann",
        "encryption": "Required",
    }  # fmt: skip
    assert found.secrets["password"].reveal() == "p@ss:1"
    assert "p@ss" not in repr(found)
    again = SqlConnector().prepare(found.values, found.secrets)
    assert (again.values, again.notes) == (found.values, ())


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("", "Verified"),
        ("Encrypt=True", "Verified"),
        ("Encrypt=strict", "Verified"),
        ("Encrypt=no", "Off"),
        ("TrustServerCertificate=True", "Required"),
    ],
)
def test_the_certificate_of_sql_server_is_checked_unless_it_is_said_otherwise(said: str, choice: str) -> None:
    found = prepared(kind="SQL Server", database=f"Server=db;Database=shop;User Id=ann;{said}", tls="Preferred")
    assert found.values["encryption"] == choice
    assert "tls" not in found.values


@pytest.mark.parametrize("host", ["db\\SALES", "db,1444", "db\\SALES,1444"])
def test_an_instance_of_sql_server_is_reached_by_its_port(host: str) -> None:
    found = prepared(kind="SQL Server", database="shop", username="ann", host=host, port="1444")
    assert (found.values["host"], found.values["port"]) == ("db", "1444")


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"host": "db\\SALES"}, "port", "port-missing"),
        ({"encryption": "Preferred"}, "encryption", "tls-unknown"),
        ({"username": ""}, "username", "field-empty"),
        ({"encryption": "Verified", "ca_file": "ca.pem"}, "ca_file", "path-format"),
    ],
)
def test_what_cannot_be_right_for_sql_server_is_refused(values: dict[str, str], field: str, code: str) -> None:
    error = refused(**{"kind": "SQL Server", "database": "shop", "host": "db", "username": "ann", **values})
    assert (error.field, error.code) == (field, code)


def test_prepared_values_stay_as_they_are_when_they_are_prepared_again() -> None:
    first = prepared("pw", kind="PostgreSQL", database="postgresql://ann@db/shop", tls="verify-full")
    again = SqlConnector().prepare(first.values, first.secrets)
    assert (again.values, again.secrets, again.notes) == (first.values, first.secrets, ())


def test_kind_and_database_are_demanded_and_the_password_is_secret() -> None:
    app = SqlConnector().app
    assert [one.name for one in app.fields if one.required] == ["kind", "database"]
    assert [one.name for one in app.fields if one.kind == "secret"] == ["password"]
