"""How commands speak: results on standard output, as text or as JSON; errors on standard error, with what to do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Annotated, NoReturn

import typer
from pydantic import BaseModel, TypeAdapter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.domain.errors import AgentError

JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]

stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)


def show_json(answer: BaseModel | Sequence[BaseModel]) -> None:
    """Print a model, or a list of them, as JSON."""
    if isinstance(answer, BaseModel):
        sys.stdout.write(answer.model_dump_json(indent=2) + "\n")
    else:
        items = [item.model_dump(mode="json") for item in answer]
        sys.stdout.write(TypeAdapter(list[object]).dump_json(list(items), indent=2).decode() + "\n")


def show(answer: BaseModel | Sequence[BaseModel], as_json: bool, as_text: Callable[[], None]) -> None:
    """Print an answer the way that was asked for."""
    if as_json:
        show_json(answer)
    else:
        as_text()


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print a table, or a sentence where there is nothing to show."""
    filled = [[str(cell) for cell in row] for row in rows]
    if not filled:
        stdout.print(empty)
        return
    grid = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        grid.add_column(heading, overflow="fold")
    for row in filled:
        grid.add_row(*(Text(cell) for cell in row))
    stdout.print(grid)


def local(moment: datetime | None) -> str:
    """A moment in local time, for people."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment is not None else "–"


def fail(error: AgentError) -> NoReturn:
    """Say what failed and what to do, and exit with status 1."""
    stderr.print(Text(error.message, style="bold red"))
    if error.remedy:
        stderr.print(Text(error.remedy))
    if error.field:
        stderr.print(Text(f"Field: {error.field}"))
    raise typer.Exit(1) from error


def note(text: str) -> None:
    """A remark beside the answer, on standard error so that it spoils no JSON."""
    stderr.print(Text(text))
