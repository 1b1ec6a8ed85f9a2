"""`opagent rest …`: make a service description for the app REST service."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.programs import become

rest = typer.Typer(no_args_is_help=True, help="REST services: make a service description.")


@rest.callback()
def _rest() -> None:
    """Keeps `describe` a command of its own, though it is the only one."""


@rest.command("describe")
def describe(
    openapi: Annotated[str, typer.Option("--openapi", metavar="FILE", help="An OpenAPI document, JSON or YAML.")] = "",
    sample: Annotated[str, typer.Option("--sample", metavar="FILE", help="An answer with a list, in JSON.")] = "",
    path: Annotated[str, typer.Option("--path", help="With --sample: the path that gave the answer.")] = "/records",
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.")] = "",
) -> None:
    """Make a service description out of an OpenAPI document or a sample; tells what it had to leave out."""
    source = [*(["--openapi", openapi] if openapi else []), *(["--sample", sample] if sample else [])]
    become("agent.connectors.rest.describe", [*source, "--path", path, *(["--output", output] if output else [])])
