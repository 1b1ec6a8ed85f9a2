"""A line between a client and a server on loopback, which a test can hold and cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_BLOCK = 1 << 16


class Line:
    """A line to that port. Connect to `port`; `heard` is set once the client says something on a line that is held.

    `pieces` counts what the client has sent: where it waits for each answer, how often it has asked.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.heard, self._flows, self.pieces = threading.Event(), threading.Event(), 0
        self._flows.set()
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def hold(self) -> None:
        """Let nothing through from now on."""
        self._flows.clear()

    def cut(self) -> None:
        """Break off what is connected; a new connection goes through."""
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._flows.set()

    def close(self) -> None:
        """Break off everything."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._threads[0].join()
        self.cut()
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._ends += [client, server]
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for ends in ((client, server), (server, client)):
                self._threads.append(threading.Thread(target=self._carry, args=(*ends, ends[0] is client)))
                self._threads[-1].start()

    def _carry(self, here: socket.socket, there: socket.socket, asks: bool) -> None:
        with suppress(OSError):
            while piece := here.recv(_BLOCK):
                self.pieces += asks
                if asks and not self._flows.is_set():
                    self.heard.set()
                self._flows.wait()
                there.sendall(piece)
        with suppress(OSError):
            there.shutdown(socket.SHUT_RDWR)
        here.close()


@contextmanager
def line_to(port: int) -> Iterator[Line]:
    """A line, cut in the end."""
    line = Line(port)
    try:
        yield line
    finally:
        line.close()
