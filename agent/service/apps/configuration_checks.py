"""Tests the App Configurations that a deployment binds, really and all at once, and tells of every step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from agent.api import base_models, configuration_models
from agent.domain.errors import AgentError
from agent.service import answers
from agent.service.apps.validations import Validations
from agent.service.secrets import Secrets
from agent.store.configurations import ConfigurationRow

LONGEST_SECONDS = 90.0


class ConfigurationChecks:
    """Tests stored configurations. Belongs to the server's event loop, like the validations that it starts."""

    def __init__(self, validations: Validations, secrets: Secrets) -> None:
        self._validations, self._secrets = validations, secrets

    async def check(
        self, rows: Iterable[ConfigurationRow], say: Callable[[str], None], *, seconds: float = LONGEST_SECONDS
    ) -> dict[str, base_models.Problem]:
        """What is wrong with configurations, by id; empty where each is fine. How a test ended is noted with each.

        Cancelling the task drops the requests in flight.

        Args:
            rows: The configurations.
            say: Hears each step, in a sentence for people.
            seconds: How long each may take.
        """
        unique = {row.id: row for row in rows}
        # A group: when one is cancelled, so are all.
        async with asyncio.TaskGroup() as group:
            tasks = {key: group.create_task(self._check(row, say, seconds)) for key, row in unique.items()}
        found = {key: task.result() for key, task in tasks.items()}
        return {key: problem for key, problem in found.items() if problem is not None}

    async def _check(
        self, row: ConfigurationRow, say: Callable[[str], None], seconds: float
    ) -> base_models.Problem | None:
        draft = configuration_models.ConfigurationDraft(id=row.id, app=row.app, name=row.name, values=dict(row.values))
        try:
            validation = await self._validations.start(draft, asks=False)
        except AgentError as error:
            say(f"“{row.name}”: {error.message}")
            return answers.problem(error, self._secrets.redact)
        told = 0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for step in validation.progress[told:]:
                        say(f"“{row.name}”: {step}")
                    told = len(validation.progress)
                    if validation.state is not configuration_models.ValidationState.RUNNING:
                        break
                    validation = await self._validations.get(validation.id, wait_seconds=seconds)
        except TimeoutError:
            validation = await self._validations.cancel(validation.id)
            message = f"The test did not end within {seconds:.0f} s."
            say(f"“{row.name}”: {message}")
            return base_models.Problem(
                title=message, status=503, code="timeout", remedy="Check the network and the app, then try again."
            )
        except asyncio.CancelledError:
            await asyncio.shield(self._validations.cancel(validation.id))
            raise
        say(f"“{row.name}”: {validation.message}")
        return validation.problem or _cancelled(validation)


def _cancelled(validation: configuration_models.Validation) -> base_models.Problem | None:
    if validation.state is configuration_models.ValidationState.SUCCESS:
        return None
    return base_models.Problem(
        title=validation.message, status=409, code="cancelled", remedy="Somebody cancelled the test; deploy again."
    )
