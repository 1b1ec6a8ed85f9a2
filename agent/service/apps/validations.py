"""Validate: tests connections in the server's event loop, with progress as it happens, and can be cancelled."""

from __future__ import annotations

import asyncio
import logging
import secrets as random_names
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from agent.api import configuration_models, live_models
from agent.connectors.contract import CheckReport, Prepared, Renewing, SigningIn
from agent.domain.errors import AgentError, ConfigurationError, FatalError, NotFoundError, TransientError
from agent.domain.secret import Secret
from agent.service import answers
from agent.service.apps.configurations import Configurations, Proof
from agent.service.events import Hub
from agent.service.secrets import Secrets
from agent.store.configurations import FAILED, VALIDATED

_logger = logging.getLogger(__name__)
SUCCESSFUL = "Test Connection Successful"
_LONGEST_SECONDS = 120.0
_LONGEST_SIGN_IN_SECONDS = 600.0
_SIGN_IN = "Sign in on the page that opens in your browser, and allow the access …"
_MOST_KEPT = 50


@dataclass(slots=True)
class _Test:
    """One validation. `changed` is set at every step and replaced by a new event."""

    answer: configuration_models.Validation
    app: str
    configuration: str | None
    prepared: Prepared
    entered: Prepared
    """As it was before anybody signed in."""
    asks: bool
    task: asyncio.Task[None] | None = None
    proof: Proof | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Validations:
    """The validations of this service, the latest ones. All methods belong to the server's event loop.

    Args:
        configurations: Prepares drafts, and hears how tests of stored values ended.
        hub: Told of every step.
        clock: Gives the present, aware and in UTC.
        secrets: Takes secrets out of what an app says: it may repeat what it was sent.
    """

    def __init__(
        self, configurations: Configurations, hub: Hub, clock: Callable[[], datetime], secrets: Secrets
    ) -> None:
        self._configurations, self._hub, self._clock = configurations, hub, clock
        self._redact, self._know = secrets.redact, secrets.know
        self._tests: OrderedDict[str, _Test] = OrderedDict()

    async def start(
        self, draft: configuration_models.ConfigurationDraft, *, asks: bool = True
    ) -> configuration_models.Validation:
        """Begin a validation.

        Args:
            draft: What is tested.
            asks: Whether somebody is there who can sign in with a browser.

        Raises:
            ConfigurationError: a value is missing or cannot be right.
        """
        prepared = await asyncio.to_thread(self._configurations.prepare, draft)
        app = self._configurations.connector(draft.app).app
        answer = configuration_models.Validation(
            id=random_names.token_hex(8), state=configuration_models.ValidationState.RUNNING,
            progress=[f"Contacting {app.name} …"], notes=list(prepared.notes), values=dict(prepared.values),
        )  # fmt: skip
        test = _Test(answer, draft.app, draft.id, prepared, entered=prepared, asks=asks)
        self._tests[answer.id] = test
        test.task = asyncio.create_task(self._run(test, draft))
        while len(self._tests) > _MOST_KEPT:
            _, oldest = self._tests.popitem(last=False)
            if oldest.task is not None:
                oldest.task.cancel()
        return answer

    async def get(self, validation_id: str, *, wait_seconds: float) -> configuration_models.Validation:
        """A validation; waits for its next step or its end. Raises NotFoundError."""
        test = self._find(validation_id)
        if wait_seconds > 0 and test.answer.state is configuration_models.ValidationState.RUNNING:
            try:
                await asyncio.wait_for(test.changed.wait(), wait_seconds)
            except TimeoutError:
                return test.answer
        return test.answer

    async def cancel(self, validation_id: str) -> configuration_models.Validation:
        """Cancel a validation; the request in flight is dropped. Raises NotFoundError."""
        test = self._find(validation_id)
        if test.task is not None and not test.task.done():
            test.task.cancel()
            await asyncio.wait({test.task})
        return test.answer

    async def close(self) -> None:
        """Cancel everything."""
        tasks = [test.task for test in self._tests.values() if test.task is not None and not test.task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def signed_in(self, draft: configuration_models.ConfigurationDraft, prepared: Prepared) -> Prepared:
        """What was entered, with the secrets that a sign-in has brought, where its latest validation had one."""
        test = self._latest(draft, prepared)
        return replace(prepared, secrets=test.prepared.secrets) if test is not None else prepared

    def saved(self, draft: configuration_models.ConfigurationDraft, entered: Prepared) -> None:
        """What was entered is stored: the sign-in belongs to that configuration, and to no other that looks like it."""
        test = self._latest(draft, entered)
        if test is not None:
            test.entered = test.prepared

    def _latest(self, draft: configuration_models.ConfigurationDraft, entered: Prepared) -> _Test | None:
        """The latest validation of what was entered, for the same configuration."""
        wanted = (draft.app, draft.id, entered.values, entered.secrets)
        for test in reversed(self._tests.values()):
            if (test.app, test.configuration, test.entered.values, test.entered.secrets) == wanted:
                return test
        return None

    def proof(self, app: str, prepared: Prepared) -> Proof | None:
        """How the latest validation of exactly these values and secrets ended."""
        for test in reversed(self._tests.values()):
            same = test.app == app and dict(test.prepared.values) == dict(prepared.values)
            if same and dict(test.prepared.secrets) == dict(prepared.secrets):
                return test.proof
        return None

    async def _run(self, test: _Test, draft: configuration_models.ConfigurationDraft) -> None:
        try:
            outcome = await self._outcome(test, draft)
            await self._note(test, draft)
        except asyncio.CancelledError:
            test.proof = None
            self._step(test, state=configuration_models.ValidationState.CANCELLED, message="Validation cancelled.")
            raise
        self._step(test, **outcome)

    async def _outcome(self, test: _Test, draft: configuration_models.ConfigurationDraft) -> dict[str, object]:
        """Test to the end; what that changes in the answer."""
        try:
            await self._sign_in(test, draft)
            async with asyncio.timeout(_LONGEST_SECONDS):
                report = await self._check(test, draft.app)
        except TimeoutError:
            return self._failed(test, _too_long())
        except AgentError as error:
            return self._failed(test, error)
        except Exception as error:
            _logger.exception("A validation met something unexpected.")
            return self._failed(test, _unexpected(error))
        facts = tuple((label, self._redact(value)) for label, value in report.facts)
        test.proof = Proof(VALIDATED, SUCCESSFUL, facts, self._clock())
        return {
            "state": configuration_models.ValidationState.SUCCESS, "message": SUCCESSFUL, "facts": answers.facts(facts),
            "warnings": [self._redact(warning) for warning in report.warnings],
        }  # fmt: skip

    def _failed(self, test: _Test, error: AgentError) -> dict[str, object]:
        test.proof = Proof(FAILED, self._redact(str(error)), (), self._clock())
        problem = answers.problem(error, self._redact)
        return {"state": configuration_models.ValidationState.FAILED, "message": problem.title, "problem": problem}

    async def _note(self, test: _Test, draft: configuration_models.ConfigurationDraft) -> None:
        """Note the outcome with the stored configuration. Whether that works or not, the operator gets the outcome."""
        if test.proof is None:
            return
        try:
            await asyncio.to_thread(self._configurations.note, draft, test.prepared, test.proof)
        except AgentError as error:
            _logger.warning("The outcome of a validation could not be noted. %s", error)

    async def _sign_in(self, test: _Test, draft: configuration_models.ConfigurationDraft) -> None:
        """Have a person sign in, where the app wants that. What it brings is kept at once: the old counts no more."""
        connector = self._configurations.connector(draft.app)
        if not test.asks or not isinstance(connector, SigningIn):
            return

        def ask(address: str) -> None:
            self._step(test, progress=[*test.answer.progress, _SIGN_IN], sign_in_url=address)

        before = test.prepared
        try:
            async with asyncio.timeout(_LONGEST_SIGN_IN_SECONDS):
                keep = partial(self._configurations.keep, draft.id)
                secrets = await connector.signed_in(before.values, before.secrets, ask, keep)
        except TimeoutError:
            raise _nobody_signed_in() from None
        if test.answer.sign_in_url:
            self._step(test, progress=[*test.answer.progress, "Signed in."], sign_in_url="")
        if secrets != before.secrets:
            self._know(secrets.values())
            test.prepared = replace(before, secrets=secrets)
            await asyncio.to_thread(self._configurations.renewed, draft, before, test.prepared)

    async def _check(self, test: _Test, app_id: str) -> CheckReport:
        def progress(text: str) -> None:
            self._step(test, progress=[*test.answer.progress, self._redact(text)])

        def keep(new: Mapping[str, Secret], old: Mapping[str, Secret]) -> None:
            self._know(new.values())
            self._configurations.keep(test.configuration, new, old)
            test.prepared = replace(test.prepared, secrets={**test.prepared.secrets, **new})

        connector = self._configurations.connector(app_id)
        opened = connector.open(test.prepared.values, test.prepared.secrets)
        if isinstance(opened, Renewing):
            opened.renew(keep)
        async with opened as connection:
            return await connection.check(progress)

    def _step(self, test: _Test, **changes: object) -> None:
        test.answer = test.answer.model_copy(update=changes)
        test.changed.set()
        test.changed = asyncio.Event()
        self._hub.publish(live_models.EventKind.VALIDATION, test.answer)

    def _find(self, validation_id: str) -> _Test:
        found = self._tests.get(validation_id)
        if found is None:
            raise NotFoundError(
                "This validation is not known any more.", code="validation-not-found", remedy="Validate again."
            )
        return found


def _nobody_signed_in() -> ConfigurationError:
    return ConfigurationError(
        f"Nobody signed in within {_LONGEST_SIGN_IN_SECONDS / 60:.0f} minutes.",
        code="sign-in-needed",
        remedy="Validate again, and sign in on the page that opens in the browser.",
    )


def _too_long() -> TransientError:
    return TransientError(
        f"The test did not end within {_LONGEST_SECONDS:.0f} s.",
        code="timeout",
        remedy="Check the network and the app, then validate again.",
    )


def _unexpected(error: Exception) -> FatalError:
    return FatalError(
        "Something unexpected went wrong while the connection was tested.",
        code="unexpected",
        remedy="Validate again. If it happens again, send the log to your support.",
        detail=type(error).__name__,
    )
