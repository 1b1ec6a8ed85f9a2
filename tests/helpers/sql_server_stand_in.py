"""Something on loopback that speaks SQL Server's protocol (MS-TDS 7.4) and answers as a test tells it to.

It is no database: it knows no SQL. It shows that the driver and what is built on it get through: encryption, logins,
parameters, rows, errors in all places, and that nothing is broken off. What is sent can be looked at.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

PRELOGIN, LOGIN, BATCH, RPC, ATTENTION = 0x12, 0x10, 0x01, 0x03, 0x06
ENCRYPTED, NOT_SUPPORTED, REQUIRED = 1, 2, 3
_PACKET = 4096 - 8
_NONE = 0xFFFFFFFFFFFFFFFF
_MORE, _ERROR, _COUNT, _ATTENTION = 0x1, 0x2, 0x10, 0x20


@dataclass(frozen=True, slots=True)
class Fails:
    """An error: number, text and severity; more than one may come together."""

    number: int
    text: str = ""
    severity: int = 16


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement and its parameters as they arrived."""

    statement: str
    given: tuple[Any, ...] = ()


Answer = Sequence[Sequence[Any]] | Sequence[Fails]
"""Rows, or errors; no rows where there is nothing to say."""


@dataclass(slots=True)
class StandIn:
    """The server. `answer` is asked about each statement; `said` is what arrived."""

    answer: Callable[[Sent], Answer] = lambda _: ()
    encryption: int = ENCRYPTED
    certificate: tuple[Path, Path] | None = None
    login: Sequence[Fails] = ()
    said: list[Sent] = field(default_factory=list)
    attentions: int = 0
    port: int = 0

    def statements(self) -> list[str]:
        """The statements that arrived, without settings of the session."""
        return [one.statement for one in self.said if not one.statement.startswith("SET NOCOUNT")]


