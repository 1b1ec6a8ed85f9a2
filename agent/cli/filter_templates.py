"""`opagent filter-template …`: clauses of filters under a name, for one action of an app."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.api.filter_template_models import FilterTemplate
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, YesOption, done, local, say, show, table
from agent.cli.questions import confirm
from agent.cli.reruns import clause

filter_template = typer.Typer(no_args_is_help=True, help="Filter templates: list, show, save, remove.")

AppArgument = Annotated[str, typer.Argument(metavar="APP", help="The app's id, such as bigcommerce.")]
SchemaArgument = Annotated[str, typer.Argument(help="The schema, such as orders.")]
ActionArgument = Annotated[str, typer.Argument(help="The action, such as GET.")]
NameArgument = Annotated[str, typer.Argument(help="The template's name.")]


@filter_template.command("list")
def list_templates(
    app: Annotated[str, typer.Option("--app", help="Only those of this app.")] = "", as_json: JsonOption = False
) -> None:
    """Every filter template."""
    found = ask(lambda client: client.filter_templates.all(app=app))
    rows = [(one.app, one.schema_name, one.action, one.name, _shown(one)) for one in found]
    headings = ("App", "Schema", "Action", "Name", "Clauses")
    show(found, as_json, lambda: table(headings, rows, empty="There are no filter templates."))


@filter_template.command("show")
def show_template(
    app: AppArgument, schema: SchemaArgument, action: ActionArgument, name: NameArgument, as_json: JsonOption = False
) -> None:
    """One filter template."""
    found = ask(lambda client: client.filter_templates.get(app, schema, action, name))

    def text() -> None:
        say(_shown(found))
        say(f"Saved {local(found.saved_at)} by {found.saved_by}")

    show(found, as_json, text)


@filter_template.command("save")
def save_template(
    app: AppArgument,
    schema: SchemaArgument,
    action: ActionArgument,
    name: NameArgument,
    clauses: Annotated[
        list[str], typer.Option("--clause", "-c", help="A clause such as “status_id = 11”; may be given several times.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Save clauses under a name; what has that name already is replaced."""
    given = [clause(text) for text in clauses]
    saved = ask(lambda client: client.filter_templates.save(app, schema, action, name, given))
    show(saved, as_json, lambda: say(f"{saved.name}: {_shown(saved)}"))


@filter_template.command("remove")
def remove_template(
    app: AppArgument, schema: SchemaArgument, action: ActionArgument, name: NameArgument, yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Remove a filter template. Filters that were made with it stay as they are."""
    if not yes:
        confirm(f"Remove the filter template {name}?")
    ask(lambda client: client.filter_templates.remove(app, schema, action, name))
    done(f"{name} is removed.", as_json, removed=name)


def _shown(one: FilterTemplate) -> str:
    places = {"query": "", "header": "header ", "body": "body "}
    return " & ".join(f"{places[part.place]}{part.key} {part.operator} {part.value}" for part in one.clauses)
