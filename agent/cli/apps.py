"""`opagent app …`: App Configurations from the command line."""

from __future__ import annotations

import asyncio
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from agent.api import app_models, configuration_models
from agent.cli.connecting import ask
from agent.cli.installed import RESTART, unseen
from agent.cli.output import JsonOption, YesOption, explain, fail, local, note, say, show, show_json, table
from agent.cli.questions import confirm, has_terminal
from agent.cli.secrets import read_secrets, read_values
from agent.domain.errors import AgentError, CancelledError, ConfigurationError, NotFoundError
from agent.domain.meant import meant

if TYPE_CHECKING:  # it brings httpx along
    from agent.api.client import AgentClient

# Often enough that progress is shown as it happens, seldom enough to cost nothing.
_LOOK_SECONDS = 1.0
_AFTER_START = "Its connector was installed after the service was started."

app = typer.Typer(no_args_is_help=True, help="App Configurations: list, validate, save, remove.")

NameOption = Annotated[str, typer.Option("--name", "-n", help="The configuration's name.")]
ValuesOption = Annotated[
    list[str] | None, typer.Option("--set", "-s", help="A plain field, as field=value; a document as field=@FILE.")
]
StdinOption = Annotated[bool, typer.Option("--secrets-stdin", help="Read secrets as field=value lines from stdin.")]
DescriptorOption = Annotated[int | None, typer.Option("--secrets-fd", help="Read secrets from this file descriptor.")]


@app.command("list")
def list_apps(as_json: JsonOption = False) -> None:
    """Every app and its configurations."""

    async def question(client: AgentClient) -> tuple[list[app_models.App], list[configuration_models.Configuration]]:
        return await client.apps(), await client.configurations()

    apps, configurations = ask(question)

    def text() -> None:
        rows = []
        for one in apps:
            rows.append((one.id, f"{one.name} ({one.version})" if one.version else one.name, one.status.value, ""))
            rows += [
                ("", f"  {saved.name}", f"{saved.state.value}{_held_up(saved)}", local(saved.validated_at))
                for saved in configurations
                if saved.app == one.id
            ]
        table(("App", "Name", "State", "Validated"), rows, empty="No app has a connector here.")
        for one in apps:
            if one.problem is not None:
                note(f"{one.name}: {one.problem.title} {one.problem.remedy}")
                if one.problem.detail:
                    note(f"  {one.problem.detail}")
        for app_id in unseen([one.id for one in apps]):
            note(f"{app_id}: {_AFTER_START} {RESTART}")

    show([*apps, *configurations], as_json, text)


def _held_up(saved: configuration_models.Configuration) -> str:
    if saved.tripped is None:
        return ""
    runs = {0: "", 1: ", 1 run waits"}.get(saved.tripped.waiting_runs, f", {saved.tripped.waiting_runs:,} runs wait")
    return f"; tripped {local(saved.tripped.since)}{runs}: {saved.tripped.message}"


@app.command("fields")
def fields(app_id: Annotated[str, typer.Argument(metavar="APP")], as_json: JsonOption = False) -> None:
    """The fields of an app's credential form."""
    found = _app(app_id)
    rows = [
        (one.name, one.label, one.kind.value, "yes" if one.required else "", " | ".join(one.choices),
         one.default, one.example)
        for one in found.fields
    ]  # fmt: skip
    headings = ("Field", "Label", "Kind", "Required", "Choices", "Default", "Example")
    show(found.fields, as_json, lambda: table(headings, rows, empty="None."))


@app.command("schemas")
def schemas(
    app_id: Annotated[str, typer.Argument(metavar="APP")], name: NameOption = "Default", as_json: JsonOption = False
) -> None:
    """What can be read and written through a stored configuration: of a database its tables, views and columns."""
    stored = _configuration(app_id, name)
    if stored is None:
        fail(_no_configuration(app_id, name))
    found = ask(lambda client: client.described(stored.id))
    rows = []
    for one in found:
        rows.append((one.name or "(any table)", one.description, ", ".join(action.name for action in one.actions), ""))
        rows += [
            (
                f"  {each.name}",
                each.description,
                each.type,
                "key" if each.primary else "required" if each.required else "",
            )
            for each in one.attributes
        ]
    headings = ("Schema", "Description", "Actions, type", "")
    show(found, as_json, lambda: table(headings, rows, empty="There is nothing yet."))


