"""How secrets get in: typed at a prompt that does not echo, from standard input, or from a file descriptor. Never as an
argument, which every user of the machine can read."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

from agent.api import app_models
from agent.cli.files import read_text
from agent.cli.questions import has_terminal, hidden, hidden_twice
from agent.domain.app import MOST_DOCUMENT_CHARACTERS, FieldKind
from agent.domain.errors import ConfigurationError

_LIMIT_BYTES = 1_000_000
# In a connection URL, or as a pair of a connection string.
_HOLDS_PASSWORD = re.compile(r"://[^/\s:@]*:[^/\s@]+@|\b(?:password|passwd|pwd)\s*=\s*\S", re.IGNORECASE)


def read_secrets(
    fields: Sequence[app_models.CredentialField], *, from_stdin: bool, descriptor: int | None, kept: Collection[str]
) -> dict[str, SecretStr]:
    """The secrets of a form.

    Args:
        fields: The form's fields; only those of kind secret are asked for.
        from_stdin: Read `field=value` lines from standard input.
        descriptor: Read such lines from this file descriptor.
        kept: The secrets that keep their stored value when they are left out.

    Raises:
        ConfigurationError: code `secret-line-invalid` for a line that names no secret field of the form,
            `secrets-unreadable`, or `no-terminal` where there is nobody to ask.
    """
    wanted = [field for field in fields if field.kind is FieldKind.SECRET]
    if descriptor is not None or from_stdin:
        return _parse(_given(descriptor), wanted)
    secrets = {}
    for field in wanted:
        if not has_terminal():
            if field.required and field.name not in kept:
                raise _no_terminal(field.label, "--secrets-stdin or --secrets-fd")
            continue
        hint = "" if field.required else " (may be empty)"
        if field.name in kept:
            hint = " (empty: keep the stored one)"
        typed = hidden(f"{field.label}{hint}")
        if typed:
            secrets[field.name] = SecretStr(typed)
    return secrets


def read_secret(label: str, *, from_stdin: bool, descriptor: int | None) -> str:
    """One secret: the first line of what is read, or typed.

    Raises:
        ConfigurationError: code `secrets-unreadable`, or `no-terminal` where there is nobody to ask.
    """
    if descriptor is not None or from_stdin:
        return _given(descriptor).split("\n", 1)[0].removesuffix("\r")
    if not has_terminal():
        raise _no_terminal(label, "--secret-stdin or --secret-fd")
    return hidden(label)


def read_passphrase(*, from_stdin: bool, descriptor: int | None, new: bool) -> SecretStr:
    """A passphrase: the first line of what is read, or typed, twice if it is a new one.

    Raises:
        ConfigurationError: code `secrets-unreadable`, or `no-terminal` where there is nobody to ask.
    """
    if descriptor is not None or from_stdin:
        return SecretStr(_given(descriptor).split("\n", 1)[0].removesuffix("\r"))
    if not has_terminal():
        raise _no_terminal("passphrase", "--passphrase-stdin or --passphrase-fd")
    return SecretStr(hidden_twice("Passphrase") if new else hidden("Passphrase"))


def read_password_change(*, from_stdin: bool, descriptor: int | None) -> tuple[str, str]:
    """The present password and the new one: two lines of what is read, or typed, the new one twice.

    Raises:
        ConfigurationError: code `secrets-unreadable`, `secret-line-invalid` where the second line is missing, or
            `no-terminal` where there is nobody to ask.
    """
    if descriptor is not None or from_stdin:
        lines = [line.removesuffix("\r") for line in _given(descriptor).split("\n")]
        if len(lines) < 2 or not lines[1]:
            raise ConfigurationError(
                "There is no second line with the new password.", code="secret-line-invalid",
                remedy="Give the present password in the first line, and the new one in the second.",
            )  # fmt: skip
        return lines[0], lines[1]
    if not has_terminal():
        raise _no_terminal("passwords", "--passwords-stdin or --passwords-fd")
    return hidden("Present password"), hidden_twice("New password")


def read_values(pairs: Sequence[str], fields: Sequence[app_models.CredentialField]) -> dict[str, str]:
    """Plain values from `field=value` arguments; `field=@FILE` takes a document from a file.

    Raises:
        ConfigurationError: code `value-invalid` for an unknown field, or for a secret given as an argument.
    """
    by_name: Mapping[str, app_models.CredentialField] = {field.name: field for field in fields}
    values = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        field = by_name.get(name)
        if not separator or field is None:
            raise ConfigurationError(
                f"“{name}” is not a field of this app.",
                code="value-invalid",
                remedy=f"Write field=value; the fields are {', '.join(by_name)}.",
                field=name,
            )
        if field.kind is FieldKind.SECRET or _HOLDS_PASSWORD.search(value):
            what = f"{field.label} is" if field.kind is FieldKind.SECRET else f"{field.label} holds"
            raise ConfigurationError(
                f"{what} a secret and must not be given as an argument: other users of this machine can read it there. "
                "Take it for known, and replace it.",
                code="value-invalid",
                remedy="Leave it out and type it when asked, or use --secrets-stdin or --secrets-fd.",
                field=name,
            )
        values[name] = _document(value) if field.kind is FieldKind.DOCUMENT else value
    return values


def _document(value: str) -> str:
    """A text, or with @ before it that of a file. Raises ConfigurationError."""
    if not value.startswith("@"):
        return value
    return read_text(
        Path(value[1:]), most_bytes=MOST_DOCUMENT_CHARACTERS * 4, too_large="Leave out what is not needed."
    )


def _given(descriptor: int | None) -> str:
    """What standard input or a file descriptor gives, as text."""
    try:
        if descriptor is None:
            content = sys.stdin.buffer.read(_LIMIT_BYTES)
        else:
            with os.fdopen(descriptor, "rb") as source:
                content = source.read(_LIMIT_BYTES)
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        place = "standard input" if descriptor is None else f"the file descriptor {descriptor}"
        raise ConfigurationError(
            f"No secrets can be read from {place}.",
            code="secrets-unreadable",
            remedy="Give them as UTF-8 text, for instance with “3<file” and the number 3.",
            detail=type(error).__name__,
        ) from None


def _parse(text: str, wanted: Sequence[app_models.CredentialField]) -> dict[str, SecretStr]:
    names = {field.name for field in wanted}
    secrets = {}
    # Not splitlines: a secret may contain what that takes for the end of a line.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        name, separator, value = line.removesuffix("\r").partition("=")
        if not separator or name.strip() not in names:
            raise ConfigurationError(
                f"Line {number} of the secrets is not of the form field=value with a secret field of this app.",
                code="secret-line-invalid",
                remedy=f"Secret fields: {', '.join(sorted(names)) or 'none'}.",
            )
        secrets[name.strip()] = SecretStr(value)
    return secrets


def _no_terminal(what: str, options: str) -> ConfigurationError:
    return ConfigurationError(
        f"There is no terminal to ask for the {what} at.", code="no-terminal", remedy=f"Use {options}."
    )
