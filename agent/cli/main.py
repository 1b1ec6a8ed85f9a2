"""The command line put together."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agent import __version__
from agent.api import service_models
from agent.cli import (
    alerts,
    apps,
    bookmarks,
    connectors,
    corrections,
    database,
    events,
    filter_templates,
    flows,
    functions,
    log,
    lookups,
    operators,
    packages,
    previews,
    records,
    reruns,
    rest,
    retries,
    runs,
    schedules,
    snapshots,
    upkeep,
    variables,
)
from agent.cli.connecting import ask, folders
from agent.cli.output import JsonOption, fail, local, note, say, show, show_json
from agent.cli.programs import become
from agent.domain.errors import AgentError

_DAILY, _BY_HAND = "Every day", "Setting right by hand"
_FLOWS, _UPKEEP = "Processflows and what they use", "Setting up and keeping in order"
_TRYING = "Trying out and building"
_PANELS = (_DAILY, _BY_HAND, _FLOWS, _UPKEEP, _TRYING)


class _ByPanel(TyperGroup):
    """Lists commands in the order of their panels; by itself, commands come before groups of commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        place = {panel: number for number, panel in enumerate(_PANELS)}
        return sorted(self.commands, key=lambda name: place[str(getattr(self.commands[name], "rich_help_panel", ""))])


app = typer.Typer(
    name="opagent",
    cls=_ByPanel,
    help="OP Agent: moves records between applications. Without a command it opens the window.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
service = typer.Typer(no_args_is_help=True, help="The background service: run, start, stop, status.")
sandbox = typer.Typer(no_args_is_help=True, help="A BigCommerce-compatible store on this machine, for trying out.")

for name, command in (
    ("run", reruns.execute), ("preview", previews.preview), ("runs", runs.runs), ("cancel", runs.cancel),
    ("alerts", alerts.alerts), ("sync-info", runs.sync_info), ("snapshot", snapshots.snapshot), ("log", log.log),
):  # fmt: skip
    app.command(name, rich_help_panel=_DAILY)(command)
app.command("resync", rich_help_panel=_BY_HAND)(reruns.resync)
app.command("replay", rich_help_panel=_BY_HAND)(reruns.replay)
app.add_typer(records.record, name="record", rich_help_panel=_BY_HAND)
app.add_typer(corrections.correct, name="correct", rich_help_panel=_BY_HAND)
app.add_typer(retries.retry, name="retry", rich_help_panel=_BY_HAND)
app.add_typer(bookmarks.bookmark, name="bookmark", rich_help_panel=_BY_HAND)
app.command("audit", rich_help_panel=_BY_HAND)(bookmarks.audit)
for name, commands in (
    ("flow", flows.flow), ("schedule", schedules.schedule), ("event", events.event), ("variable", variables.variable),
    ("lookup", lookups.lookup), ("function", functions.function),
    ("filter-template", filter_templates.filter_template), ("package", packages.package),
    ("library", packages.library),
):  # fmt: skip
    app.add_typer(commands, name=name, rich_help_panel=_FLOWS)
for name, commands in (
    ("app", apps.app), ("vault", upkeep.vault), ("settings", upkeep.settings), ("service", service),
    ("operator", operators.operator), ("database", database.database),
):  # fmt: skip
    app.add_typer(commands, name=name, rich_help_panel=_UPKEEP)
app.command("clear", rich_help_panel=_UPKEEP)(upkeep.clear)
app.add_typer(sandbox, name="sandbox", rich_help_panel=_TRYING)
app.add_typer(connectors.connector, name="connector", rich_help_panel=_TRYING)
app.add_typer(rest.rest, name="rest", rich_help_panel=_TRYING)
records.record.command("runs")(snapshots.runs_of_record)


def _say_version(asked: bool) -> None:
    if asked:
        say(__version__)
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="The agent's version.")
    ] = False,
) -> None:
    """What goes before a command."""


@app.command("version", rich_help_panel=_UPKEEP)
def version(as_json: JsonOption = False) -> None:
    """The agent's version."""
    if as_json:
        show_json({"version": __version__})
    else:
        say(__version__)


@service.command("run")
def service_run() -> None:
    """Run the service in the foreground, for service managers; end it with Ctrl+C."""
    become("agent.service", ["run"])


@service.command("start")
def service_start(as_json: JsonOption = False) -> None:
    """Start the service in the background, if it does not run yet."""
    if _runs():
        note("The service is running already.")
    state = ask(lambda client: client.state())
    show(state, as_json, lambda: _tell(state))


@service.command("stop")
def service_stop(as_json: JsonOption = False) -> None:
    """Stop the service: runs halt at their next checkpoint and go on after the next start."""
    from agent.api.launch import stop_service  # imported here: it brings httpx along

    try:
        stopped = stop_service(folders())
    except AgentError as error:
        fail(error)
    if as_json:
        show_json({"running": False, "stopped": stopped})
    else:
        say("Stopped." if stopped else "The service was not running.")


@service.command("status")
def service_status(as_json: JsonOption = False) -> None:
    """Whether the service runs, and how it ended the last time. Exit status 3 when it does not run."""
    if not _runs():
        if as_json:
            show_json({"running": False})
        else:
            say("The service is not running.")
        raise typer.Exit(3)
    state = ask(lambda client: client.state())
    show(state, as_json, lambda: _tell(state))


@sandbox.command("serve", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sandbox_serve(context: typer.Context) -> None:
    """Serve a sandbox store; options are those of “python -m agent.sandbox --help”."""
    become("agent.sandbox", context.args)


@app.command("demo", rich_help_panel=_TRYING)
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Do the demo's job here, without a window.")] = False,
    orders: Annotated[int, typer.Option(min=10, max=1_000_000, help="How many orders the sandbox store has.")] = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Try the agent on a sandbox store: configured, deployed, ready to run."""
    from agent.cli.demo import run_headless  # imported here: nothing else needs it

    if not headless:
        become("agent", ["demo-window", str(orders)])
    run_headless(orders, as_json=as_json)


def _runs() -> bool:
    from agent.api.launch import running_service  # imported here: it brings httpx along

    try:
        return running_service(folders()) is not None
    except AgentError as error:
        fail(error)


def _tell(state: service_models.ServiceState) -> None:
    say(f"Service {state.version}, process {state.pid}, since {local(state.started_at)}")
    say(f"Environment: {state.environment.value} · active runs: {state.active_runs}")
    say(f"Vault: {state.vault.state} · data: {state.data_folder}")
    if state.last_end is not None:
        say(f"Ended before: {local(state.last_end.at)}, {state.last_end.reason}")
