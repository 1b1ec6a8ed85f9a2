"""Connections to SFTP servers that fall silent or break off: no run hangs, and each loss is told as one that passes."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from agent.connectors.contract import ReadRequest
from agent.connectors.files.connector import FilesConnector
from agent.connectors.files.credentials import prepare
from agent.connectors.files.failures import told
from agent.connectors.files.sftp import SftpPlace
from agent.connectors.files.sftp_connection import ImpatientSocket
from agent.connectors.files.writing import Writer
from agent.domain.errors import AmbiguousWriteError, ConfigurationError, TransientError
from agent.domain.packet import Batch, Packet, Position
from agent.domain.secret import Secret
from tests.connectors.files.exchange import ORDER, Exchange, ids, target
from tests.helpers.cut_line import Line, line_to
from tests.helpers.ssh_server import PASSPHRASE, SshServer
from tests.helpers.stalling_ssh_server import SECRETS, Point, stalling_ssh_server

_ENDLESS = 3_600.0
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def line(ssh_server: SshServer) -> Iterator[Line]:
    with line_to(ssh_server.port) as made:
        yield made


def through(line: Line, server: SshServer, exchange: Exchange, *, answer_seconds: float = 60.0) -> SftpPlace:
    prepared = prepare({**server.values(exchange.path), "port": str(line.port)}, {"passphrase": Secret(PASSPHRASE)})
    return SftpPlace(prepared.values, prepared.secrets, answer_seconds=answer_seconds)


@contextmanager
def cut_while_waiting(line: Line) -> Iterator[None]:
    """Cut the line once the server is asked something on it while it is held."""

    def cut() -> None:
        line.heard.wait(20)
        line.cut()

    cutting = threading.Thread(target=cut)
    cutting.start()
    try:
        yield
    finally:
        cutting.join()


@pytest.mark.parametrize("point", ["channel", "subsystem", "version"])
def test_a_server_that_falls_silent_after_signing_in_ends_the_run(point: Point) -> None:
    with stalling_ssh_server(point) as server:
        place = SftpPlace(server.values(), SECRETS, answer_seconds=0.8)
        with pytest.raises(TransientError) as raised:
            place.is_there()
        assert raised.value.code == "connection-lost"
        place.close()


@pytest.mark.parametrize("point", ["channel", "subsystem", "version"])
async def test_a_run_that_waits_for_a_silent_server_can_be_cancelled(point: Point) -> None:
    ended = threading.Event()

    class Place(SftpPlace):
        def is_there(self) -> bool:
            try:
                return super().is_there()
            finally:
                ended.set()

    def place(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> SftpPlace:
        return Place(values, secrets, answer_seconds=_ENDLESS)

    async def read() -> None:
        async with FilesConnector(place_of=place).open(server.values(), SECRETS) as connection:
            async for _ in connection.read(ReadRequest("*.csv", "GET", (), {}, None, None, 100)):
                pass

    with stalling_ssh_server(point) as server:
        reading = asyncio.create_task(read())
        assert await asyncio.to_thread(server.reached.wait, 20)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(reading, 20)
        assert await asyncio.to_thread(ended.wait, 20)


async def test_a_connection_that_is_lost_during_a_read_passes_and_the_next_one_goes_on(
    ssh_server: SshServer, line: Line, exchange: Exchange
) -> None:
    exchange.put("orders.csv", "id\n" + "".join(f"{number:0>4000}\n" for number in range(1, 601)))
    connector = FilesConnector(place_of=lambda _values, _secrets: through(line, ssh_server, exchange))
    got: list[Packet] = []

    async def read(position: Position | None, *, cut: bool = False) -> None:
        request = ReadRequest("*.csv", "GET", (), {"id": "id"}, None, position, 100)
        async with connector.open({}, {}) as connection:
            async for packet in connection.read(request):
                got.append(packet)
                if cut:
                    line.cut()

    with pytest.raises(TransientError) as raised:
        await read(None, cut=True)
    assert raised.value.code == "connection-lost"
    await read(got[-1].position)
    assert ids(got) == [f"{number:0>4000}" for number in range(1, 601)]


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda place: place.status("orders.csv"), id="status"),
        pytest.param(lambda place: place.write("orders.tmp", b"x" * 10), id="write"),
        pytest.param(lambda place: place.read("orders.csv"), id="read"),
    ],
)
def test_a_connection_that_is_lost_while_an_answer_is_awaited_passes(
    ssh_server: SshServer, line: Line, exchange: Exchange, ask: Callable[[SftpPlace], object]
) -> None:
    exchange.put("orders.csv", "id\n1\n")
    place = through(line, ssh_server, exchange)
    assert place.is_there()
    line.hold()
    with cut_while_waiting(line), pytest.raises(TransientError) as raised, told("look into it", place):
        ask(place)
    assert raised.value.code == "connection-lost"
    assert place.read("orders.csv") == b"id\n1\n"
    place.close()


def test_an_answer_that_does_not_come_passes_and_the_connection_is_made_anew(
    ssh_server: SshServer, line: Line, exchange: Exchange
) -> None:
    exchange.put("orders.csv", "id\n1\n")
    place = through(line, ssh_server, exchange, answer_seconds=2.0)
    assert place.is_there()
    line.hold()
    with pytest.raises(TransientError) as raised, told("write", place):
        place.write("orders.tmp", b"x" * 10)
    assert raised.value.code == "connection-lost"
    line.cut()
    assert place.read("orders.csv") == b"id\n1\n"
    place.close()


def test_a_server_that_takes_nothing_more_counts_as_lost_and_a_slow_one_does_not() -> None:
    ours, theirs = socket.socketpair()
    wire = ImpatientSocket(ours, 0.3)
    wire.settimeout(0.02)

    def send(pieces: int) -> None:
        for _ in range(pieces):
            with suppress(TimeoutError):
                wire.send(b"x" * 65_536)

    with wire, theirs:
        for _ in range(20):  # in all longer than the other side may take
            send(5)
            theirs.recv(1 << 22)
        with pytest.raises(ConnectionAbortedError):
            send(1_000)


def test_a_connection_that_is_lost_while_a_packet_is_committed_leaves_it_in_doubt(
    ssh_server: SshServer, line: Line, exchange: Exchange
) -> None:
    place = through(line, ssh_server, exchange)
    batch = Batch(ORDER, ["1"], [(1, "Ada", "1.00")])

    def hold(step: str) -> None:
        if step == "prepared" and not line.heard.is_set():
            line.hold()

    writer = Writer(place, lambda: NOON, threading.Lock(), hold)
    with cut_while_waiting(line), pytest.raises(AmbiguousWriteError) as raised:
        writer.write(target("orders"), batch, lambda _: b"one")
    assert raised.value.code == "connection-lost"
    if writer.receipt(target("orders")) is None:
        writer.write(target("orders"), batch, lambda _: b"one")
    assert writer.receipt(target("orders")) == b"one"
    place.close()
    assert [text.count("Ada") for text in exchange.texts().values()] == [1]


def test_a_host_that_cannot_be_looked_up_is_told_at_its_field() -> None:
    values = {"place": "SFTP server", "host": "sftp..test", "port": "22", "user": "op", "folder": "/srv"}
    place = SftpPlace(values, {"password": Secret("a password")})
    with pytest.raises(ConfigurationError) as raised:
        place.is_there()
    assert raised.value.field == "host"


def test_a_whole_file_is_fetched_in_large_pieces(ssh_server: SshServer, line: Line, exchange: Exchange) -> None:
    exchange.put("orders.csv", "x" * 1_000_000)
    place = through(line, ssh_server, exchange)
    assert place.is_there()
    before = line.pieces
    assert place.read("orders.csv") == b"x" * 1_000_000
    assert line.pieces - before < 60
    place.close()


def test_a_place_that_was_closed_does_not_connect_again(ssh_server: SshServer, line: Line, exchange: Exchange) -> None:
    place = through(line, ssh_server, exchange)
    assert place.is_there()
    place.close()
    before = line.pieces
    with pytest.raises(TransientError) as raised:
        place.write("orders.csv", b"id\n")
    assert raised.value.code == "connection-lost"
    assert (line.pieces, exchange.texts()) == (before, {})
