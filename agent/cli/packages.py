"""`opagent package …` and `opagent library …`: export, look at and import packages; deploy what they brought."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from agent.api.deployment_models import DeployRequest
from agent.api.package_models import (
    MOST_PACKAGE_BYTES,
    Choice,
    ItemChoice,
    ItemKind,
    ItemRef,
    ItemState,
    PackageImport,
    PackageItem,
    PackageLook,
    PackageRequest,
)
from agent.cli import versions
from agent.cli.connecting import ask
from agent.cli.files import read_file
from agent.cli.flow_files import (
    AnywayOption,
    BindLaterOption,
    BindOption,
    LookupOption,
    NameArgument,
    NoteOption,
    WithoutTestsOption,
    pairs,
)
from agent.cli.output import JsonOption, YesOption, fail, local, note, say, show, table
from agent.cli.questions import choose, confirm, has_terminal
from agent.domain.errors import ConfigurationError, ConflictError

package = typer.Typer(no_args_is_help=True, help="Processflows with all they need in one file: export, show, import.")
library = typer.Typer(no_args_is_help=True, help="Processflows that packages brought: list, show, deploy, remove.")

PackageArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A package, as it was exported.")]
_REPEATED = "May be given several times."


@package.command("export")
def export_package(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the package.")],
    flow: Annotated[
        list[str] | None, typer.Option("--flow", help=f"A processflow, with what it needs. {_REPEATED}")
    ] = None,
    lookup: Annotated[list[str] | None, typer.Option("--lookup", help=f"A lookup table. {_REPEATED}")] = None,
    function: Annotated[list[str] | None, typer.Option("--function", help=f"A function. {_REPEATED}")] = None,
    template: Annotated[
        list[str] | None,
        typer.Option("--filter-template", metavar="APP/SCHEMA/ACTION/NAME", help=f"A filter template. {_REPEATED}"),
    ] = None,
    title: Annotated[str, typer.Option("--title", help="What the package is called.")] = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write processflows, lookup tables, functions and filter templates into one file; without options, all there are.

    Never secrets.
    """
    kinds = (
        (ItemKind.FLOW, flow), (ItemKind.LOOKUP, lookup), (ItemKind.FUNCTION, function),
        (ItemKind.FILTER_TEMPLATE, template),
    )  # fmt: skip
    items = [ItemRef(kind=kind, name=name) for kind, names in kinds for name in names or []]
    if file.exists() and not yes:
        confirm(f"Replace {file}?")
    request = PackageRequest(title=title or file.stem, items=items)
    made = ask(lambda client: client.packages.export(request))
    try:
        file.write_bytes(base64.b64decode(made.content))
    except OSError as error:
        fail(
            ConfigurationError(
                f"{file} cannot be written.", code="file-unwritable", remedy="Choose another place.",
                detail=type(error).__name__,
            )
        )  # fmt: skip
    show(made.model_copy(update={"content": "", "name": str(file)}), as_json, lambda: _tell_exported(file, made.items))


@package.command("show")
def show_package(file: PackageArgument, as_json: JsonOption = False) -> None:
    """What is in a package, and what importing it would mean. Changes nothing."""
    content = _read(file)
    found = ask(lambda client: client.packages.look(content))
    show(found, as_json, lambda: _tell(found))


