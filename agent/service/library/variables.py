"""The variables of processflows as people see and set them. What runs do with them is the engine's business."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from agent.api import variable_models as models
from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.meant import meant
from agent.domain.secret import Secret
from agent.domain.variables import Variable, VariableValue
from agent.engine.documents.variable_forms import value_of
from agent.service.deployment.compiled import CompiledFlows
from agent.service.upkeep.journal import ServiceJournal
from agent.store.flows.deployments import DeploymentStore
from agent.store.library.variables import NewValue, StoredValue, StoredVariable, VariableStore, is_sealed
from agent.store.vaults.redaction import DOTS


class Variables:
    """Shows and changes variables."""

    def __init__(
        self,
        *,
        store: VariableStore,
        deployments: DeploymentStore,
        compiled: CompiledFlows,
        journal: ServiceJournal,
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._deployments, self._compiled = store, deployments, compiled
        self._journal, self._clock = journal, clock

    def all(self, flow: str) -> list[models.Variable]:
        """The variables of a deployed processflow. Raises NotFoundError."""
        stored = self._store.all(flow)
        return [_shown(one, stored.get(one.name)) for one in self._declared(flow).values()]

    def set(self, flow: str, name: str, change: models.VariableChange, *, by: str) -> models.Variable:
        """Set a variable for the runs to come.

        Raises:
            NotFoundError: code `variable-not-found`.
            ConfigurationError: code `variable-value`, or the vault is not open.
            ConflictError: code `already-running`.
        """
        variable = self._variable(flow, name)
        value = _value(variable, Secret(change.value.get_secret_value()))
        stored: StoredValue = self._store.sealed(flow, name, value) if variable.encrypted else value
        new = NewValue(stored, by=by, reason=change.reason, at=self._clock())
        shown = _shown(variable, self._store.set(flow, name, new))
        what = f"“{shown.value}”" if not variable.encrypted else "another value"
        self._journal.write("info", f"{by} set the variable “{name}” to {what}: {change.reason}", flow=flow)
        return shown

    def reset(self, flow: str, name: str, request: models.VariableReset, *, by: str) -> models.Variable:
        """Let the default count again.

        Raises:
            NotFoundError: code `variable-not-found`.
            ConflictError: code `already-running`.
        """
        variable = self._variable(flow, name)
        if self._store.reset(flow, name, by=by, reason=request.reason, at=self._clock()):
            self._journal.write("info", f"{by} reset the variable “{name}”: {request.reason}", flow=flow)
        return _shown(variable, None)

    def _declared(self, flow: str) -> dict[str, Variable]:
        return dict(self._compiled.get(self._deployments.get(flow)).variables)

    def _variable(self, flow: str, name: str) -> Variable:
        declared = self._declared(flow)
        if name not in declared:
            raise NotFoundError(
                f"{flow} has no variable “{name}”.",
                code="variable-not-found",
                remedy=meant(name, declared, otherwise="It has none."),
            )
        return declared[name]


def _value(variable: Variable, given: Secret) -> VariableValue:
    try:
        value = value_of(given.reveal(), variable.type)
    except ValueError as error:
        reason = "" if variable.encrypted else f": {error}"
    else:
        if value is not None:
            return value
        reason = ""
    raise ConfigurationError(
        f"This is no value for the variable “{variable.name}” of the type {variable.type.value}{reason}.",
        code="variable-value",
        remedy="Correct the value. To let the default count again, reset the variable.",
        field="value",
    )


def _shown(variable: Variable, stored: StoredVariable | None) -> models.Variable:
    value: object = stored.value if stored is not None else variable.default
    if value is not None and (variable.encrypted or is_sealed(value)):
        value = DOTS
    return models.Variable(
        name=variable.name, type=variable.type, value=_text(value), default=_text(variable.default),
        expression=variable.expression, node=variable.node, scope=variable.scope, persistent=variable.persistent,
        encrypted=variable.encrypted,
        changed_at=stored.changed_at if stored is not None else None,
        changed_by=stored.changed_by if stored is not None else "",
        run=stored.run if stored is not None else "",
        reason=stored.reason if stored is not None else "",
    )  # fmt: skip


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
