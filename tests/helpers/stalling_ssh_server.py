"""An SSH server that lets everybody sign in with a password and says nothing more from some point on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import paramiko

from agent.connectors.files.sftp_keys import fingerprint
from agent.domain.secret import Secret

Point = Literal["channel", "subsystem", "version"]
SECRETS = {"password": Secret("a password")}


@dataclass(frozen=True, slots=True)
class StallingServer:
    """A running server. `reached` is set once it falls silent."""

    port: int
    key: paramiko.PKey
    reached: threading.Event

    def values(self) -> dict[str, str]:
        """Prepared values of an App Configuration."""
        return {
            "place": "SFTP server", "host": "127.0.0.1", "port": str(self.port), "user": "op",
            "host_key": fingerprint(self.key), "folder": "/srv",
        }  # fmt: skip


class _Stalling(paramiko.ServerInterface):
    def __init__(self, point: Point, reached: threading.Event, end: threading.Event) -> None:
        self._point, self._reached, self._end = point, reached, end

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        self._perhaps_stall("channel")
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        self._perhaps_stall("subsystem")
        if self._point == "version":
            self._reached.set()  # nobody answers in the channel
        return True

    def _perhaps_stall(self, point: Point) -> None:
        if self._point == point:
            self._reached.set()
            self._end.wait()


@contextmanager
def stalling_ssh_server(point: Point) -> Iterator[StallingServer]:
    """A server for one connection, which it does not answer from that point on."""
    listening = socket.create_server(("127.0.0.1", 0))
    key, reached, end = paramiko.ECDSAKey.generate(), threading.Event(), threading.Event()
    transports: list[paramiko.Transport] = []

    def serve() -> None:
        wire, _ = listening.accept()
        transport = paramiko.Transport(wire)
        transports.append(transport)
        transport.add_server_key(key)
        transport.start_server(event=threading.Event(), server=_Stalling(point, reached, end))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield StallingServer(listening.getsockname()[1], key, reached)
    finally:
        end.set()
        thread.join()
        for transport in transports:
            transport.close()
            transport.join()
        listening.close()
