"""Keys of SSH: how a server's key is shown to people, and the private key that signs in, read from its file."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import PasswordRequiredException, SSHException

from agent.connectors.files.credentials import KEY_FILE, PASSPHRASE
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret


def fingerprint(key: paramiko.PKey) -> str:
    """A key's fingerprint as OpenSSH shows it."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def private_key(path: str, passphrase: Secret | None) -> paramiko.PKey:
    """The key in a file.

    Raises:
        ConfigurationError: the file is not there or cannot be read, or the passphrase does not open it.
    """
    try:
        try:
            return _loaded(path, passphrase)
        except TypeError:  # a passphrase is given and not needed, or the other way round
            if passphrase is None:
                raise _no_key("needs a passphrase", "Enter the passphrase of the key.", PASSPHRASE) from None
            return _loaded(path, None)
    except PasswordRequiredException:
        raise _no_key("needs a passphrase", "Enter the passphrase of the key.", PASSPHRASE) from None
    except FileNotFoundError:
        raise _no_key("is not there", "Correct the path of the private key file.", KEY_FILE) from None
    except (ValueError, TypeError, OSError, SSHException, UnsupportedAlgorithm, UnknownKeyType) as error:
        remedy = "Choose a private key in the form of OpenSSH or PEM, and enter its passphrase if it has one."
        raise _no_key(f"cannot be read ({type(error).__name__})", remedy, KEY_FILE) from None


def _no_key(why: str, remedy: str, field: str) -> ConfigurationError:
    return ConfigurationError(f"The private key file {why}.", code="private-key", remedy=remedy, field=field)


def _loaded(path: str, passphrase: Secret | None) -> paramiko.PKey:
    words = passphrase.reveal().encode() if passphrase else None
    return paramiko.PKey.from_path(Path(path), words)  # type: ignore[arg-type]  # bytes, whatever its types say
