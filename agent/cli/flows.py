"""`opagent flow …`: check, deploy, list, show and undeploy processflows. Their versions are in `versions`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.api import flow_models
from agent.api.deployment_models import DeployRequest
from agent.cli import versions
from agent.cli.connecting import ask
from agent.cli.flow_files import (
    AnywayOption,
    BindLaterOption,
    BindOption,
    FileArgument,
    LookupOption,
    NameArgument,
    NoteOption,
    WithoutTestsOption,
    read_document,
)
from agent.cli.output import JsonOption, YesOption, fail, local, note, say, show, stdout, table
from agent.cli.questions import confirm
from agent.cli.schedules import CronOption, DailyOption, EveryOption, ZoneOption, plan_of
from agent.domain.errors import ConfigurationError, ConflictError

flow = typer.Typer(no_args_is_help=True, help="Processflows: check, deploy, list, show, undeploy, go back.")


def _read(
    path: Path, bind: list[str] | None, note: str = "", lookups: list[str] | None = None
) -> flow_models.DocumentRequest:
    try:
        return read_document(path, bind or [], note, lookups=lookups)
    except ConfigurationError as error:
        fail(error)


@flow.command("check")
def check(
    file: FileArgument, bind: BindOption = None, lookup: LookupOption = None, as_json: JsonOption = False
) -> None:
    """Say what is wrong in a document and where. Executes nothing."""
    request = _read(file, bind, lookups=lookup)
    result = ask(lambda client: client.check_flow(request))

    def text() -> None:
        for problem in result.problems:
            place = f"{problem.file}:{problem.line}:{problem.column}: "
            note(f"{place}{problem.message} {problem.suggestion}".rstrip())
        for remark in result.notes:
            note(remark)
        if result.ok:
            say(f"{result.title or result.name} is fine.", "bold green")

    show(result, as_json, text)
    if not result.ok:
        raise typer.Exit(1)


@flow.command("test")
def run_tests(
    what: Annotated[
        str, typer.Argument(metavar="FILE|NAME", help="A document, or the name of a deployed processflow.")
    ],
    bind: BindOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the tests of a document: its records are mapped and compared. No app is asked."""
    if Path(what).suffix or Path(what).exists():
        request = _read(Path(what), bind)
        report = ask(lambda client: client.test_flow(request))
    else:
        report = ask(lambda client: client.test_deployed(what))

    def text() -> None:
        for result in report.results:
            say(f"{'passed' if result.passed else 'FAILED'}  {result.name}", "green" if result.passed else "bold red")
            for difference in result.differences:
                say(f"        {difference}")
        if not report.results:
            say(f"{report.flow} has no tests.")

    show(report, as_json, text)
    if not report.passed:
        raise typer.Exit(1)


@flow.command("deploy")
def deploy(
    file: FileArgument,
    bind: BindOption = None,
    lookup: LookupOption = None,
    reason: NoteOption = "",
    anyway: AnywayOption = False,
    bind_later: BindLaterOption = False,
    without_tests: WithoutTestsOption = False,
    every: EveryOption = "",
    daily: DailyOption = "",
    cron: CronOption = "",
    zone: ZoneOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make a processflow runnable here, or replace its version. Without a new schedule it keeps the one it has."""
    document = _read(file, bind, reason, lookups=lookup)
    plan = None
    if every or daily or cron:
        try:
            plan = plan_of(every=every, daily=daily, cron=cron, zone=zone)
        except ConfigurationError as error:
            fail(error)
    request = DeployRequest(
        **document.model_dump(), schedule=plan, anyway=anyway, bind_later=bind_later, without_tests=without_tests
    )
    deployed = ask(lambda client: client.deploy(request), interrupted=versions.CANCELLED)
    show(deployed, as_json, lambda: versions.tell(deployed))


@flow.command("list")
def list_flows(as_json: JsonOption = False) -> None:
    """Every deployed processflow."""
    flows = ask(lambda client: client.flows())
    rows = [
        (
            one.name,
            one.title,
            one.version,
            _standing(one),
            local(one.last_run.ended_at) if one.last_run else "–",
            f"{one.failed_records:,}",
        )
        for one in flows
    ]
    headings = ("Name", "Title", "Version", "State", "Last run", "Failed records")
    show(flows, as_json, lambda: table(headings, rows, empty="No processflow is deployed yet."))


def _standing(found: flow_models.Flow) -> str:
    if found.waits_for:
        return "Not bound yet"
    run = found.active_run or found.last_run
    return run.state.value if run else "Never ran"


@flow.command("show")
def show_flow(name: NameArgument, as_json: JsonOption = False) -> None:
    """A deployed processflow: its nodes, bindings and document."""
    found = ask(lambda client: client.flow(name))

    def text() -> None:
        say(f"{found.title} ({found.name}, version {found.version})", "bold")
        say(f"Deployed {local(found.deployed_at)} by {found.deployed_by}")
        say(f"Schedule: {found.schedule}{f' · next {local(found.next_run_at)}' if found.next_run_at else ''}")
        if found.alert:
            say(found.alert, "yellow")
        table(("Node", "Type", "Does"), [(one.id, one.type, one.detail) for one in found.nodes], empty="No nodes.")
        bindings = [(one.token, one.app, one.configuration_name) for one in found.bindings]
        table(("Token", "App", "Configuration"), bindings, empty="No credential tokens.")
        for used, bound in found.lookups.items():
            say(f"Lookup {used}: table {bound}")
        for used, version in found.functions.items():
            say(f"Function ${used}: version {version}")
        if stdout.is_terminal:
            from rich.syntax import Syntax  # imported here: it takes a while

            stdout.print(Syntax(found.document, "yaml", theme="ansi_dark"), soft_wrap=False)
        else:
            say(found.document.rstrip("\n"))

    show(found, as_json, text)


@flow.command("undeploy")
def undeploy(
    name: NameArgument,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Withdraw a processflow. Its versions, runs, bookmarks and Sync Info stay."""
    if not yes:
        if ask(lambda client: client.flow(name)).active_run is not None:
            fail(ConflictError(
                f"{name} is running.", code="already-running", remedy="Wait until it ends, or cancel it, first."
            ))  # fmt: skip
        confirm(f"Undeploy {name}? Its versions, runs, bookmarks and Sync Info stay.")
    answer = ask(lambda client: client.undeploy(name))
    show(answer, as_json, lambda: say(answer.message))


versions.add_to(flow)
