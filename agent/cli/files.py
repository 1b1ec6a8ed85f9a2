"""Files that commands are given: read with a bound, and what is wrong with one said as it is."""

from __future__ import annotations

from pathlib import Path

from agent.domain.errors import ConfigurationError


def read_file(path: Path, *, most_bytes: int, too_large: str) -> bytes:
    """What is in a file.

    Args:
        path: The file.
        most_bytes: How large it may be.
        too_large: What to do where it is larger.

    Raises:
        ConfigurationError: code `file-missing`, `file-unreadable` or `file-too-large`.
    """
    try:
        if path.is_dir():
            raise _unreadable(f"{path} is a folder, not a file.", "Give the file itself.")
        if path.stat().st_size > most_bytes:
            raise ConfigurationError(
                f"{path} is larger than {most_bytes:,} bytes.", code="file-too-large", remedy=too_large
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"There is no file {path}.", code="file-missing",
            remedy=f"Check its name, and the folder that it is looked for in: {path.absolute().parent}.",
        ) from error  # fmt: skip
    except PermissionError as error:
        raise _unreadable(f"{path} may not be read by you.", "Give yourself the right to read it.") from error
    except OSError as error:
        raise _unreadable(f"{path} cannot be read: {error.strerror or type(error).__name__}.", "Check it.") from error


def read_text(path: Path, *, most_bytes: int, too_large: str) -> str:
    """What is in a text file, without a byte order mark.

    Raises:
        ConfigurationError: as `read_file`; code `file-encoding`.
    """
    content = read_file(path, most_bytes=most_bytes, too_large=too_large)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not UTF-8 text.", code="file-encoding",
            remedy="Save it as UTF-8 in the editor that it was written with.", detail=f"byte {error.start}",
        ) from error  # fmt: skip


def _unreadable(message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, code="file-unreadable", remedy=remedy)
