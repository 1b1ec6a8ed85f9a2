"""Where a running service listens: a small file beside its token, both readable by their owner alone.

The service writes the file when it is ready to answer and removes it when it ends; a file left behind by a crash is
recognised by a connection that is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from agent.domain.errors import ConfigurationError, TransientError
from agent.domain.secret import Secret

ENDPOINT_FILE = "endpoint.json"
TOKEN_FILE = "token"  # noqa: S105 - the name of a file
START_FAILURE_FILE = "start-failure.json"
HOST = "127.0.0.1"


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


def read_endpoint(state_folder: Path) -> Endpoint:
    """The end point of the service of this data folder.

    Raises:
        TransientError: code `service-not-running`: no service has announced itself.
        ConfigurationError: code `endpoint-unreadable`: the files are there but cannot be read by this user.
    """
    try:
        announced = json.loads((state_folder / ENDPOINT_FILE).read_text("utf-8"))
        token = (state_folder / TOKEN_FILE).read_text("utf-8").strip()
        return Endpoint(port=int(announced["port"]), pid=int(announced["pid"]), token=Secret(token))
    except FileNotFoundError:
        raise TransientError(
            "The agent's service is not running.",
            code="service-not-running",
            remedy="Start it with “opagent service start”, or open the window.",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            "The service's end point cannot be read.",
            code="endpoint-unreadable",
            remedy="Use the account that runs the service, or restart the service.",
            detail=f"{state_folder}: {type(error).__name__}",
        ) from error
