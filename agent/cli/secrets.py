"""How secrets get in: typed at a prompt that does not echo, from standard input, or from a file descriptor. Never as an
argument, which every user of the machine can read."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import typer
from pydantic import SecretStr

from agent.api import models
from agent.domain.app import FieldKind
from agent.domain.errors import ConfigurationError

_LIMIT_BYTES = 1_000_000


def read_secrets(
    fields: Sequence[models.CredentialField], *, from_stdin: bool, descriptor: int | None, kept: bool
) -> dict[str, SecretStr]:
    """The secrets of a form.

    Args:
        fields: The form's fields; only those of kind secret are asked for.
        from_stdin: Read `field=value` lines from standard input.
        descriptor: Read such lines from this file descriptor.
        kept: Whether secrets that are left out keep their stored value; then a prompt may be left empty.

    Raises:
        ConfigurationError: code `secret-line-invalid` for a line that names no secret field of the form.
    """
    wanted = [field for field in fields if field.kind is FieldKind.SECRET]
    if descriptor is not None:
        with os.fdopen(descriptor, "rb") as source:
            return _parse(source.read(_LIMIT_BYTES).decode("utf-8"), wanted)
    if from_stdin:
        return _parse(sys.stdin.read(_LIMIT_BYTES), wanted)
    secrets = {}
    for field in wanted:
        hint = " (empty: keep the stored one)" if kept else ""
        typed = typer.prompt(f"{field.label}{hint}", hide_input=True, default="", show_default=False)
        if typed:
            secrets[field.name] = SecretStr(typed)
    return secrets


def _parse(text: str, wanted: Sequence[models.CredentialField]) -> dict[str, SecretStr]:
    names = {field.name for field in wanted}
    secrets = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, separator, value = line.partition("=")
        if not separator or name.strip() not in names:
            raise ConfigurationError(
                f"Line {number} of the secrets is not of the form field=value with a secret field of this app.",
                code="secret-line-invalid",
                remedy=f"Secret fields: {', '.join(sorted(names)) or 'none'}.",
            )
        secrets[name.strip()] = SecretStr(value)
    return secrets


def read_values(pairs: Sequence[str], fields: Sequence[models.CredentialField]) -> dict[str, str]:
    """Plain values from `field=value` arguments.

    Raises:
        ConfigurationError: code `value-invalid` for an unknown field, or for a secret given as an argument.
    """
    by_name: Mapping[str, models.CredentialField] = {field.name: field for field in fields}
    values = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        field = by_name.get(name)
        if not separator or field is None:
            raise ConfigurationError(
                f"“{name}” is not a field of this app.",
                code="value-invalid",
                remedy=f"Fields: {', '.join(by_name)}.",
                field=name,
            )
        if field.kind is FieldKind.SECRET:
            raise ConfigurationError(
                f"{field.label} is a secret and must not be given as an argument.",
                code="value-invalid",
                remedy="Leave it out and type it when asked, or use --secrets-stdin or --secrets-fd.",
                field=name,
            )
        values[name] = value
    return values
