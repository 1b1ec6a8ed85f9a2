"""Decides what the credential form does: what is missing, Validate with progress and cancel, Save. No Qt.

A secret is wrapped the moment it arrives here and is never kept: after Save the form is emptied of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr, ValidationError

from agent.api import app_models, configuration_models
from agent.api.configuration_models import ValidationState
from agent.domain.app import FieldKind
from agent.domain.errors import AgentError
from agent.gui.calls import Call, Calls

if TYPE_CHECKING:  # the client brings httpx along, which the first paint does not need
    from agent.api.client import AgentClient

NAME = "name"
_POLL_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Entered:
    """What the form holds. `secrets` has typed ones only; untouched ones keep their stored value."""

    name: str
    values: dict[str, str]
    secrets: dict[str, str] = field(repr=False)


class CredentialView(Protocol):
    """What the presenter needs of the form."""

    def show_field_errors(self, errors: dict[str, str]) -> None:
        """Errors under the fields that they belong to; all others are cleared."""

    def show_progress(self, text: str) -> None:
        """Validate is at work; offer Cancel."""

    def show_sign_in(self, address: str) -> None:
        """A person has to sign in at this address: open it in the browser; offer to open it again, and Cancel."""

    def show_success(
        self, title: str, facts: list[configuration_models.Fact], notes: list[str], warnings: list[str]
    ) -> None:
        """Validate or Save succeeded; warnings say what will not work all the same."""

    def show_failure(self, title: str, remedy: str, notes: list[str]) -> None:
        """One sentence that says what is wrong, one that says what to do; notes say what was tidied."""

    def show_vault_needed(self, title: str, remedy: str) -> None:
        """The vault has to be opened first."""

    def show_nothing(self) -> None:
        """Neither progress nor result."""

    def show_values(self, values: dict[str, str]) -> None:
        """The service tidied what was entered."""

    def show_saving(self, *, saving: bool) -> None:
        """Save is at work."""

    def show_stored(self, configuration: configuration_models.Configuration) -> None:
        """It is stored now: forget typed secrets, show hints."""


class CredentialPresenter:
    """One form. `saved` is called after each Save."""

    def __init__(
        self,
        view: CredentialView,
        calls: Calls,
        app: app_models.App,
        configuration: configuration_models.Configuration | None,
        saved: Callable[[configuration_models.Configuration], object],
    ) -> None:
        self._view, self._calls, self._app, self._stored, self._saved = view, calls, app, configuration, saved
        self._closed = False
        self._call: Call | None = None
        self._validation: str | None = None
        self._beginning = False
        self._signing_in = ""

    @property
    def busy(self) -> bool:
        """Whether Validate or Save is at work."""
        return self._call is not None

    def validate(self, entered: Entered) -> None:
        """Test the connection."""
        draft = self._draft(entered)
        if draft is None or self.busy:
            return
        self._view.show_progress(f"Contacting {self._app.name} …")
        self._beginning = True
        self._call = self._calls.start(partial(_begun, draft=draft), self._on_validation, self._on_failed)

    def cancel(self) -> None:
        """Stop a validation; the request in flight is dropped."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        validation, self._validation = self._validation, None
        if validation is not None:
            self._calls.start(lambda client: client.cancel_validation(validation), lambda _: None, lambda _: None)
        self._view.show_failure("Validation cancelled.", "Nothing was changed.", [])

    def save(self, entered: Entered) -> None:
        """Store the configuration."""
        draft = self._draft(entered)
        if draft is None or self.busy:
            return
        self._view.show_saving(saving=True)
        self._call = self._calls.start(lambda client: client.save_configuration(draft), self._on_saved, self._on_failed)

    def edited(self) -> None:
        """A field changed: the last result says nothing about what is there now."""
        if not self.busy:
            self._view.show_field_errors({})
            self._view.show_nothing()

    def close(self) -> None:
        """The form goes: end what is under way."""
        self._closed = True
        validation, self._validation = self._validation, None
        if self._call is not None and (self._beginning or validation is not None):
            self._call.cancel()
        if validation is not None:
            self._calls.start(lambda client: client.cancel_validation(validation), lambda _: None, lambda _: None)

    def _draft(self, entered: Entered) -> configuration_models.ConfigurationDraft | None:
        missing = {NAME: "Enter a name."} if not entered.name.strip() else {}
        kept = self._stored.secrets if self._stored is not None else {}
        for one in self._app.fields:
            is_secret = one.kind is FieldKind.SECRET
            given = entered.secrets.get(one.name) or kept.get(one.name) if is_secret else entered.values.get(one.name)
            wanted = one.shown_when is None or entered.values.get(one.shown_when[0]) in one.shown_when[1:]
            if one.required and wanted and not (given or "").strip():
                missing[one.name] = f"“{one.label}” must not be empty."
        self._view.show_field_errors(missing)
        if missing:
            self._view.show_nothing()
            return None
        try:
            return configuration_models.ConfigurationDraft(
                id=self._stored.id if self._stored is not None else None,
                app=self._app.id,
                name=entered.name,
                values=entered.values,
                secrets={name: SecretStr(text) for name, text in entered.secrets.items() if text},
            )
        except ValidationError as error:
            self._view.show_field_errors({str(found["loc"][-1]): "This is too long." for found in error.errors()})
            return None

    def _on_validation(self, validation: configuration_models.Validation) -> None:
        self._call, self._beginning = None, False
        if self._closed:
            return
        if validation.state is ValidationState.RUNNING:
            self._validation = validation.id
            if validation.sign_in_url:
                if validation.sign_in_url != self._signing_in:
                    self._signing_in = validation.sign_in_url
                    self._view.show_sign_in(validation.sign_in_url)
            elif validation.progress:
                self._view.show_progress(validation.progress[-1])
            self._call = self._calls.start(
                lambda client: client.validation(validation.id, wait_seconds=_POLL_SECONDS),
                self._on_validation,
                self._on_failed,
            )
            return
        self._validation = None
        if validation.values:
            self._view.show_values(validation.values)
        if validation.state is ValidationState.SUCCESS:
            self._view.show_success(validation.message, validation.facts, validation.notes, validation.warnings)
        elif validation.problem is not None:
            problem = validation.problem
            self._show_problem("Validation failed", problem.title, problem.remedy, problem.field, validation.notes)
        else:
            self._view.show_failure(validation.message or "The validation was cancelled.", "Validate again.", [])

    def _on_saved(self, saved: configuration_models.Saved) -> None:
        self._call = None
        self._stored = saved.configuration
        self._saved(saved.configuration)
        if self._closed:
            return
        self._view.show_saving(saving=False)
        self._view.show_stored(saved.configuration)
        notes = list(saved.notes)
        if saved.configuration.state is not configuration_models.ConfigurationState.VALIDATED:
            notes.append("It is not validated yet: press Validate to test it.")
        self._view.show_success(saved.message, [], notes, [])

    def _on_failed(self, error: AgentError) -> None:
        self._call = self._validation = None
        self._beginning = False
        if self._closed:
            return
        self._view.show_saving(saving=False)
        if error.code.startswith("vault-"):
            self._view.show_vault_needed(error.message, error.remedy)
            return
        self._show_problem("That was refused", error.message, error.remedy, error.field, [])

    def _show_problem(self, what: str, title: str, remedy: str, at_field: str | None, notes: list[str]) -> None:
        """The sentence stands under the field that it is about, else in the banner; what to do is in the banner."""
        labels = {NAME: "Name"} | {one.name: one.label for one in self._app.fields}
        place = (at_field or "").rsplit(".", 1)[-1]
        if place in labels:
            self._view.show_field_errors({place: title})
            title = f"{what}: look at “{labels[place]}”"
        self._view.show_failure(title, remedy, notes)


async def _begun(
    client: AgentClient, *, draft: configuration_models.ConfigurationDraft
) -> configuration_models.Validation:
    """Begin a validation. Who cancels before the service has said what to cancel cancels it all the same."""
    beginning = asyncio.ensure_future(client.validate(draft))
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        with suppress(AgentError):
            await client.cancel_validation((await beginning).id)
        raise
