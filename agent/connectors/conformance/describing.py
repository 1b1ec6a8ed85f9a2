"""Cases about what a connector says of its app: fields with help, schemas, attributes, actions."""

from __future__ import annotations

from agent.connectors.conformance.bench import Bench
from agent.connectors.conformance.cases import Cases, case
from agent.connectors.conformance.expectations import hold
from agent.domain.app import ActionKind, App, Attribute, FieldKind, Schema
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret


class DescribingCases(Cases):
    """What the window shows before anything is connected."""

    @case
    async def test_the_form_explains_itself(self, bench: Bench) -> None:
        """Each field has a label and a help; choices have a default; names are there once."""
        app = bench.stand.connector.app
        for what, text in (("id", app.id), ("name", app.name), ("version", app.version), ("text", app.description)):
            hold(text.strip(), f"The app has no {what}.")
        _once([field.name for field in app.fields], "credential field")
        names = {field.name: field for field in app.fields}
        for field in app.fields:
            hold(field.label.strip(), f"The field {field.name} has no label.")
            hold(field.help.strip(), f"The field {field.label} has no help. Say what to enter and where it is found.")
            if field.kind is FieldKind.CHOICE:
                hold(field.choices, f"The field {field.label} is a choice of nothing.")
                hold(field.default in field.choices, f"The default of {field.label} is not one of its choices.")
            if field.shown_when is not None:
                other, *choices = field.shown_when
                hold(
                    other in names and choices and set(choices) <= set(names[other].choices),
                    f"The field {field.label} is shown for a choice that there is not: {other} = {choices}.",
                )
            for said in field.words:
                hold(
                    said.field in names and said.choice in names[said.field].choices and said.help.strip(),
                    f"The field {field.label} has words for a choice that there is not: {said.field} = {said.choice}.",
                )

    @case
    async def test_schemas_have_attributes_actions_and_a_primary_key(self, bench: Bench) -> None:
        """Names are there once, a schema has a primary key unless its records have none, actions explain themselves."""
        app = bench.stand.connector.app
        offered = list(_schemas(app))
        hold(offered, "The app has no schemas. Give it some, or open_schemas with a template.")
        _once([schema.name for schema in offered], "schema")
        for schema in offered:
            hold(schema.actions, f"The schema {schema.name} has no actions.")
            _once([action.name.casefold() for action in schema.actions], f"action of {schema.name}")
            _hold_attributes(schema.attributes, schema.name)
            primary = [attribute.name for attribute in schema.attributes if attribute.primary]
            hold(
                len(primary) == 1 or schema.open_attributes,
                f"The schema {schema.name} has {len(primary)} primary attributes; mark the one that is the key.",
            )
            for action in schema.actions:
                hold(action.description.strip(), f"The action {schema.name} {action.name} has no description.")
                loose = [name for name in action.shaping if name not in action.filters]
                hold(not loose, f"{schema.name} {action.name} shapes with {loose}, which are not among its filters.")
                for name, text in action.options.items():
                    hold(text.strip(), f"The option {name} of {schema.name} {action.name} has no help.")
            same = bench.stand.connector.schema(schema.name, None)
            hold(
                app.open_schemas or (same is not None and same.name == schema.name),
                f"schema({schema.name!r}, None) does not give the schema of that name.",
            )

    @case
    async def test_what_is_read_and_written_is_described(self, bench: Bench) -> None:
        """The schemas and actions that the stand reads and writes are among those that the app says it has."""
        values = self._prepared(bench)
        used = [(one.schema, one.action, ActionKind.READ) for one in bench.stand.readings]
        used += [(one.target.schema, one.target.action, ActionKind.WRITE) for one in bench.stand.writings]
        for name, action_name, kind in used:
            schema = bench.stand.connector.schema(name, values)
            hold(schema is not None, f"There is no schema {name}.")
            assert schema is not None
            action = schema.action(action_name)
            hold(
                action is not None and action.kind is kind,
                f"The schema {name} has no action {action_name} that can {kind.value}.",
            )

    def _prepared(self, bench: Bench) -> dict[str, str]:
        entered = bench.stand.credentials(bench.address)
        return dict(bench.stand.connector.prepare(entered.values, entered.secrets).values)

    @case
    async def test_an_empty_form_is_refused_at_a_field(self, bench: Bench) -> None:
        """prepare refuses what lacks a required value, and says at which field."""
        fields = bench.stand.connector.app.fields
        empty = {field.name: "" for field in fields if field.kind is not FieldKind.SECRET}
        secrets = {field.name: Secret("") for field in fields if field.kind is FieldKind.SECRET}
        try:
            bench.stand.connector.prepare(empty, secrets)
        except ConfigurationError as error:
            hold(
                error.field in {field.name for field in fields},
                f"prepare refuses an empty form with field={error.field!r}; give the name of the field.",
            )
        else:
            hold(not any(field.required for field in fields), "prepare takes a form whose required fields are empty.")

    @case
    async def test_preparing_twice_changes_nothing_more(self, bench: Bench) -> None:
        """What prepare tidied, it leaves alone the next time: it is applied again each time a person saves."""
        entered = bench.stand.credentials(bench.address)
        spaced = {name: f"  {text}\n" if text else text for name, text in entered.values.items()}
        once = bench.stand.connector.prepare(spaced, entered.secrets)
        again = bench.stand.connector.prepare(once.values, once.secrets)
        hold(dict(again.values) == dict(once.values), "prepare changes values again that it had prepared.")
        hold(dict(again.secrets) == dict(once.secrets), "prepare changes secrets again that it had prepared.")
        fields = {field.name for field in bench.stand.connector.app.fields}
        hold(set(once.values) | set(once.secrets) <= fields, "prepare gives values that are not among the fields.")
        clear = [name for name in once.values if name in once.secrets]
        hold(not clear, f"prepare gives {clear} as a plain value and as a secret.")
        padded = [name for name, text in once.values.items() if text != text.strip()]
        hold(not padded, f"prepare leaves the blanks around {padded}. People paste them along.")


def _schemas(app: App) -> tuple[Schema, ...]:
    return (*app.schemas, *([app.template] if app.template is not None else []))


def _once(names: list[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    hold(not twice, f"There is more than one {what} {', '.join(twice)}.")


def _hold_attributes(attributes: tuple[Attribute, ...], where: str) -> None:
    _once([attribute.name for attribute in attributes], f"attribute of {where}")
    for attribute in attributes:
        _hold_attributes(attribute.members, f"{where}.{attribute.name}")
