"""How commands speak: results on standard output, as text or as JSON; errors on standard error, with what to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Annotated, NoReturn

import typer
from pydantic import BaseModel
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.domain.errors import AgentError

JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
INTERRUPTED = 130
"""The exit status after Ctrl+C, as shells have it."""

# Long lines are the terminal's to break: whoever reads them with a program wants them whole.
stdout = Console(highlight=False, soft_wrap=True)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def show_json(answer: BaseModel | Sequence[BaseModel] | dict[str, object]) -> None:
    """Print a model, a list of them, or plain values, as JSON."""
    plain: object = answer
    if isinstance(answer, BaseModel):
        plain = answer.model_dump(mode="json")
    elif not isinstance(answer, dict):
        plain = [item.model_dump(mode="json") for item in answer]
    sys.stdout.write(json_text(plain, indent=2) + "\n")


def json_text(plain: object, *, indent: int | None = None) -> str:
    """JSON that standard output can carry, whatever its encoding."""
    unicode = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    return json.dumps(plain, indent=indent, ensure_ascii=not unicode)


def show(answer: BaseModel | Sequence[BaseModel], as_json: bool, as_text: Callable[[], None]) -> None:
    """Print an answer the way that was asked for."""
    if as_json:
        show_json(answer)
    else:
        as_text()


def say(text: str, style: str = "") -> None:
    """A line of text on standard output."""
    stdout.print(Text(text, style=style))


def done(text: str, as_json: bool, **facts: object) -> None:
    """What was done, where the service has nothing more to say: as a line, or its facts as JSON."""
    if as_json:
        show_json(facts)
    else:
        say(text)


def note(text: str) -> None:
    """A remark beside the answer, on standard error so that it spoils no JSON."""
    stderr.print(Text(text))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print a table, or a sentence where there is nothing to show. Only a terminal breaks long cells."""
    filled = [[str(cell) for cell in row] for row in rows]
    if not filled:
        say(empty)
    elif stdout.is_terminal:
        grid = Table(box=None, header_style="bold", pad_edge=False)
        for heading in headings:
            grid.add_column(heading, overflow="fold")
        for row in filled:
            grid.add_row(*(Text(cell) for cell in row))
        stdout.print(grid, soft_wrap=False)
    else:
        _plain_table([list(headings), *filled])


def local(moment: datetime | None) -> str:
    """A moment in local time, for people."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment is not None else "–"


def explain(error: AgentError) -> None:
    """Say on standard error what failed and what to do."""
    stderr.print(Text(error.message, style="bold red"))
    if error.remedy:
        stderr.print(Text(error.remedy))
    if error.field:
        stderr.print(Text(f"Field: {error.field}"))


def fail(error: AgentError) -> NoReturn:
    """Say what failed and what to do, and exit with status 1, or that of an interrupt."""
    explain(error)
    raise typer.Exit(INTERRUPTED if error.code == "cancelled" else 1) from error


def _plain_table(rows: list[list[str]]) -> None:
    single = [[" ".join(cell.split("\n")) for cell in row] for row in rows]
    widths = [max(cell_len(row[column]) for row in single) for column in range(len(single[0]))]
    for row in single:
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
