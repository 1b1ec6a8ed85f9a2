"""The command line put together."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer
from rich.text import Text

from agent import __version__
from agent.api import models
from agent.api.client import AgentClient
from agent.api.launch import running_service, stop_service
from agent.cli import apps, flows, log, runs, upkeep
from agent.cli.connecting import ask, folders
from agent.cli.output import JsonOption, fail, local, show, stdout
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
app.add_typer(flows.flow, name="flow")
app.command("run")(runs.execute)
app.command("runs")(runs.runs)
app.command("cancel")(runs.cancel)
app.command("sync-info")(runs.sync_info)
app.command("log")(log.log)
app.command("clear")(upkeep.clear)
app.add_typer(upkeep.settings, name="settings")
app.add_typer(upkeep.vault, name="vault")
app.add_typer(sandbox, name="sandbox")


@app.command("version")
def version(as_json: JsonOption = False) -> None:
    """The agent's version."""
    stdout.print_json(data={"version": __version__}) if as_json else stdout.print(__version__)


@service.command("run")
def service_run() -> None:
    """Run the service in the foreground, for service managers; end it with Ctrl+C."""
    raise typer.Exit(subprocess.call([sys.executable, "-m", "agent.service", "run"]))


@service.command("start")
def service_start(as_json: JsonOption = False) -> None:
    """Start the service in the background, if it does not run yet."""
    state = ask(lambda client: client.state())
    show(state, as_json, lambda: _tell(state))


@service.command("stop")
def service_stop() -> None:
    """Stop the service: runs halt at their next checkpoint and go on after the next start."""
    try:
        stopped = stop_service(folders())
    except AgentError as error:
        fail(error)
    stdout.print("Stopped." if stopped else "The service was not running.")


@service.command("status")
def service_status(as_json: JsonOption = False) -> None:
    """Whether the service runs, and how it ended the last time. Exit status 3 when it does not run."""
    if running_service(folders()) is None:
        stdout.print_json(data={"running": False}) if as_json else stdout.print("The service is not running.")
        raise typer.Exit(3)

    async def question(client: AgentClient) -> models.ServiceState:
        return await client.state()

    state = ask(question)
    show(state, as_json, lambda: _tell(state))


@sandbox.command("serve", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sandbox_serve(context: typer.Context) -> None:
    """Serve a sandbox store; options are those of “python -m agent.sandbox --help”."""
    command = [sys.executable, "-m", "agent.sandbox", *context.args]
    raise typer.Exit(subprocess.call(command))  # noqa: S603 - our own program


@app.command("demo")
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Do the demo's job here, without a window.")] = False,
    orders: Annotated[int, typer.Option(min=10, max=1_000_000, help="How many orders the sandbox store has.")] = 10_000,
) -> None:
    """Try the agent on a sandbox store: configured, deployed, ready to run."""
    from agent.cli.demo import run_headless  # imported here: nothing else needs it

    if not headless:
        raise typer.Exit(_window_demo(orders))
    run_headless(orders)


def _window_demo(orders: int) -> int:
    """Open the demo in the window: a program of its own, since the command line knows no window."""
    command = [sys.executable, "-m", "agent", "demo-window", str(orders)]
    return subprocess.call(command)  # noqa: S603 - our own program


def _tell(state: models.ServiceState) -> None:
    stdout.print(Text(f"Service {state.version}, process {state.pid}, since {local(state.started_at)}"))
    stdout.print(Text(f"Environment: {state.environment.value} · active runs: {state.active_runs}"))
    stdout.print(Text(f"Vault: {state.vault.state} · data: {state.data_folder}"))
    if state.last_end is not None:
        stdout.print(Text(f"Ended before: {local(state.last_end.at)}, {state.last_end.reason}"))