@app.command("validate")
def validate(
    app_id: Annotated[str, typer.Argument(metavar="APP")],
    name: NameOption = "Default",
    values: ValuesOption = None,
    secrets_stdin: StdinOption = False,
    secrets_fd: DescriptorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test a connection without storing anything. Fields left out are those of the stored configuration."""
    draft = _draft(app_id, name, values or [], secrets_stdin, secrets_fd)

    async def question(client: AgentClient) -> configuration_models.Validation:
        begun = asyncio.ensure_future(client.validate(draft))
        told, opened = 0, ""
        try:
            validation = await asyncio.shield(begun)
            while True:
                if validation.sign_in_url and validation.sign_in_url != opened:
                    opened = validation.sign_in_url
                    note("Open this page on this computer, sign in, and allow the access:")
                    typer.echo(opened, err=True)  # as it is: a note would be broken into lines
                    if has_terminal():
                        await asyncio.to_thread(webbrowser.open, opened)
                for line in validation.progress[told:]:
                    note(line)
                told = len(validation.progress)
                if validation.state is not configuration_models.ValidationState.RUNNING:
                    return validation
                validation = await client.validation(validation.id, wait_seconds=_LOOK_SECONDS)
        except BaseException:
            # Also where the interrupt came before the service had said what to cancel.
            with suppress(AgentError):
                await client.cancel_validation((await begun).id)
            raise

    validation = ask(question, interrupted="Interrupted: the validation was cancelled.")

    def text() -> None:
        say(validation.message, "bold green")
        for fact in validation.facts:
            say(f"  {fact.label}: {fact.value}")
        for line in (*validation.notes, *validation.warnings):
            say(f"  {line}")

    if validation.state is configuration_models.ValidationState.SUCCESS:
        show(validation, as_json, text)
        return
    if as_json:
        show_json(validation)
    problem = validation.problem
    if problem is None:
        fail(CancelledError(validation.message))
    explain(ConfigurationError(problem.title, code=problem.code, remedy=problem.remedy, field=problem.field))
    raise typer.Exit(1)


@app.command("save")
def save(
    app_id: Annotated[str, typer.Argument(metavar="APP")],
    name: NameOption = "Default",
    values: ValuesOption = None,
    secrets_stdin: StdinOption = False,
    secrets_fd: DescriptorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a configuration: plain values in the store, secrets in the vault."""
    draft = _draft(app_id, name, values or [], secrets_stdin, secrets_fd)
    saved = ask(lambda client: client.save_configuration(draft))

    def text() -> None:
        say(saved.message, "bold green")
        for line in saved.notes:
            say(f"  {line}")
        if saved.configuration.state is not configuration_models.ConfigurationState.VALIDATED:
            say(f'  {saved.configuration.state.value}: test it with “opagent app validate {app_id} --name "{name}"”.')

    show(saved, as_json, text)


@app.command("remove")
def remove(
    app_id: Annotated[str, typer.Argument(metavar="APP")],
    name: NameOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a configuration and its secrets. Refused while a deployed processflow uses it."""
    _app(app_id)
    found = _configuration(app_id, name)
    if found is None:
        fail(_no_configuration(app_id, name))
    if not yes and not found.used_by:  # else it is refused: there is nothing to ask
        confirm(f"Remove “{found.name}” and its secrets?")
    ask(lambda client: client.remove_configuration(found.id))
    if as_json:
        show_json({"id": found.id, "name": found.name, "removed": True})
    else:
        say("Removed.")


def _app(app_id: str) -> app_models.App:
    apps = ask(lambda client: client.apps())
    found = next((one for one in apps if one.id == app_id), None)
    if found is None:
        if app_id in unseen([one.id for one in apps]):
            message = f"The app “{app_id}” is not known yet. {_AFTER_START}"
            fail(NotFoundError(message, code="app-not-loaded", remedy=RESTART))
        remedy = meant(app_id, [one.id for one in apps])
        fail(NotFoundError(f"There is no app “{app_id}”.", code="app-not-found", remedy=remedy))
    return found


def _configuration(app_id: str, name: str) -> configuration_models.Configuration | None:
    configurations = ask(lambda client: client.configurations())
    return next((one for one in configurations if (one.app, one.name) == (app_id, name)), None)


def _draft(
    app_id: str, name: str, pairs: list[str], from_stdin: bool, fd: int | None
) -> configuration_models.ConfigurationDraft:
    fields_ = _app(app_id).fields
    stored = _configuration(app_id, name)
    try:
        values = {**(stored.values if stored is not None else {}), **read_values(pairs, fields_)}
        kept = frozenset(stored.secrets) if stored is not None else frozenset[str]()
        chosen = {one.name: one.default for one in fields_} | values
        secrets = read_secrets(
            [one for one in fields_ if _counts(one, chosen)], from_stdin=from_stdin, descriptor=fd, kept=kept
        )
    except AgentError as error:
        fail(error)
    return configuration_models.ConfigurationDraft(
        id=stored.id if stored is not None else None, app=app_id, name=name, values=values, secrets=secrets
    )


def _counts(field: app_models.CredentialField, values: Mapping[str, str]) -> bool:
    """Whether a field means anything beside these plain values."""
    return field.shown_when is None or values.get(field.shown_when[0]) in field.shown_when[1:]


def _no_configuration(app_id: str, name: str) -> NotFoundError:
    names = [one.name for one in ask(lambda client: client.configurations()) if one.app == app_id]
    return NotFoundError(
        f"The app {app_id} has no configuration “{name}”.", code="configuration-not-found",
        remedy=meant(name, names, otherwise="It has none at all: see “opagent app list”."),
    )  # fmt: skip