@package.command("import")
def import_package(
    file: PackageArgument,
    keep: Annotated[list[str] | None, typer.Option("--keep", metavar="KIND:NAME", help="What is here stays.")] = None,
    take: Annotated[
        list[str] | None, typer.Option("--take", metavar="KIND:NAME", help="That of the package replaces it.")
    ] = None,
    rename: Annotated[
        list[str] | None, typer.Option("--rename", metavar="KIND:NAME=NEW", help="It comes under another name.")
    ] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Import a package, all or nothing. What is not as it is here needs a choice; at a terminal it is asked for.

    Processflows come into the library: “opagent library deploy NAME” deploys one.
    """
    content = _read(file)
    try:
        choices = [
            *(_choice(text, Choice.KEEP) for text in keep or []),
            *(_choice(text, Choice.TAKE) for text in take or []),
            *(_choice(text, Choice.RENAME) for text in rename or []),
        ]
    except ConfigurationError as error:
        fail(error)
    found = ask(lambda client: client.packages.look(content))
    made = {(one.kind, one.name) for one in choices}
    left = [one for one in found.items if one.state is ItemState.CLASH and (one.kind, one.name) not in made]
    if has_terminal():
        _tell(found)
        choices += [_asked(item) for item in left]
        if not yes:
            confirm(f"Import “{found.title}”?")
    elif left:
        fail(ConflictError(
            f"Not as it is here: {', '.join(f'{one.kind.value} {one.name}' for one in left)}. Nothing was imported.",
            code="package-clash",
            remedy="Choose for each: " + "; ".join(f"{_options(one)}" for one in left) + ".",
        ))  # fmt: skip
    request = PackageImport(content=content, choices=choices)
    done = ask(lambda client: client.packages.put(request))

    def text() -> None:
        for item in done.items:
            say(f"{item.kind.value} {item.name}: {item.text}")

    show(done, as_json, text)


@library.command("list")
def list_library(as_json: JsonOption = False) -> None:
    """The processflows that packages brought."""
    found = ask(lambda client: client.packages.library())
    rows = [
        (one.name, one.title, one.origin, local(one.added_at), one.added_by, one.deployed_version or "no")
        for one in found
    ]
    headings = ("Name", "Title", "Package", "Added at", "By", "Deployed as version")
    show(found, as_json, lambda: table(headings, rows, empty="The library is empty."))


@library.command("show")
def show_library_flow(name: NameArgument, as_json: JsonOption = False) -> None:
    """One of them: where it comes from, its credential tokens, and its document."""
    found = ask(lambda client: client.packages.library_flow(name))

    def text() -> None:
        say(f"{found.title} ({found.name})", "bold")
        say(f"From the package “{found.origin}”, added {local(found.added_at)} by {found.added_by}")
        table(("Token", "App"), list(found.tokens.items()), empty="No credential tokens.")
        say(found.document.rstrip("\n"))

    show(found, as_json, text)


@library.command("deploy")
def deploy_library_flow(
    name: NameArgument,
    bind: BindOption = None,
    lookup: LookupOption = None,
    reason: NoteOption = "",
    anyway: AnywayOption = False,
    bind_later: BindLaterOption = False,
    without_tests: WithoutTestsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Deploy one of them; it stays in the library."""
    try:
        bindings, lookups = (
            pairs(bind or [], "token=configuration"),
            pairs(lookup or [], "lookup=table"),
        )
    except ConfigurationError as error:
        fail(error)
    found = ask(lambda client: client.packages.library_flow(name))
    request = DeployRequest(
        document=found.document, file=found.file, bindings=bindings, lookups=lookups, anyway=anyway,
        bind_later=bind_later, without_tests=without_tests,
        note=reason or f"From the package “{found.origin}”."[:1_000],
    )  # fmt: skip
    deployed = ask(lambda client: client.deploy(request), interrupted=versions.CANCELLED)
    show(deployed, as_json, lambda: versions.tell(deployed))


@library.command("remove")
def remove_from_library(name: NameArgument, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Take one out of the library. What is deployed stays."""
    found = ask(lambda client: client.packages.library_flow(name))
    if not yes:
        confirm(f"Remove {name} from the library? What is deployed stays.")
    ask(lambda client: client.packages.remove(name))
    show(found, as_json, lambda: say(f"{name} is removed from the library."))


def _read(file: Path) -> str:
    try:
        content = read_file(file, most_bytes=MOST_PACKAGE_BYTES, too_large="It is no package: choose another file.")
    except ConfigurationError as error:
        fail(error)
    return base64.b64encode(content).decode()


def _choice(text: str, choice: Choice) -> ItemChoice:
    # A template's name may hold an equals sign.
    reference, _, new = text.partition("=") if choice is Choice.RENAME else (text, "", "")
    kind, colon, name = reference.partition(":")
    if not colon or kind not in set(ItemKind) or not name or (choice is Choice.RENAME) is not bool(new):
        form = "KIND:NAME=NEW" if choice is Choice.RENAME else "KIND:NAME"
        raise ConfigurationError(
            f"“{text}” is not of the form {form}.", code="choice-invalid",
            remedy=f"The kinds are {', '.join(ItemKind)}: write flow:orders, for instance.",
        )  # fmt: skip
    return ItemChoice(kind=ItemKind(kind), name=name, choice=choice, new_name=new)


def _options(item: PackageItem) -> str:
    """How a choice is written on the command line."""
    name = f"{item.kind.value}:{item.name}"
    if item.can_rename:
        return f"--keep {name}, --take {name} or --rename {name}=NEW"
    return f"--keep {name} or --take {name}"


def _asked(item: PackageItem) -> ItemChoice:
    """Ask what becomes of something that clashes."""
    options = {"k": Choice.KEEP, "t": Choice.TAKE, **({"r": Choice.RENAME} if item.can_rename else {})}
    words = "[k]eep what is here, [t]ake that of the package" + (", [r]ename it" if item.can_rename else "")
    letter = choose(f"{item.kind.value} {item.name}: {item.text} {words}: ", set(options))
    new = choose(f"New name of {item.name}: ", None) if options[letter] is Choice.RENAME else ""
    return ItemChoice(kind=item.kind, name=item.name, choice=options[letter], new_name=new)


def _tell(found: PackageLook) -> None:
    note(f"{found.title}, made {local(found.made_at)}")
    rows = [(one.kind.value, one.name, one.state.value, one.text) for one in found.items]
    table(("Kind", "Name", "Here", "Importing it"), rows, empty="The package is empty.")


def _tell_exported(file: Path, items: Sequence[ItemRef]) -> None:
    for item in items:
        say(f"{item.kind.value} {item.name}")
    say(f"{file} is written. It holds no credentials: App Configurations are chosen where it is deployed.")
