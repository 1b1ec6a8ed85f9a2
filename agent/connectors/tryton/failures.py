"""What Tryton's refusals mean: who has to act, and what about a single record is wrong.

An answer is about the request (a status), or has an `error`: a UserError or UserWarning is Tryton's own word to a
person, anything else is the text of an exception of the server, which is never shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.connectors.tryton.credentials import ADDRESS, DATABASE, PASSWORD, USERNAME
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import (
    AgentError,
    AmbiguousWriteError,
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    RecordError,
    TransientError,
)
from agent.http.failures import made_error, status_failure

_LONGEST_SAYING: Final = 500
_SERVER_ERROR: Final = 500

MODULES: Mapping[str, str] = {
    "party.party": "party",
    "party.address": "party",
    "party.contact_mechanism": "party",
    "product.product": "product",
    "stock.location": "stock",
    "stock.move": "stock",
    "stock.shipment.out": "stock",
    "sale.sale": "sale",
    "sale.line": "sale",
}
"""The module of Tryton that brings a model."""


class RefusedError(ConfigurationError):
    """Tryton refused something with a word to a person. Of a single record it becomes a RecordError.

    `saying` is that word. `asks` says that it is a warning that a person could confirm.
    """

    def __init__(self, saying: str, *, asks: bool) -> None:
        super().__init__(
            f"Tryton refuses: {saying}",
            code="refused",
            remedy="Do what it says in Tryton; if a right is missing, give the user a group that has it.",
            field=USERNAME,
        )
        self.saying = saying
        self.asks = asks


class ChangedMeanwhileError(ConfigurationError):
    """A record is no longer as it was when it was read, and nothing was done. Whoever read it reads it again."""


def answer_failure(*, host: str, status: int, headers: Mapping[str, str], writing: bool) -> AgentError | None:
    """The error that a status stands for; None where it is none. 401 is for whoever keeps the session."""
    line = status_failure(status)
    if line is None:
        return None
    if status == 404:
        return unknown_database(host)
    return made_error(
        line, host=host, writing=writing, reason=f"status {status}", detail=f"{host} → {status}",
        field=ADDRESS if status < 400 else None, retry_after_seconds=_seconds(headers.get("Retry-After", "")),
    )  # fmt: skip


def rpc_failure(error: Any, *, host: str, method: str, writing: bool, checked: bool = False) -> AgentError:
    """The error that the `error` of an answer stands for. `checked`: only records that are as they were were meant."""
    kind, rest = (error[0], error[1]) if isinstance(error, list) and len(error) == 2 else (None, None)
    if kind in {"UserError", "UserWarning"} and isinstance(rest, list):
        # A warning has its own name before its words.
        words = rest[1:] if kind == "UserWarning" else rest
        return RefusedError(_sentence(words), asks=kind == "UserWarning")
    if kind == "ConcurrencyException":
        if checked:
            return ChangedMeanwhileError(
                "The record was changed in Tryton.", code="changed-meanwhile", remedy="Read it again."
            )
        return _changed_meanwhile(f"{host}: {method}")
    model = method.removeprefix("model.").rpartition(".")[0]
    if isinstance(kind, str) and kind.strip("'\"") == model:
        return missing_model(model)
    line = status_failure(_SERVER_ERROR)
    assert line is not None
    # The server may also fail after it has committed: a write is then in doubt.
    return made_error(
        line, host=host, writing=writing, reason="an error of the server", detail=f"{host}: {method} failed",
        remedy="The log of the Tryton server says why. The agent tries again.",
    )  # fmt: skip


def missing_model(model: str) -> ConfigurationError:
    """The database has no such model, as a module is not activated."""
    module = MODULES.get(model, model.split(".", maxsplit=1)[0])
    return ConfigurationError(
        f"The database has no {model}: Tryton's module {module} is not activated.",
        code="module-missing",
        remedy=f"Activate the module {module} in Tryton, under Administration → Modules.",
        field=DATABASE,
    )


def changed_again_and_again(host: str) -> TransientError:
    """A record changed each time that it had been read and was to be changed."""
    return _changed_meanwhile(host)


def unknown_database(host: str) -> NotFoundError:
    """There is no database of that name."""
    return NotFoundError(
        f"Tryton at {host} has no such database.",
        code="database-unknown",
        remedy="Correct the name: it is the one that is chosen when somebody signs in to Tryton.",
        field=DATABASE,
    )


def rejected(host: str) -> CredentialsError:
    """The user or the password is wrong; Tryton does not say which."""
    return CredentialsError(
        f"Tryton at {host} rejects the user or the password.",
        code="credentials-rejected",
        remedy="Enter both again. Tryton does not say which of the two is wrong, or that a user is deactivated.",
        field=PASSWORD,
    )


def nonsense(*, host: str, writing: bool) -> AgentError:
    """The error for an answer that is not what Tryton would say."""
    if writing:
        return AmbiguousWriteError(
            f"{host} gave an answer to a write that makes no sense.",
            code="not-the-api",
            remedy="The agent finds out whether it was written, and goes on by itself.",
        )
    return ConfigurationError(
        f"What answers at {host} is not Tryton.",
        code="not-the-api",
        remedy="Check the address, and whether a proxy or a sign-in page answers in its place.",
        field=ADDRESS,
    )


def record_error(error: RefusedError) -> RecordError:
    """Why one record was refused, in Tryton's words."""
    if error.asks:
        return RecordError(
            f"Tryton wants a person to confirm: {error.saying}",
            code="confirmation-wanted",
            remedy="Correct the record in the source app so that Tryton does not ask, or enter it in Tryton by hand.",
            error_class=ErrorClass.VALIDATION_FAILED,
        )
    return RecordError(
        f"Tryton refuses the record: {error.saying}",
        code="refused",
        remedy="Correct the record in the source app, or what it refers to in Tryton.",
        error_class=ErrorClass.VALIDATION_FAILED,
    )


def _changed_meanwhile(detail: str) -> TransientError:
    return TransientError(
        "Somebody else changed the record in Tryton at the same moment.",
        code="changed-meanwhile",
        remedy="Nothing has to be done if it passes; the agent tries again.",
        detail=detail,
    )


def _sentence(words: list[Any]) -> str:
    """Tryton's message and description, on one line, bounded."""
    said = " ".join(" ".join(str(word).split()) for word in words[:2] if word)
    return said[:_LONGEST_SAYING].rstrip() if said.endswith((".", "!", "?")) else f"{said[:_LONGEST_SAYING].rstrip()}."


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() else None