@contextmanager
def running(server: StandIn) -> Iterator[StandIn]:
    """Listen on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    lines: list[socket.socket] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = listener.accept()
                lines.append(line)
                threading.Thread(target=_serve, args=(server, line), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        for one in (listener, *lines):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def _serve(server: StandIn, line: socket.socket) -> None:
    with contextlib.suppress(OSError, EOFError), line:
        _Conversation(server, line).run()


class _Conversation:
    def __init__(self, server: StandIn, line: socket.socket) -> None:
        self._server, self._line = server, line
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    def run(self) -> None:
        """Talk until the other side hangs up."""
        while True:
            kind, body = self._message()
            if kind == PRELOGIN:
                self._say(_prelogin(self._server.encryption))
                if body[_offset(body, 1)] == ENCRYPTED and self._server.encryption == ENCRYPTED:
                    self._encrypt()
            elif kind == LOGIN:
                self._say(_logged_in(self._server.login))
                if self._server.login:
                    return
            elif kind == BATCH:
                self._answer(Sent(body[struct.unpack_from("<I", body)[0] :].decode("utf-16-le")), rpc=False)
            elif kind == RPC:
                self._answer(_called(body), rpc=True)
            elif kind == ATTENTION:
                self._server.attentions += 1
                self._say(_done(0xFD, _ATTENTION))

    def _answer(self, sent: Sent, *, rpc: bool) -> None:
        self._server.said.append(sent)
        answer = self._server.answer(sent)
        body, status = b"", 0
        if answer and isinstance(answer[0], Fails):
            body = b"".join(_error(one) for one in answer if isinstance(one, Fails))
            status = _ERROR
        elif answer or sent.statement.lstrip().startswith("SELECT"):
            rows: Any = answer
            body, status = _rows(rows), _COUNT
        if rpc:
            body += _done(0xFF, status | _MORE) + b"\x79" + struct.pack("<i", 0) + _done(0xFE, 0)
        else:
            body += _done(0xFD, status)
        self._say(body)

    # Packets

    def _message(self) -> tuple[int, bytes]:
        body, last, kind = b"", False, 0
        while not last:
            kind, status, length = struct.unpack(">BBH", self._read(8)[:4])
            body += self._read(length - 8)
            last = bool(status & 1)
        return kind, body

    def _say(self, body: bytes, kind: int = 0x04) -> None:
        # As servers do: all but the last one are full.
        for start in range(0, max(1, len(body)), _PACKET):
            part = body[start : start + _PACKET]
            last = start + _PACKET >= len(body)
            self._write(struct.pack(">BBHHBB", kind, int(last), len(part) + 8, 0, 1, 0) + part)

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            if self._tls is None:
                part = self._line.recv(size - len(found))
                if not part:
                    raise EOFError
                found += part
                continue
            try:
                found += self._tls.read(size - len(found))
            except ssl.SSLWantReadError:
                part = self._line.recv(65_536)
                if not part:
                    raise EOFError from None
                self._incoming.write(part)
        return found

    def _write(self, data: bytes) -> None:
        if self._tls is None:
            self._line.sendall(data)
            return
        self._tls.write(data)
        self._line.sendall(self._outgoing.read())

    def _encrypt(self) -> None:
        assert self._server.certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._server.certificate)
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                if said := self._outgoing.read():
                    self._say(said, PRELOGIN)
                _, body = self._message()
                self._incoming.write(body)
            except ssl.SSLError:
                raise EOFError from None
            else:
                self._say(self._outgoing.read(), PRELOGIN)
                self._tls = tls
                return


def _offset(body: bytes, token: int) -> int:
    at = 0
    while body[at] != token:
        at += 5
    return int(struct.unpack_from(">H", body, at + 1)[0])


def _prelogin(encryption: int) -> bytes:
    options = [(0, b"\x10\x00\x07\xd0\x00\x00"), (1, bytes([encryption]))]
    at, head, tail = 5 * len(options) + 1, b"", b""
    for token, value in options:
        head += struct.pack(">BHH", token, at + len(tail), len(value))
        tail += value
    return head + b"\xff" + tail


def _logged_in(errors: Sequence[Fails]) -> bytes:
    if errors:
        return b"".join(map(_error, errors)) + _done(0xFD, _ERROR)
    changed = b"\x01" + _short("shop") + _short("master")
    name = "Microsoft SQL Server"
    acknowledged = b"\x01" + struct.pack(">I", 0x74000004) + _short(name) + b"\x10\x00\x07\xd0"
    return (
        b"\xe3" + struct.pack("<H", len(changed)) + changed
        + b"\xad" + struct.pack("<H", len(acknowledged)) + acknowledged + _done(0xFD, 0)
    )  # fmt: skip


def _done(token: int, status: int) -> bytes:
    return struct.pack("<BHHQ", token, status, 0, 0)


def _short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("utf-16-le")


def _error(one: Fails) -> bytes:
    said = struct.pack("<H", len(one.text)) + one.text.encode("utf-16-le")
    body = struct.pack("<iBB", one.number, 1, one.severity) + said + _short("stand-in") + _short("") + b"\1\0\0\0"
    return b"\xaa" + struct.pack("<H", len(body)) + body


# Rows


def _rows(rows: Sequence[Sequence[Any]]) -> bytes:
    kinds = [
        next((type(value) for value in column if value is not None), str) for column in zip(*rows, strict=True)
    ] or [str]
    head = b"\x81" + struct.pack("<H", len(kinds))
    for number, kind in enumerate(kinds):
        head += struct.pack("<IH", 0, 1) + _TYPES[kind] + _short(f"c{number}")
    return head + b"".join(
        b"\xd1" + b"".join(_cell(kind, value) for kind, value in zip(kinds, row, strict=True)) for row in rows
    )


_COLLATION = b"\x09\x04\xd0\x00\x34"
_TYPES: dict[type, bytes] = {
    int: b"\x26\x08",
    bool: b"\x68\x01",
    float: b"\x6d\x08",
    Decimal: b"\x6c\x11\x26\x04",
    str: b"\xe7\xff\xff" + _COLLATION,
    bytes: b"\xa5\xff\xff",
}


def _cell(kind: type, value: Any) -> bytes:
    if kind in (str, bytes):
        if value is None:
            return struct.pack("<Q", _NONE)
        data = value.encode("utf-16-le") if kind is str else value
        chunk = struct.pack("<I", len(data)) + data if data else b""
        return struct.pack("<Q", len(data)) + chunk + struct.pack("<I", 0)
    if value is None:
        return b"\x00"
    if kind is bool:
        return bytes([1, int(value)])
    if kind is Decimal:
        scaled = int(value.scaleb(4))
        return bytes([17, int(scaled >= 0)]) + abs(scaled).to_bytes(16, "little")
    return b"\x08" + struct.pack("<d" if kind is float else "<q", value)


# Parameters


def _called(body: bytes) -> Sent:
    """A call of sp_executesql: the statement, what its parameters are, and they."""
    reader = _Reader(body, struct.unpack_from("<I", body)[0])
    assert reader.unpack("<HH") == (0xFFFF, 10), "only sp_executesql is known"
    reader.unpack("<H")
    given = []
    while reader.at < len(body):
        given.append(reader.parameter())
    return Sent(given[0], tuple(given[2:]))


@dataclass(slots=True)
class _Reader:
    body: bytes
    at: int

    def unpack(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(form, self.body, self.at)
        self.at += struct.calcsize(form)
        return found

    def take(self, size: int) -> bytes:
        self.at += size
        return self.body[self.at - size : self.at]

    def parameter(self) -> Any:
        (name,) = self.unpack("<B")
        self.take(2 * name)
        _, kind = self.unpack("<BB")
        if kind in (0xE7, 0xA5):
            (most,) = self.unpack("<H")
            self.take(5 if kind == 0xE7 else 0)
            data = self._chunks() if most == 0xFFFF else self._counted()
            return data if data is None or kind == 0xA5 else data.decode("utf-16-le")
        if kind in (0x6A, 0x6C):
            _, _, scale = self.unpack("<BBB")
            (size,) = self.unpack("<B")
            sign, *digits = self.take(size)
            number = int.from_bytes(bytes(digits), "little")
            return Decimal(number if sign else -number).scaleb(-scale)
        assert kind in (0x26, 0x68), hex(kind)
        self.take(1)
        (size,) = self.unpack("<B")
        number = int.from_bytes(self.take(size), "little", signed=kind == 0x26)
        return bool(number) if kind == 0x68 else number

    def _counted(self) -> bytes | None:
        (size,) = self.unpack("<H")
        return None if size == 0xFFFF else self.take(size)

    def _chunks(self) -> bytes | None:
        (total,) = self.unpack("<Q")
        if total == _NONE:
            return None
        found = b""
        while size := self.unpack("<I")[0]:
            found += self.take(size)
        return found
