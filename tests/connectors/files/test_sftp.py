"""Folders on an SFTP server: nobody signs in at a server that was not confirmed, and what was written is there once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.connectors.contract import ReadRequest
from agent.connectors.files.connector import FilesConnection, FilesConnector
from agent.connectors.files.credentials import prepare
from agent.connectors.files.sftp import SftpPlace
from agent.connectors.files.writing import Writer
from agent.domain.errors import AgentError, AmbiguousWriteError, ConfigurationError, CredentialsError, TransientError
from agent.domain.packet import Batch
from agent.domain.secret import Secret
from tests.connectors.files.exchange import ORDER, Exchange, ids, target
from tests.helpers.small_disk import small_disk
from tests.helpers.ssh_server import PASSPHRASE, SshServer

SECRETS = {"passphrase": Secret(PASSPHRASE)}
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def opened(server: SshServer, folder: Path, **changed: str) -> FilesConnection:
    connector = FilesConnector()
    prepared = connector.prepare({**server.values(folder), **changed}, SECRETS)
    return connector.open(prepared.values, prepared.secrets)


async def refusal(connection: FilesConnection) -> AgentError:
    with pytest.raises(AgentError) as raised:
        async with connection:
            await connection.check(lambda _: None)
    assert raised.value.remedy
    return raised.value


async def test_validate_shows_the_fingerprint_and_signs_in_once_it_is_confirmed(
    ssh_server: SshServer, exchange: Exchange
) -> None:
    error = await refusal(opened(ssh_server, exchange.path, host_key=""))
    assert (error.code, error.field) == ("host-key-unknown", "host_key")
    assert ssh_server.fingerprint in error.message
    async with opened(ssh_server, exchange.path) as connection:
        report = await connection.check(lambda _: None)
    assert ("Folder", f"{exchange.path} on 127.0.0.1") in report.facts
    assert report.warnings == ()


async def test_a_server_with_another_key_is_told_nothing(ssh_server: SshServer, exchange: Exchange) -> None:
    other = "SHA256:" + "A" * 43
    error = await refusal(opened(ssh_server, exchange.path, host_key=other))
    assert (error.code, error.field) == ("host-key-changed", "host_key")
    assert "Nobody has signed in" in error.message


async def test_a_key_that_the_server_does_not_know_is_refused(ssh_server: SshServer, exchange: Exchange) -> None:
    error = await refusal(opened(ssh_server, exchange.path, key_file=str(ssh_server.stranger)))
    assert isinstance(error, CredentialsError)
    assert error.field == "key_file"


@pytest.mark.parametrize(
    ("secrets", "field"), [({}, "passphrase"), ({"passphrase": Secret("another one")}, "key_file")]
)
async def test_a_key_that_cannot_be_opened_is_told(
    ssh_server: SshServer, exchange: Exchange, secrets: Mapping[str, Secret], field: str
) -> None:
    prepared = prepare(ssh_server.values(exchange.path), secrets)
    error = await refusal(FilesConnector().open(prepared.values, prepared.secrets))
    assert (error.code, error.field) == ("private-key", field)


async def test_a_key_file_that_is_not_there_is_told(ssh_server: SshServer, exchange: Exchange) -> None:
    error = await refusal(opened(ssh_server, exchange.path, key_file=str(exchange.path / "gone")))
    assert (error.code, error.field) == ("private-key", "key_file")


async def test_links_that_lead_out_of_the_folder_are_left_alone(ssh_server: SshServer, exchange: Exchange) -> None:
    secret = exchange.path.parent / "secret.csv"
    secret.write_text("id\n666\n", "utf-8")
    exchange.put("orders.csv", "id\n1\n")
    (exchange.path / "outside.csv").symlink_to(secret)
    (exchange.path / "nowhere.csv").symlink_to(exchange.path / "gone.csv")
    (exchange.path / "no folder.csv").symlink_to(exchange.path.parent / "gone" / "gone.csv")
    (exchange.path / "in circles.csv").symlink_to(exchange.path / "in circles.csv")
    async with opened(ssh_server, exchange.path) as connection:
        request = ReadRequest("*.csv", "GET", (), {"id": "id"}, None, None, 100)
        packets = [packet async for packet in connection.read(request)]
    assert ids(packets) == ["1"]


def test_a_full_disk_of_the_server_is_told_and_nothing_counts_as_written(ssh_server: SshServer, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", megabytes=4) as disk:
        prepared = prepare(ssh_server.values(tmp_path / "small"), SECRETS)
        place = SftpPlace(prepared.values, prepared.secrets)
        writer = Writer(place, lambda: NOON, threading.Lock())
        disk.fill()
        for characters in (100_000, 6_000_000):  # in one go, and in so many pieces that answers come meanwhile
            batch = Batch(ORDER, ["1"], [(1, "x" * characters, "1.00")])
            with pytest.raises(TransientError, match="could not write"):
                writer.write(target("orders"), batch, lambda _: b"one")
        disk.empty()
        assert writer.receipt(target("orders")) is None
        writer.write(target("orders"), Batch(ORDER, ["1"], [(1, "x", "1.00")]), lambda _: b"one")
        assert writer.receipt(target("orders")) == b"one"
        place.close()


class _Died(BaseException):
    pass


@pytest.mark.parametrize("step", ["prepared", "committed", "appended", "finished"])
@pytest.mark.parametrize("mode", ["append", "packet"])
def test_a_write_that_is_broken_off_anywhere_is_there_once(
    ssh_server: SshServer, exchange: Exchange, step: str, mode: str
) -> None:
    if (mode, step) == ("packet", "appended"):
        step = "committed"
    prepared = prepare(ssh_server.values(exchange.path), SECRETS)
    name = "orders.csv" if mode == "append" else "orders-{number}.csv"
    wanted = target("orders", mode=mode, file=name)

    def die(at: str) -> None:
        if at == step:
            raise _Died

    def batch(*numbers: int) -> Batch:
        return Batch(ORDER, [str(one) for one in numbers], [(one, f"Order {one}", "1.00") for one in numbers])

    first = SftpPlace(prepared.values, prepared.secrets)
    Writer(first, lambda: NOON, threading.Lock()).write(wanted, batch(1, 2), lambda _: b"one")
    with pytest.raises(_Died):
        Writer(first, lambda: NOON, threading.Lock(), die).write(wanted, batch(3, 4), lambda _: b"two")
    first.close()

    second = SftpPlace(prepared.values, prepared.secrets)
    writer = Writer(second, lambda: NOON, threading.Lock())
    if writer.receipt(wanted) != b"two":
        writer.write(wanted, batch(3, 4), lambda _: b"two")
    second.close()
    lines = [line for text in exchange.texts().values() for line in text.splitlines() if line[:1].isdecimal()]
    assert sorted(lines) == [f"{number},Order {number},1.00" for number in (1, 2, 3, 4)]


class _Plain(SftpPlace):
    """On a server that replaces files in two steps only; the connection is lost between them."""

    loses = False

    def posix_rename(self, name: str, target: str) -> None:
        raise OSError("Operation unsupported")

    def move(self, name: str, target: str, version: str = "") -> None:
        if self.loses and target.endswith(".json"):
            raise EOFError
        super().move(name, target, version)


@pytest.mark.parametrize("before", [0, 2])
def test_a_note_that_is_replaced_in_two_steps_is_not_lost_between_them(
    ssh_server: SshServer, exchange: Exchange, before: int
) -> None:
    prepared = prepare(ssh_server.values(exchange.path), SECRETS)
    place, wanted = _Plain(prepared.values, prepared.secrets), target("orders")
    writer = Writer(place, lambda: NOON, threading.Lock())
    for number in range(1, before + 1):
        writer.write(wanted, Batch(ORDER, ["1"], [(number, "x", "1.00")]), lambda _: b"before")
    for fetched in exchange.path.glob("*.csv"):
        fetched.unlink()

    place.loses = True
    with pytest.raises(AmbiguousWriteError):
        writer.write(wanted, Batch(ORDER, ["1"], [(3, "x", "1.00")]), lambda _: b"third")
    place.loses = False
    assert writer.receipt(wanted) == b"third"
    assert list(exchange.texts()) == [f"orders-{before + 1:06}.csv"]

    place.loses = True
    with pytest.raises(AmbiguousWriteError):
        writer.write(wanted, Batch(ORDER, ["1"], [(4, "x", "1.00")]), lambda _: b"fourth")
    place.loses = False
    writer = Writer(place, lambda: NOON, threading.Lock())
    if writer.receipt(wanted) == b"third":
        writer.write(wanted, Batch(ORDER, ["1"], [(4, "x", "1.00")]), lambda _: b"fourth")
    writer.write(wanted, Batch(ORDER, ["1"], [(5, "x", "1.00")]), lambda _: b"fifth")
    assert writer.receipt(wanted) == b"fifth"
    place.close()
    assert list(exchange.texts()) == [f"orders-{before + number:06}.csv" for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"host": "two words"}, "host"), ({"host": ""}, "host"), ({"host": "sftp..test"}, "host"),
        ({"port": "0"}, "port"), ({"port": "ssh"}, "port"),
        ({"user": ""}, "user"), ({"folder": "orders"}, "folder"), ({"folder": "/srv/../etc"}, "folder"),
        ({"host_key": "MD5:aa:bb"}, "host_key"), ({"place": "The moon"}, "place"), ({"key_file": ""}, "password"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_at_its_field(changed: dict[str, str], field: str) -> None:
    values = {"place": "SFTP server", "host": "sftp.test", "user": "op", "key_file": "/k", "folder": "/srv"}
    with pytest.raises(ConfigurationError) as raised:
        prepare({**values, **changed}, {})
    assert raised.value.field == field


def test_what_people_paste_is_tidied() -> None:
    given = {"place": "SFTP server", "host": " sftp://sftp.test/ ", "user": "op", "port": "", "folder": "/srv/orders/"}
    prepared = prepare(given, {"password": Secret("a password")})
    assert {name: prepared.values[name] for name in ("host", "port", "folder")} == {
        "host": "sftp.test", "port": "22", "folder": "/srv/orders"
    }  # fmt: skip
    assert prepare(prepared.values, prepared.secrets).values == prepared.values
