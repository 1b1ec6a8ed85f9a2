"""`opagent flow …`: versions, their differences and the way back; binding later; the deployment log and the history."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.api import deployment_models as models
from agent.api.flow_models import Deployed
from agent.cli.connecting import ask
from agent.cli.flow_files import AnywayOption, NameArgument, NoteOption, WithoutTestsOption, pairs
from agent.cli.output import JsonOption, YesOption, fail, local, note, say, show, table
from agent.cli.questions import confirm
from agent.domain.errors import ConfigurationError, ConflictError

VersionArgument = Annotated[int, typer.Argument(min=1, metavar="VERSION", help="The version's number.")]


def versions(name: NameArgument, as_json: JsonOption = False) -> None:
    """Every version of a processflow, the newest first; also of one that is not deployed any more."""
    found = ask(lambda client: client.versions.all(name))
    rows = [
        (one.version, "deployed" if one.active else "", local(one.deployed_at), one.deployed_by, one.schedule, one.note)
        for one in found
    ]
    headings = ("Version", "", "Deployed at", "By", "Schedule", "Note")
    show(found, as_json, lambda: table(headings, rows, empty="There is no version."))


def show_version(name: NameArgument, version: VersionArgument, as_json: JsonOption = False) -> None:
    """One version: who deployed it, when and why, what it was bound to, and its document."""
    found = ask(lambda client: client.versions.get(name, version))

    def text() -> None:
        say(f"{found.flow} version {found.version}{' (deployed)' if found.active else ''}", "bold")
        say(f"Deployed {local(found.deployed_at)} by {found.deployed_by}{f': {found.note}' if found.note else ''}")
        say(f"Schedule then: {found.schedule}")
        for remark in found.remarks:
            say(remark, "yellow")
        rows = [(one.token, one.configuration_name or "not bound") for one in found.bindings]
        table(("Token", "Configuration"), rows, empty="No credential tokens.")
        say(found.document.rstrip("\n"))

    show(found, as_json, text)


def diff(
    name: NameArgument,
    before: Annotated[int, typer.Argument(min=1, help="A version's number.")],
    after: Annotated[int, typer.Argument(min=1, help="The number of the version to compare with.")],
    as_json: JsonOption = False,
) -> None:
    """What is not the same in two versions: document, bindings, functions, lookup tables and schedule."""
    found = ask(lambda client: client.versions.diff(name, before, after))

    def text() -> None:
        if found.same:
            say(f"Versions {before} and {after} of {name} are the same.")
        for line in found.document.splitlines():
            say(line, _style(line))
        for what, changes in (("", found.bindings), ("function $", found.functions), ("lookup ", found.lookups)):
            for change in changes:
                say(f"{what}{_text(change)}", "bold")
        if found.schedule is not None:
            say(_text(found.schedule), "bold")

    show(found, as_json, text)


def _text(change: models.Change) -> str:
    return f"{change.name}: {change.before or 'none'} → {change.after or 'none'}"


def roll_back(
    name: NameArgument,
    version: VersionArgument,
    reason: NoteOption = "",
    anyway: AnywayOption = False,
    without_tests: WithoutTestsOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Deploy an old version again, as a new one. The schedule stays as it is."""
    found = ask(lambda client: client.versions.get(name, version))
    if found.active:
        fail(ConflictError(
            f"Version {version} of {name} is the one that is deployed.", code="already-active",
            remedy="Choose another version to go back to.",
        ))  # fmt: skip
    if not yes:
        confirm(f"Deploy version {version} of {name} again? Runs that are going on end with their own version.")
    request = models.RollBack(version=version, note=reason, anyway=anyway, without_tests=without_tests)
    told = ask(lambda client: client.versions.roll_back(name, request), interrupted=CANCELLED)
    show(told, as_json, lambda: tell(told))


def bind(
    name: NameArgument,
    bind_to: Annotated[list[str], typer.Option("--bind", "-b", help="token=configuration name or id.")],
    reason: NoteOption = "",
    anyway: AnywayOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bind credential tokens of a deployed processflow to other App Configurations, or to their first ones."""
    try:
        bindings = pairs(bind_to, "token=configuration")
    except ConfigurationError as error:
        fail(error)
    request = models.BindRequest(bindings=bindings, note=reason, anyway=anyway)
    told = ask(lambda client: client.versions.bind(name, request), interrupted=CANCELLED)
    show(told, as_json, lambda: tell(told))


def deployment_log(
    name: NameArgument,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many at most.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """What was deployed and undeployed and what failed, with the lines of each; the newest first."""
    found = ask(lambda client: client.versions.log(name, limit=limit))

    def text() -> None:
        for entry in found:
            version = f", version {entry.version}" if entry.version is not None else ""
            say(f"{local(entry.started_at)}  {entry.outcome.value}{version}, by {entry.asked_by}", "bold")
            for line in (*entry.lines, entry.message, entry.remedy, entry.note):
                if line:
                    say(f"  {line}")

    show(found, as_json, text)


def past(as_json: JsonOption = False) -> None:
    """Processflows that are not deployed any more, and whose history is kept."""
    found = ask(lambda client: client.versions.past())
    rows = [(one.name, one.last_version, local(one.deployed_at), one.deployed_by) for one in found]
    headings = ("Name", "Last version", "Deployed at", "By")
    show(found, as_json, lambda: table(headings, rows, empty="Every processflow that there was is deployed."))


def forget(name: NameArgument, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Delete all that is kept of an undeployed processflow: versions, runs, bookmarks, Sync Info, waiting events."""
    found = ask(lambda client: client.versions.forget(name, dry_run=True))
    note(found.text)
    if not yes:
        confirm(f"Delete the history of {name}?")
    gone = ask(lambda client: client.versions.forget(name))
    show(gone, as_json, lambda: say(f"The history of {name} is deleted."))


CANCELLED = "Cancelled. Unless it was nearly done, nothing was changed; “opagent flow log NAME” tells."


def tell(deployed: Deployed) -> None:
    """What a deployment reported."""
    for line in deployed.lines:
        say(line)
    say(f"{deployed.flow.name} version {deployed.flow.version} is deployed.", "bold green")
    if deployed.flow.waits_for:
        say(f"It cannot run yet. {deployed.flow.alert}", "yellow")


def add_to(flow: typer.Typer) -> None:
    """The commands below `opagent flow`."""
    for name, command in (
        ("versions", versions), ("version", show_version), ("diff", diff), ("rollback", roll_back), ("bind", bind),
        ("log", deployment_log), ("past", past), ("forget", forget),
    ):  # fmt: skip
        flow.command(name)(command)


def _style(line: str) -> str:
    if line.startswith(("+++", "---", "@@")):
        return "bold"
    return {"+": "green", "-": "red"}.get(line[:1], "")
