"""Filter templates in packages: which a processflow brings along, how they are exported, checked and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from agent.api.filter_template_models import FilterTemplate, FilterTemplateDraft
from agent.api.package_models import ItemKind, TemplateContent
from agent.domain.errors import ConfigurationError
from agent.domain.processflow import EventSource, Processflow
from agent.service.library.filter_templates import FilterTemplates
from agent.service.packages.content import read_as, refused, written
from agent.store.library.documents import Writing
from agent.store.library.filter_templates import TemplateKey, TemplateRow, saving


class TemplateKind:
    """Filter templates. They are found by what they are for, and by their names."""

    kind: ClassVar[ItemKind] = ItemKind.FILTER_TEMPLATE
    can_rename: ClassVar[bool] = False

    def __init__(self, templates: FilterTemplates) -> None:
        self._templates = templates

    def of(self, flow: Processflow) -> list[str]:
        """Those for what a processflow reads."""
        sources = [stage.source for stage in flow.all_stages if not isinstance(stage.source, EventSource)]
        reading = {(flow.credentials.get(one.credential), one.schema, one.action.casefold()) for one in sources}
        return [
            _name(one) for one in self._templates.all() if (one.app, one.schema_name, one.action.casefold()) in reading
        ]

    def names(self) -> list[str]:
        """Every template."""
        return [_name(one) for one in self._templates.all()]

    def content(self, name: str) -> bytes | None:
        """The template in plain values."""
        found = next((one for one in self._templates.all() if _name(one) == name), None)
        if found is None:
            return None
        plain = found.model_dump(include=set(TemplateContent.model_fields))
        return written(TemplateContent.model_validate(plain))

    present = content

    def tidied(self, name: str, content: bytes) -> bytes:
        """Written as here."""
        return written(self._read(name, content))

    def check(self, items: Mapping[str, bytes]) -> None:
        """The form of each template, and whether its action takes its clauses."""
        for name, content in items.items():
            self._row(name, content, by="")

    def renamed(self, content: bytes, name: str) -> bytes:
        """Never: it would be a template for something else."""
        raise ConfigurationError(
            f"A filter template cannot be imported under another name ({name}).", code="name-invalid",
            remedy="Keep the template that is here, or take that of the package.",
        )  # fmt: skip

    def writing(self, name: str, content: bytes, *, origin: str, by: str, at: datetime) -> Writing:
        """Puts it in the place of the one that is there."""
        return saving(replace(self._row(name, content, by=by), saved_at=at))

    def _row(self, name: str, content: bytes, *, by: str) -> TemplateRow:
        model = self._read(name, content)
        key = TemplateKey(model.app, model.schema_name, model.action, model.name)
        return self._templates.checked(key, FilterTemplateDraft(clauses=model.clauses), by=by)

    def _read(self, name: str, content: bytes) -> TemplateContent:
        model = read_as(TemplateContent, f"The filter template {name}", content)
        if _name(model) != name:
            raise refused(f"The filter template {name} calls itself {_name(model)}.")
        return model


def _name(one: FilterTemplate | TemplateContent) -> str:
    return f"{one.app}/{one.schema_name}/{one.action}/{one.name}"
