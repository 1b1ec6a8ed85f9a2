"""Folders in buckets: objects are there whole or not at all, and nobody but the App Configuration says which."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import pytest

from agent.connectors.contract import ReadRequest
from agent.connectors.files.connector import FilesConnection, FilesConnector
from agent.connectors.files.credentials import prepare
from agent.connectors.files.receipts import entry_name
from agent.connectors.files.s3 import S3Place
from agent.connectors.files.s3_client import PATIENT, s3_client
from agent.connectors.files.writing import Writer
from agent.domain.errors import AmbiguousWriteError, ConfigurationError, FatalError, TransientError
from agent.domain.packet import Batch, Bookmark, Packet
from agent.domain.secret import Secret
from tests.connectors.files.exchange import ORDER, ids, last, target
from tests.connectors.files.test_workbooks import workbook
from tests.helpers.cut_line import line_to
from tests.helpers.s3_server import Bucket, S3Server

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
ORDERS = target("orders", file="orders-{number}.csv")


@pytest.fixture
def bucket(s3_server: S3Server) -> Iterator[Bucket]:
    made = s3_server.bucket()
    yield made
    made.client.close()


def opened(server: S3Server, bucket: Bucket, **changed: str) -> FilesConnection:
    connector = FilesConnector()
    prepared = connector.prepare({**server.values(bucket.name, folder="in"), **changed}, server.secrets)
    return connector.open(prepared.values, prepared.secrets)


async def read(
    connection: FilesConnection, pattern: str, *, bookmark: Bookmark | None = None, **options: str
) -> list[Packet]:
    given = {"id": "id", "quiet_seconds": "0", **options}
    async with connection:
        return [packet async for packet in connection.read(ReadRequest(pattern, "GET", (), given, bookmark, None, 100))]


def batch(*numbers: int) -> Batch:
    return Batch(ORDER, [str(one) for one in numbers], [(one, f"Order {one}", "1.00") for one in numbers])


def seal(_: object) -> bytes:
    return b"receipt"


async def test_validate_says_which_files_are_there(s3_server: S3Server, bucket: Bucket) -> None:
    bucket.put("in/orders.csv", "id;name\n1;Ada\n")
    bucket.put("in/deeper/orders.csv", "id\n1\n")
    async with opened(s3_server, bucket) as connection:
        report = await connection.check(lambda _: None)
    facts = dict(report.facts)
    assert facts["Folder"] == f"{bucket.name}/in/ at 127.0.0.1:{s3_server.port}"
    assert facts["Files"] == "1"
    assert "CSV" in facts["orders.csv"]
    assert report.warnings == ()
    assert list(bucket.texts()) == ["in/deeper/orders.csv", "in/orders.csv"]


async def test_each_file_is_read_once_and_archived(s3_server: S3Server, bucket: Bucket) -> None:
    bucket.put("in/", "")
    bucket.put("in/orders 1 ü+.csv", "id\n1\n2\n")
    bucket.put("in/.opagent/hidden.csv", "id\n666\n")
    packets = await read(opened(s3_server, bucket), "orders*.csv", afterwards="archive")
    assert ids(packets) == ["1", "2"]
    bucket.put("in/orders copied.csv", "id\n1\n2\n")
    bucket.put("in/orders 2.csv", "id\n3\n")
    assert ids(await read(opened(s3_server, bucket), "orders*.csv", bookmark=last(packets), afterwards="archive")) == [
        "3"
    ]
    assert "in/archive/orders 1 ü+.csv" in bucket.texts()
    assert "in/orders 1 ü+.csv" not in bucket.texts()


async def test_a_workbook_and_a_whole_bucket_can_be_read(s3_server: S3Server, bucket: Bucket) -> None:
    bucket.put("stock.xlsx", workbook(("id", "level"), (1, 5), (2, 7)))
    assert ids(await read(opened(s3_server, bucket, folder="/"), "*.xlsx")) == ["1", "2"]


async def test_a_file_of_many_pieces_is_read_whole(s3_server: S3Server, bucket: Bucket) -> None:
    lines = [f"{number},{'x' * 200}" for number in range(50_000)]
    bucket.put("in/many.csv", "id,note\n" + "\n".join(lines))
    assert ids(await read(opened(s3_server, bucket), "many.csv")) == [str(number) for number in range(50_000)]


def test_a_file_that_is_replaced_while_it_is_read_is_not_mixed(s3_server: S3Server, bucket: Bucket) -> None:
    bucket.put("in/many.csv", b"a" * 9_000_000)
    place = s3_server.place(bucket.name, "in")
    with place.open("many.csv") as file:
        assert file.read(10) == b"a" * 10
        bucket.put("in/many.csv", b"b" * 9_000_000)
        with pytest.raises(TransientError) as raised:
            file.read()
        assert raised.value.code == "file-changed"
    assert place.read("many.csv", 8_999_990) == b"b" * 10
    with place.open("many.csv") as file:
        place.remove("many.csv")
        with pytest.raises(TransientError) as raised:
            file.read()
        assert raised.value.code == "file-gone"
    place.close()


def test_a_whole_file_is_fetched_in_large_pieces(s3_server: S3Server, bucket: Bucket) -> None:
    bucket.put("in/many.csv", b"a" * 5_000_000)
    with line_to(s3_server.port) as line:
        prepared = prepare(s3_server.values(bucket.name, folder="in", port=line.port), s3_server.secrets)
        place = S3Place(prepared.values, prepared.secrets)
        assert place.read("many.csv") == b"a" * 5_000_000
        assert place.read("many.csv", 4_999_990) == b"a" * 10
        assert line.pieces < 12
        place.close()


def test_a_place_that_was_closed_asks_the_server_for_nothing(s3_server: S3Server, bucket: Bucket) -> None:
    place = s3_server.place(bucket.name, "in")
    assert place.is_there()
    place.close()
    with pytest.raises(TransientError) as raised:
        place.write("orders.csv", b"id\n")
    assert raised.value.code == "connection-lost"
    assert bucket.texts() == {}


def test_a_folder_of_several_pages_is_listed_whole(s3_server: S3Server, bucket: Bucket) -> None:
    for number in range(7):
        bucket.put(f"in/{number}.csv", "id\n")
    prepared = prepare(s3_server.values(bucket.name, folder="in"), s3_server.secrets)
    place = S3Place(prepared.values, prepared.secrets, page_keys=3)
    assert sorted(entry.name for entry in place.entries()) == [f"{number}.csv" for number in range(7)]
    place.close()


class _Died(BaseException):
    pass


class _Dying(S3Place):
    """A place whose agent dies before one of its packets is removed, or an answer of which is lost."""

    dies, loses = False, False

    def remove(self, name: str) -> None:
        if self.dies and name.endswith(".packet"):
            raise _Died
        super().remove(name)

    def replace_with(self, name: str, content: bytes) -> None:
        super().replace_with(name, content)
        if self.loses:
            raise TransientError("Lost.", code="connection-lost")


def dying(server: S3Server, bucket: Bucket) -> _Dying:
    prepared = prepare(server.values(bucket.name, folder="out"), server.secrets)
    return _Dying(prepared.values, prepared.secrets)


@pytest.mark.parametrize("step", ["prepared", "committed", "copied", "finished"])
def test_a_write_that_is_broken_off_anywhere_is_there_once(s3_server: S3Server, bucket: Bucket, step: str) -> None:
    def die(at: str) -> None:
        if at == step:
            raise _Died

    first = dying(s3_server, bucket)
    Writer(first, lambda: NOON, threading.Lock()).write(ORDERS, batch(1, 2), lambda _: b"one")
    first.dies = step == "copied"
    with pytest.raises(_Died):
        Writer(first, lambda: NOON, threading.Lock(), die).write(ORDERS, batch(3, 4), lambda _: b"two")
    first.close()

    second = s3_server.place(bucket.name, "out")
    writer = Writer(second, lambda: NOON, threading.Lock())
    if writer.receipt(ORDERS) != b"two":
        writer.write(ORDERS, batch(3, 4), lambda _: b"two")
    second.close()
    texts = bucket.texts("out/")
    lines = [line for name, text in texts.items() if name.endswith(".csv") for line in text.splitlines()]
    assert sorted(line for line in lines if line[0].isdecimal()) == [f"{one},Order {one},1.00" for one in (1, 2, 3, 4)]
    assert [name for name in texts if ".opagent" in name] == [f"out/{entry_name(ORDERS.ledger_key)}"]


def test_a_receipt_whose_answer_is_lost_is_in_doubt_and_found(s3_server: S3Server, bucket: Bucket) -> None:
    place = dying(s3_server, bucket)
    writer = Writer(place, lambda: NOON, threading.Lock())
    place.loses = True
    with pytest.raises(AmbiguousWriteError):
        writer.write(ORDERS, batch(1), seal)
    place.loses = False
    assert writer.receipt(ORDERS) == b"receipt"
    place.close()
    assert bucket.texts("out/")["out/orders-000001.csv"].splitlines()[1:] == ["1,Order 1,1.00"]


def test_a_file_of_somebody_else_is_not_replaced(s3_server: S3Server, bucket: Bucket) -> None:
    def take(at: str) -> None:
        if at == "committed":
            bucket.put("out/orders-000001.csv", "somebody else's")

    place = s3_server.place(bucket.name, "out")
    with pytest.raises(FatalError) as raised:
        Writer(place, lambda: NOON, threading.Lock(), take).write(ORDERS, batch(1), seal)
    assert raised.value.code == "file-taken"
    bucket.client.delete_object(Bucket=bucket.name, Key="out/orders-000001.csv")
    assert Writer(place, lambda: NOON, threading.Lock()).receipt(ORDERS) == b"receipt"
    place.close()
    assert "1,Order 1,1.00" in bucket.texts("out/")["out/orders-000001.csv"]


async def test_nothing_is_appended_to_an_object(s3_server: S3Server, bucket: Bucket) -> None:
    growing = target("orders", mode="append", file="orders.csv")
    async with opened(s3_server, bucket) as connection:
        for refused in (connection.write(growing, batch(1), seal), connection.present(growing, batch(1))):
            with pytest.raises(ConfigurationError) as raised:
                await refused
            assert raised.value.field == "mode"
    assert bucket.texts() == {}


async def test_only_the_app_configuration_counts(
    s3_server: S3Server, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "AWS_PROFILE": "nobody", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "another",
        "AWS_SECRET_ACCESS_KEY": "another", "AWS_SESSION_TOKEN": "another", "AWS_CA_BUNDLE": "/nowhere",
        "AWS_REGION": "nowhere", "AWS_USE_FIPS_ENDPOINT": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, text)
    async with opened(s3_server, bucket) as connection:
        assert (await connection.check(lambda _: None)).warnings == ()
    amazons = s3_client({**VALUES, "endpoint": ""}, {"secret_key": Secret("a secret key")}, PATIENT)
    assert amazons.meta.endpoint_url == "https://s3.eu-central-1.amazonaws.com"
    amazons.close()


VALUES: Mapping[str, str] = {
    "place": "S3 bucket", "endpoint": "https://s3.test", "region": "eu-central-1", "bucket": "exchange",
    "access_key": "KEY123", "path_style": "No", "folder": "in",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"endpoint": "https://s3.test/bucket"}, "endpoint"), ({"endpoint": "ftp://s3.test"}, "endpoint"),
        ({"endpoint": "https://me:secret@s3.test"}, "endpoint"), ({"region": "Frankfurt am Main"}, "region"),
        ({"bucket": ""}, "bucket"), ({"bucket": "s3://exchange"}, "bucket"), ({"access_key": ""}, "access_key"),
        ({"path_style": "Perhaps"}, "path_style"), ({"folder": "in/../out"}, "folder"), ({"folder": ""}, "folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_at_its_field(changed: dict[str, str], field: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        prepare({**VALUES, **changed}, {"secret_key": Secret("a secret key")})
    assert raised.value.field == field


def test_a_secret_key_is_needed() -> None:
    with pytest.raises(ConfigurationError) as raised:
        prepare(VALUES, {})
    assert raised.value.field == "secret_key"


def test_what_people_paste_is_tidied() -> None:
    given = {**VALUES, "endpoint": " s3.test:9000/ ", "bucket": "/exchange/", "folder": "/in/orders/", "region": ""}
    prepared = prepare(given, {"secret_key": Secret(" a secret key\n")})
    assert {name: prepared.values[name] for name in ("endpoint", "bucket", "folder", "region")} == {
        "endpoint": "https://s3.test:9000", "bucket": "exchange", "folder": "in/orders", "region": "us-east-1",
    }  # fmt: skip
    assert prepared.secrets["secret_key"].reveal() == "a secret key"
    again = prepare(prepared.values, prepared.secrets)
    assert (again.values, again.notes) == (prepared.values, ())


class _Busy(S3Place):
    """A place in which somebody replaces an object at the worst moment."""

    before: str = ""
    then: Callable[[], object] = staticmethod(lambda: None)

    def _copied(self, name: str, target: str, version: str) -> None:
        if self.before == "copy":
            self.then()
        super()._copied(name, target, version)
        if self.before == "removal":
            self.then()


@pytest.mark.parametrize("moment", ["copy", "removal"])
async def test_an_object_that_is_replaced_while_it_is_archived_is_read(
    s3_server: S3Server, bucket: Bucket, moment: str
) -> None:
    def place_of(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> S3Place:
        place = _Busy(values, secrets)
        place.before, place.then = moment, lambda: bucket.put("in/stock.csv", "id\nnew\n")
        return place

    connector = FilesConnector(place_of=place_of)
    prepared = connector.prepare(s3_server.values(bucket.name, folder="in"), s3_server.secrets)
    bucket.put("in/stock.csv", "id\nold\n")
    first = await read(connector.open(prepared.values, prepared.secrets), "*.csv", afterwards="archive")
    second = await read(
        connector.open(prepared.values, prepared.secrets), "*.csv", bookmark=last(first), afterwards="archive"
    )
    assert ids(first) + ids(second) == ["old", "new"]
    assert bucket.texts()["in/stock.csv"] == "id\nnew\n"
    assert [text for name, text in bucket.texts("in/archive/").items()] in ([], ["id\nold\n"])


async def test_an_object_that_is_replaced_by_one_of_the_same_size_in_the_same_second_is_read(
    s3_server: S3Server, bucket: Bucket
) -> None:
    bucket.put("in/stock.csv", "id\nold\n")
    first = await read(opened(s3_server, bucket), "*.csv", afterwards="delete")
    bucket.put("in/stock.csv", "id\nnew\n")
    second = await read(opened(s3_server, bucket), "*.csv", bookmark=last(first), afterwards="delete")
    assert ids(first) + ids(second) == ["old", "new"]


async def test_a_bookmark_that_knows_no_versions_of_objects_counts(s3_server: S3Server, bucket: Bucket) -> None:
    bucket.put("in/stock.csv", "id\nold\n")
    first = await read(opened(s3_server, bucket), "*.csv")
    files = last(first).detail["files"]
    assert isinstance(files, list)
    old = Bookmark(last(first).moment, {"files": [row[:4] for row in files]})
    second = await read(opened(s3_server, bucket), "*.csv", bookmark=old, afterwards="delete")
    assert ids(second) == []
    assert bucket.texts() == {}
