"""`opagent connector …`: write a new connector, and try one with the suite that every connector passes."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.output import JsonOption
from agent.cli.programs import become

connector = typer.Typer(no_args_is_help=True, help="Connectors: write a new one, try one. For who makes them.")

FolderOption = Annotated[str, typer.Option("--folder", help="Where to write it; opagent-NAME here by default.")]
TitleOption = Annotated[
    str, typer.Option("--title", help="What people call the app; the words of NAME by default: My Shop for my_shop.")
]
OnlyOption = Annotated[str, typer.Option("--only", metavar="WORDS", help="Only cases with these words in their names.")]


@connector.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The app's id, such as my_shop.")],
    title: TitleOption = "",
    folder: FolderOption = "",
) -> None:
    """Write a new connector that works, to be turned into yours."""
    options = [*(["--title", title] if title else []), *(["--folder", folder] if folder else [])]
    become("agent.connectors.skeleton", [*options, "--", name])


@connector.command("test")
def try_out(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="The connector's folder, or its suite.")] = ".",
    only: OnlyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Run the conformance suite on a connector. Exit status 1 when a case fails, 2 when there is none."""
    options = [*(["--only", only] if only else []), *(["--json"] if as_json else [])]
    become("agent.connectors.conformance", [*options, "--", folder])
