"""`opagent flow …`: check, deploy, list, show and undeploy processflows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.api import models
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, YesOption, fail, local, note, say, show, stdout, table
from agent.cli.questions import confirm
from agent.domain.errors import ConfigurationError

flow = typer.Typer(no_args_is_help=True, help="Processflows: check, deploy, list, show, undeploy.")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A processflow document, YAML or JSON.")]
NameArgument = Annotated[str, typer.Argument(help="The processflow's name.")]
BindOption = Annotated[
    list[str] | None, typer.Option("--bind", "-b", help="Bind a credential token: token=configuration name or id.")
]
LookupOption = Annotated[
    list[str] | None, typer.Option("--lookup", help="Let a lookup use another table: lookup=table.")
]
MAX_BYTES = 5_000_000


def read_document(
    path: Path, bind: list[str], note: str = "", *, lookups: list[str] | None = None
) -> models.DocumentRequest:
    """A document from a file, with its bindings and the tables of its lookups.

    Raises:
        ConfigurationError: code `document-unreadable` or `binding-invalid`.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigurationError(
                f"{path} is larger than {MAX_BYTES:,} bytes.", code="document-unreadable", remedy="Split it."
            )
        document = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as UTF-8 text.",
            code="document-unreadable",
            remedy="Check the path, its permissions and its encoding.",
            detail=type(error).__name__,
        ) from error
    return models.DocumentRequest(
        document=document, file=path.name, bindings=_pairs(bind, "token=configuration"),
        lookups=_pairs(lookups or [], "lookup=table"), note=note,
    )  # fmt: skip


def _pairs(written: list[str], form: str) -> dict[str, str]:
    pairs = {}
    for pair in written:
        name, separator, value = pair.partition("=")
        if not separator:
            raise ConfigurationError(
                f"“{pair}” is not of the form {form}.", code="binding-invalid", remedy="Write it so."
            )
        pairs[name] = value
    return pairs


def _read(
    path: Path, bind: list[str] | None, note: str = "", lookups: list[str] | None = None
) -> models.DocumentRequest:
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


@flow.command("deploy")
def deploy(
    file: FileArgument,
    bind: BindOption = None,
    lookup: LookupOption = None,
    reason: Annotated[str, typer.Option("--note", help="Why, for the history.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Make a processflow runnable here, or replace its version."""
    request = _read(file, bind, reason, lookups=lookup)
    deployed = ask(lambda client: client.deploy(request))

    def text() -> None:
        for line in deployed.lines:
            say(line)
        say(f"{deployed.flow.name} version {deployed.flow.version} is deployed.", "bold green")

    show(deployed, as_json, text)


@flow.command("list")
def list_flows(as_json: JsonOption = False) -> None:
    """Every deployed processflow."""
    flows = ask(lambda client: client.flows())
    rows = [
        (
            one.name,
            one.title,
            one.version,
            one.active_run.state.value if one.active_run else one.last_run.state.value if one.last_run else "Never ran",
            local(one.last_run.ended_at) if one.last_run else "–",
            f"{one.failed_records:,}",
        )
        for one in flows
    ]
    headings = ("Name", "Title", "Version", "State", "Last run", "Failed records")
    show(flows, as_json, lambda: table(headings, rows, empty="No processflow is deployed yet."))


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
    """Withdraw a processflow. Its history, bookmarks and Sync Info stay."""
    if not yes:
        confirm(f"Undeploy {name}? Its history, bookmarks and Sync Info stay.")
    answer = ask(lambda client: client.undeploy(name))
    show(answer, as_json, lambda: say(answer.message))
