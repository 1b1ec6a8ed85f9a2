"""Asks the service about filter templates."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from agent.api.calls import Calls
from agent.api.filter_template_models import FilterTemplate, FilterTemplateDraft
from agent.api.rerun_models import FilterClause


class FilterTemplates:
    """The filter templates of the agent. `AgentClient.filter_templates`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def all(self, *, app: str = "") -> list[FilterTemplate]:
        """Every template, or those of an app."""
        return await self._calls.get_list("/filter-templates", FilterTemplate, app=app)

    async def get(self, app: str, schema: str, action: str, name: str) -> FilterTemplate:
        """One template."""
        return await self._calls.get(_path(app, schema, action, name), FilterTemplate)

    async def save(
        self, app: str, schema: str, action: str, name: str, clauses: Sequence[FilterClause]
    ) -> FilterTemplate:
        """Save clauses under a name; what has that name already is replaced."""
        draft = FilterTemplateDraft(clauses=list(clauses))
        return await self._calls.send("PUT", _path(app, schema, action, name), FilterTemplate, draft)

    async def remove(self, app: str, schema: str, action: str, name: str) -> None:
        """Remove a template. Filters that were made with it stay as they are."""
        await self._calls.call("DELETE", _path(app, schema, action, name))


def _path(*parts: str) -> str:
    return "/filter-templates/" + "/".join(quote(part, safe="") for part in parts)
