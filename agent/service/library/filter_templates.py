"""Filter templates: clauses that are used again and again, saved under a name for one action of an app.

A template is looked at when it is saved, as a filter of that action is. Who uses it gets its clauses, to do with them
what is done with clauses that were typed: filters keep no connection to a template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from agent.api.filter_template_models import FilterTemplate, FilterTemplateDraft
from agent.api.rerun_models import FilterClause
from agent.connectors.contract import Connector
from agent.domain.app import Action, ActionKind
from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.meant import meant
from agent.engine.checking.filters import Filtered, filter_faults
from agent.engine.filters.placeholders import names_in
from agent.service.runs.asked_plans import clause_of
from agent.store.library.filter_templates import FilterTemplateStore, TemplateKey, TemplateRow


class FilterTemplates:
    """The filter templates of this agent.

    Args:
        store: Where they lie.
        connectors: Every connector by app id.
        clock: Gives the present, aware and in UTC.
    """

    def __init__(
        self, *, store: FilterTemplateStore, connectors: Mapping[str, Connector], clock: Callable[[], datetime]
    ) -> None:
        self._store, self._connectors, self._clock = store, connectors, clock

    def all(self, app: str = "") -> list[FilterTemplate]:
        """Every template, or those of an app. Raises NotFoundError where there is no such app."""
        if app and app not in self._connectors:
            raise _unknown("app", app, list(self._connectors))
        return [_answer(row) for row in self._store.all(app)]

    def get(self, key: TemplateKey) -> FilterTemplate:
        """One template. Raises NotFoundError, code `template-not-found`."""
        return _answer(self._found(key))

    def clauses(self, key: TemplateKey) -> list[FilterClause]:
        """The clauses of a template, for whoever takes clauses. Raises NotFoundError, code `template-not-found`."""
        return _answer(self._found(key)).clauses

    def save(self, key: TemplateKey, draft: FilterTemplateDraft, *, by: str) -> FilterTemplate:
        """Save a template, in the place of one of the same name.

        Raises:
            NotFoundError: code `unknown-app`, `unknown-schema` or `unknown-action`.
            ConfigurationError: what is wrong with a clause.
        """
        row = self.checked(key, draft, by=by)
        self._store.save(row)
        return _answer(row)

    def checked(self, key: TemplateKey, draft: FilterTemplateDraft, *, by: str) -> TemplateRow:
        """A template as `save` would save it. Raises as that does."""
        filtered = self._filtered(key)
        clauses = [clause_of(clause, number) for number, clause in enumerate(draft.clauses)]
        # Variables are those of the processflow that will use it: whether they are there is seen then.
        variables = {name for clause in clauses for name in names_in(clause.value)}
        for fault in filter_faults(clauses, filtered, variables):
            raise ConfigurationError(
                fault.message, code=fault.code, remedy=fault.suggestion, field=f"clauses.{fault.path[0]}"
            )
        key = key._replace(action=filtered.action.name)
        plain = [
            FilterClause(key=one.key, operator=one.operator, value=one.value, place=one.place).model_dump(mode="json")
            for one in clauses
        ]
        return TemplateRow(key, plain, self._clock(), by)

    def remove(self, key: TemplateKey) -> None:
        """Remove a template. Raises NotFoundError, code `template-not-found`."""
        self._store.remove(self._found(key).key)

    def _found(self, key: TemplateKey) -> TemplateRow:
        rows = self._store.all(key.app)
        action = key.action.casefold()
        for row in rows:
            if row.key._replace(action=row.key.action.casefold()) == key._replace(action=action):
                return row
        raise NotFoundError(
            f"There is no filter template “{key.name[:60]}” for {key.action[:60]} of {key.schema[:60]}.",
            code="template-not-found",
            remedy=f"“opagent filter-template list --app {key.app[:60]}” shows those that there are.",
        )

    def _filtered(self, key: TemplateKey) -> Filtered:
        connector = self._connectors.get(key.app)
        if connector is None:
            raise _unknown("app", key.app, list(self._connectors))
        schema = connector.schema(key.schema, None)
        if schema is None:
            raise _unknown("schema", key.schema, [one.name for one in connector.app.schemas])
        action = schema.action(key.action)
        if action is None or action.kind is not ActionKind.READ:
            raise _unknown("action", key.action, _reading(schema.actions))
        return Filtered(connector.app.name, key.schema, action)


def _reading(actions: tuple[Action, ...]) -> list[str]:
    return [action.name for action in actions if action.kind is ActionKind.READ]


def _unknown(what: str, name: str, known: list[str]) -> NotFoundError:
    return NotFoundError(
        f"There is no {what} “{name[:60]}” that can be read.",
        code=f"unknown-{what}",
        remedy=meant(name, known, otherwise="There is none."),
    )


def _answer(row: TemplateRow) -> FilterTemplate:
    return FilterTemplate(
        app=row.key.app, schema_name=row.key.schema, action=row.key.action, name=row.key.name,
        clauses=[FilterClause.model_validate(clause) for clause in row.clauses], saved_at=row.saved_at,
        saved_by=row.saved_by,
    )  # fmt: skip
