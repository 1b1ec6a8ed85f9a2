"""What a file system or a file complains of, as our errors: one table, whatever was being done."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from agent.connectors.files.credentials import FOLDER
from agent.connectors.files.places import Place
from agent.domain.errors import AgentError, ConfigurationError, TransientError

_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


@contextmanager
def told(what: str, place: Place) -> Iterator[None]:
    """Turn what the system raises while `what` is done ("read orders.csv") into an error of ours.

    Raises:
        ConfigurationError: the folder is not there, or the service has no access.
        TransientError: the share is gone, the disk is full, or whatever else may pass.
    """
    try:
        yield
    except AgentError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        if _is_there(place):
            raise TransientError(
                f"The agent could not {what}: the file has gone meanwhile.",
                code="file-gone",
                remedy="Execute the processflow again. If it goes on, see who else takes files out of the folder.",
                detail=str(error),
            ) from error
        raise missing(place) from error
    except PermissionError as error:
        raise ConfigurationError(
            f"The agent may not {what}.",
            code="file-access",
            remedy="Give the account that the agent's service runs under, or the user or key that signs in at the "
            "server, access to the folder and its files. On Windows, another program may have the file open.",
            detail=str(error),
            field=FOLDER,
        ) from error
    except (EOFError, TimeoutError) as error:
        raise TransientError(
            f"The agent could not {what}: the connection was lost.",
            code="connection-lost",
            remedy="Nothing has to be done if it passes; the agent tries again.",
            detail=str(error) or type(error).__name__,
        ) from error
    except OSError as error:
        full = error.errno in _FULL
        raise TransientError(
            f"The agent could not {what}: {'the disk is full' if full else error.strerror or 'the system refused it'}.",
            code="disk-full" if full else "file-system",
            remedy="Make room on the disk that the folder is on."
            if full
            else "See whether the disk or the network share is there. The agent tries again by itself.",
            detail=str(error),
        ) from error


def _is_there(place: Place) -> bool:
    try:
        return place.is_there()
    except OSError:
        return False


def missing(folder: Place) -> ConfigurationError:
    """The folder is not there."""
    return ConfigurationError(
        f"The folder {folder} is not there.",
        code="folder-missing",
        remedy="Make the folder, or correct it in the App Configuration. A network share has to be connected for the "
        "account that the agent's service runs under.",
        field=FOLDER,
    )


def malformed(name: str, line: int, what: str, remedy: str = "") -> ConfigurationError:
    """A file that cannot be read on. Nothing after the place is read, and the file stays where it is."""
    return ConfigurationError(
        f"{name}, {'line' if line else 'at the beginning'}{f' {line}' if line else ''}: {what}.",
        code="file-malformed",
        remedy=remedy or "Correct the file, or take it out of the folder, and execute the processflow again.",
        detail=f"{name}:{line}",
    )
