"""What can go wrong, sorted by what happens next: a person acts, we retry, we skip the record, we stop.

Every error carries two texts: `message` for the person at the screen, with `remedy` saying what to do, and `detail`
for whoever supports them. None of them ever holds a secret or a response body.
"""

from __future__ import annotations

from agent.domain.error_classes import ErrorClass


class AgentError(Exception):
    """The base of all errors that we raise on purpose.

    Args:
        message: One sentence for the operator: what failed.
        code: Stable, kebab-case name of the case; front ends and tests match on it, never on the text.
        remedy: One sentence for the operator: what to do.
        detail: For support: the place, the status, the request id. Never a secret, never a body.
        field: The name of the form field or document path that the error belongs to, if there is one.
    """

    def __init__(
        self, message: str, *, code: str, remedy: str = "", detail: str = "", field: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.remedy = remedy
        self.detail = detail
        self.field = field

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class ConfigurationError(AgentError):
    """A person has to act: credentials, settings, a document, a missing permission."""


class CredentialsError(ConfigurationError):
    """The app refuses the credentials: with them nothing works any more."""


class AccessError(ConfigurationError):
    """The app refuses this to the account. Perhaps this alone, perhaps everything: asking for something else tells."""


class NotFoundError(ConfigurationError):
    """The thing that was asked for by name or id does not exist here."""


class ConflictError(ConfigurationError):
    """The request contradicts the present state; nothing was changed."""


class TransientError(AgentError):
    """Trying again later may help. `retry_after_seconds` is set where the other side said when."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        remedy: str = "",
        detail: str = "",
        field: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, code=code, remedy=remedy, detail=detail, field=field)
        self.retry_after_seconds = retry_after_seconds


class AmbiguousWriteError(TransientError):
    """A write was sent and no answer came: it may have happened. Look up before repeating."""


class RecordError(AgentError):
    """This record cannot be processed; the others can.

    Args:
        error_class: What kind of trouble it is.
        cure: What has to be mended, where it is known better than by the class: `node:<id>` of the processflow, or
            `lookup:<name>`.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        remedy: str = "",
        detail: str = "",
        field: str | None = None,
        error_class: ErrorClass = ErrorClass.UNKNOWN,
        cure: str = "",
    ) -> None:
        super().__init__(message, code=code, remedy=remedy, detail=detail, field=field)
        self.error_class = error_class
        self.cure = cure


class FatalError(AgentError):
    """The run has to stop: going on would do harm or make no sense."""


class CancelledError(AgentError):
    """The operator cancelled."""

    def __init__(self, message: str = "Cancelled.") -> None:
        super().__init__(message, code="cancelled")
