"""The command line put together."""

from __future__ import annotations

from typing import Annotated

import typer

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

app = typer.Typer(
    name="opagent",
    help="OP Agent: moves records between applications. Without a command it opens the window.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
service = typer.Typer(no_args_is_help=True, help="The background service: run, start, stop, status.")
sandbox = typer.Typer(no_args_is_help=True, help="A BigCommerce-compatible store on this machine, for trying out.")

app.add_typer(service, name="service")
app.add_typer(apps.app, name="app")
app.add_typer(connectors.connector, name="connector")
app.add_typer(flows.flow, name="flow")
app.add_typer(packages.package, name="package")
app.add_typer(packages.library, name="library")
app.add_typer(schedules.schedule, name="schedule")
app.add_typer(events.event, name="event")
app.add_typer(variables.variable, name="variable")
app.add_typer(filter_templates.filter_template, name="filter-template")
app.add_typer(retries.retry, name="retry")
app.add_typer(corrections.correct, name="correct")
app.add_typer(records.record, name="record")
app.add_typer(bookmarks.bookmark, name="bookmark")
app.command("audit")(bookmarks.audit)
app.command("alerts")(alerts.alerts)
app.add_typer(functions.function, name="function")
app.add_typer(lookups.lookup, name="lookup")
app.command("run")(reruns.execute)
app.command("resync")(reruns.resync)
app.command("replay")(reruns.replay)
app.command("runs")(runs.runs)
app.command("preview")(previews.preview)
app.command("cancel")(runs.cancel)
app.command("sync-info")(runs.sync_info)
app.command("snapshot")(snapshots.snapshot)
records.record.command("runs")(snapshots.runs_of_record)
app.command("log")(log.log)
app.command("clear")(upkeep.clear)
app.add_typer(upkeep.settings, name="settings")
app.add_typer(upkeep.vault, name="vault")
app.add_typer(operators.operator, name="operator")
app.add_typer(database.database, name="database")
app.add_typer(sandbox, name="sandbox")


@app.command("version")
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


@app.command("demo")
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
