"""Where a running service listens: a small file beside its token, both readable by their owner alone.

The service writes the file when it is ready to answer and removes it when it ends. A file left behind by a crash names
a port that may belong to anybody by now: with `proof` the other side shows that it knows the token, before it is told.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
from dataclasses import dataclass
from pathlib import Path

from agent.domain.errors import ConfigurationError, TransientError
from agent.domain.secret import Secret

ENDPOINT_FILE = "endpoint.json"
TOKEN_FILE = "token"  # noqa: S105 - the name of a file
START_FAILURE_FILE = "start-failure.json"
HOST = "127.0.0.1"
# For httpx, as nothing on loopback speaks TLS. This one trusts nobody; httpx's own loads every authority that it knows,
# for each client anew, and each command would wait for that.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service's address and the token that it wants."""

    port: int
    pid: int
    token: Secret

    @property
    def url(self) -> str:
        """The base URL of the contract."""
        return f"http://{HOST}:{self.port}"


def proof(token: Secret, challenge: str) -> str:
    """What only somebody who knows the token can answer to a challenge, in hexadecimal digits."""
    return hmac.new(token.reveal().encode(), b"op-agent health " + challenge.encode(), hashlib.sha256).hexdigest()


def read_endpoint(state_folder: Path) -> Endpoint:
    """The end point of the service of this data folder.

    Raises:
        TransientError: code `service-not-running`: no service has announced itself, or not in a way that can be read.
        ConfigurationError: code `endpoint-unreadable`: the files are there but closed to this account.
    """
    try:
        announced = json.loads((state_folder / ENDPOINT_FILE).read_text("utf-8"))
        token = (state_folder / TOKEN_FILE).read_text("utf-8").strip()
        return Endpoint(port=int(announced["port"]), pid=int(announced["pid"]), token=Secret(token))
    except PermissionError as error:
        raise ConfigurationError(
            "The service belongs to another account of this machine.",
            code="endpoint-unreadable",
            remedy="Use the account that runs the service.",
            detail=f"{state_folder}: {type(error).__name__}",
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise not_running() from error


def not_running() -> TransientError:
    """No service answers."""
    return TransientError(
        "The agent's service is not running.",
        code="service-not-running",
        remedy="Start it with “opagent service start”, or open the window.",
    )
