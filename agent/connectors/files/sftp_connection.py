"""The connection to an SFTP server: made when it is needed first, made anew after it was lost, given up where the
server falls silent.

Nothing is told to a server whose key is another one than the operator has confirmed. Whatever paramiko raises for a
connection that is gone is an EOFError here.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import paramiko
from paramiko.sftp import SFTPError
from paramiko.ssh_exception import AuthenticationException, SSHException

from agent.connectors.files.credentials import HOST, HOST_KEY, KEY_FILE, PASSPHRASE, PASSWORD, PORT, USER
from agent.connectors.files.sftp_keys import fingerprint, private_key
from agent.domain.errors import ConfigurationError, CredentialsError, TransientError
from agent.domain.secret import Secret

_CONNECT_SECONDS = 15.0
logging.getLogger("paramiko").setLevel(logging.ERROR)  # it tells of each connection


class SftpConnection:
    """A connection to one server.

    Args:
        values: Prepared values of an App Configuration.
        secrets: Its secrets.
        answer_seconds: How long the server may take for one answer.
    """

    def __init__(self, values: Mapping[str, str], secrets: Mapping[str, Secret], answer_seconds: float) -> None:
        self._values, self._secrets, self._answer_seconds = values, secrets, answer_seconds
        self._opening = threading.Lock()
        self._closed = False
        self._transport: paramiko.Transport | None = None
        self._client: paramiko.SFTPClient | None = None

    def close(self) -> None:
        """Hang up for good. It waits for nobody: who waits for an answer finds that the connection is lost."""
        self._closed = True
        self._hang_up()

    @contextmanager
    def session(self) -> Iterator[paramiko.SFTPClient]:
        """What to ask the server with.

        Raises:
            ConfigurationError, CredentialsError: a person has to act.
            TransientError: the server cannot be reached, or `close` was called before.
            EOFError: the connection was lost, or the server did not answer in time.
        """
        client = self._opened()
        with self.asking(client):
            yield client

    @contextmanager
    def asking(self, client: paramiko.SFTPClient) -> Iterator[None]:
        """For what was opened in an earlier session; it raises as `session` does."""
        try:
            yield
        except (SSHException, SFTPError, EOFError, ConnectionError, TimeoutError) as error:
            self._lose(client)
            raise EOFError(type(error).__name__) from error
        except OSError as error:
            if error.errno is not None or _is_alive(client):
                raise  # the server's answer
            self._lose(client)
            raise EOFError(type(error).__name__) from error

    def _opened(self) -> paramiko.SFTPClient:
        with self._opening:
            if self._client is None or not _is_alive(self._client):
                self._hang_up()
                try:
                    self._client = self._connected()
                except BaseException:
                    self._hang_up()
                    raise
            return self._client

    def _lose(self, client: paramiko.SFTPClient) -> None:
        """Give up a connection: an answer that comes too late would be taken for that to another question."""
        if self._client is client:
            self._hang_up()

    def _hang_up(self) -> None:
        transport, self._transport, self._client = self._transport, None, None
        if transport is not None:
            transport.close()
            transport.sock.close()  # paramiko leaves it open where nothing was said yet

    def _connected(self) -> paramiko.SFTPClient:
        host = self._values[HOST]
        try:
            transport = self._dialled()
            transport.banner_timeout = transport.auth_timeout = self._answer_seconds
            transport.start_client(timeout=self._answer_seconds)
            self._confirm(transport.get_remote_server_key())
            self._sign_in(transport)
            channel = transport.open_session(timeout=self._answer_seconds)
            channel.settimeout(self._answer_seconds)
            with _otherwise(transport.close, self._answer_seconds):
                channel.invoke_subsystem("sftp")
            return paramiko.SFTPClient(channel)
        except (SSHException, SFTPError, EOFError, OSError) as error:
            raise TransientError(
                f"{host} broke the connection off, or does not speak SFTP.", code="connection-lost",
                remedy="Check server and port. If they are right, nothing has to be done if it passes.",
                detail=f"{host}: {type(error).__name__}", field=HOST,
            ) from None  # fmt: skip

    def _dialled(self) -> paramiko.Transport:
        host, port = self._values[HOST], int(self._values[PORT])
        if self._closed:
            raise EOFError
        try:
            wire = socket.create_connection((host, port), _CONNECT_SECONDS)
        except UnicodeError:
            raise ConfigurationError(
                "This is no name or address of a server.", code="field-format",
                remedy="Write it like sftp.example.com.", field=HOST,
            ) from None  # fmt: skip
        except OSError as error:
            raise TransientError(
                f"No connection to {host}, port {port}.", code="unreachable",
                remedy="Check server and port, the network, and that the firewall allows outgoing connections.",
                detail=type(error).__name__, field=HOST,
            ) from error  # fmt: skip
        self._transport = transport = paramiko.Transport(ImpatientSocket(wire, self._answer_seconds))
        if self._closed:  # while nobody could see the connection
            raise EOFError
        return transport

    def _confirm(self, key: paramiko.PKey) -> None:
        """Nobody signs in at a server that is another one than was confirmed."""
        found = fingerprint(key)
        wanted = self._values.get(HOST_KEY, "")
        if not wanted:
            raise ConfigurationError(
                f"The key of {self._values[HOST]} is not confirmed yet. Its fingerprint is {found} ({key.get_name()}).",
                code="host-key-unknown",
                remedy="Compare it with what the server's operator says. If it is the same, enter it as the "
                "fingerprint of the server's key, and validate again.",
                field=HOST_KEY,
            )
        if found != wanted:
            raise ConfigurationError(
                f"{self._values[HOST]} has another key than was confirmed: {found}. Nobody has signed in.",
                code="host-key-changed",
                remedy="Somebody may be pretending to be the server. Ask its operator whether the key was replaced, "
                "and enter the new fingerprint only then.",
                field=HOST_KEY,
            )

    def _sign_in(self, transport: paramiko.Transport) -> None:
        user, key_file = self._values[USER], self._values.get(KEY_FILE, "")
        password = self._secrets.get(PASSWORD)
        try:
            if key_file:
                transport.auth_publickey(user, private_key(key_file, self._secrets.get(PASSPHRASE)))
                return
            assert password is not None, "prepared values have a key or a password"
            transport.auth_password(user, password.reveal())
        except AuthenticationException:
            raise CredentialsError(
                f"{self._values[HOST]} refuses to let {user} sign in.", code="credentials-rejected",
                remedy="Enter user name and password again, or ask the server's operator to allow the key.",
                detail=self._values[HOST], field=KEY_FILE if key_file else PASSWORD,
            ) from None  # fmt: skip


class ImpatientSocket(socket.socket):
    """A connection that is lost once the other side has taken nothing for so many seconds.

    Paramiko tries to send without end, in pieces of a tenth of a second.
    """

    def __init__(self, wire: socket.socket, seconds: float) -> None:
        super().__init__(fileno=wire.detach())
        self._seconds = seconds
        self._stuck_since: float | None = None

    def send(self, data: bytes, flags: int = 0, /) -> int:  # type: ignore[override]  # paramiko has bytes
        try:
            sent = super().send(data, flags)
        except TimeoutError:
            now = time.monotonic()
            if self._stuck_since is None:
                self._stuck_since = now
            elif now - self._stuck_since > self._seconds:
                raise ConnectionAbortedError("the other side takes nothing any more") from None
            raise
        self._stuck_since = None
        return sent


def _is_alive(client: paramiko.SFTPClient) -> bool:
    channel = client.get_channel()
    if channel is None or channel.closed or channel.eof_received:
        return False
    return channel.get_transport().is_active()


@contextmanager
def _otherwise(give_up: Callable[[], None], seconds: float) -> Iterator[None]:
    """Call `give_up` where this takes longer."""
    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
