"""`opagent preview`: what a run would do, before it does it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from agent.api.preview_models import (
    USUAL_LIMIT,
    Preview,
    PreviewChange,
    PreviewedRecord,
    PreviewRequest,
    PreviewState,
)
from agent.api.rerun_models import ReplayWindow
from agent.cli.connecting import ask
from agent.cli.flow_files import BindOption, read_document
from agent.cli.output import JsonOption, explain, fail, json_text, say, stderr, stdout, table
from agent.cli.reruns import MOMENTS, clause
from agent.domain.errors import AgentError, ConfigurationError
from agent.domain.preview import Outcome

if TYPE_CHECKING:  # it brings httpx along
    from agent.api.client import AgentClient

SOME_WOULD_FAIL = 4
"""The exit status where the preview came to its end and some records would fail."""

_SHOWN = 20
_SHOWN_CHANGES = 12
_PAGE = 500
_LONGEST_NAME = 1_000
_STYLES = {
    Outcome.CREATED: "green", Outcome.CHANGED: "yellow", Outcome.LEFT: "", Outcome.SKIPPED: "", Outcome.FAILED: "red",
}  # fmt: skip


def preview(
    what: Annotated[str, typer.Argument(metavar="FLOW|FILE", help="A deployed processflow, or a document's file.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="What each GET reads at most.")] = USUAL_LIMIT,
    everything: Annotated[bool, typer.Option("--all", help="Read without a limit.")] = False,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", help="A clause such as “status_id = 11”, in the place of the action filter and of the "
                     "bookmark. May be given several times; all have to hold."),
    ] = None,
    node: Annotated[str, typer.Option("--node", "-n", help="The GET node that the filter is for.")] = "",
    since: Annotated[
        datetime | None, typer.Option("--from", formats=MOMENTS, metavar="MOMENT", help="With --to: a window of time.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=MOMENTS, metavar="MOMENT", help="Its last moment, in local time.")
    ] = None,
    bind: BindOption = None,
    outcome: Annotated[
        Outcome | None, typer.Option("--outcome", "-o", case_sensitive=False, help="Show only such records.")
    ] = None,
    show: Annotated[
        int | None, typer.Option("--show", min=0, help=f"How many records to show [{_SHOWN}; JSON: all].")
    ] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Show what a run would create, change and leave, field by field. Writes nothing.

    Exit status: 0 when no record would fail, 4 when some would, 1 when the preview did not come to its end.
    """
    try:
        request = _request(what, bind or []).model_copy(
            update={
                "limit": 0 if everything else limit, "node": node, "window": _window(since, until),
                "filter": [clause(text) for text in filters] if filters is not None else None,
            }
        )  # fmt: skip
    except ConfigurationError as error:
        fail(error)
    shown = show if show is not None else sys.maxsize if as_json else _SHOWN

    async def question(client: AgentClient) -> Preview:
        ended = await _watch(client, request)
        if as_json:
            await _print_json(ended, _records(client, ended, outcome, shown))
        else:
            _tell(ended)
            await _print(ended, _records(client, ended, outcome, shown), shown)
        return ended

    ended = ask(question, interrupted="Interrupted: the preview is being cancelled.")
    if ended.state is not PreviewState.DONE:
        raise typer.Exit(1)
    if any(one.failed for one in ended.totals):
        raise typer.Exit(SOME_WOULD_FAIL)


def _request(what: str, bind: list[str]) -> PreviewRequest:
    if Path(what).suffix.lower() in (".yaml", ".yml", ".json") or Path(what).is_file():
        return PreviewRequest(document=read_document(Path(what), bind))
    if bind:
        raise ConfigurationError(
            "A deployed processflow is bound already.", code="binding-invalid", remedy="Leave --bind out."
        )
    return PreviewRequest(flow=what[:_LONGEST_NAME])


def _window(since: datetime | None, until: datetime | None) -> ReplayWindow | None:
    if since is None and until is None:
        return None
    if since is None or until is None:
        raise ConfigurationError(
            "A window of time has two ends.", code="options-invalid", remedy="Give --from and --to."
        )
    return ReplayWindow(since=since.astimezone(), until=until.astimezone())


async def _watch(client: AgentClient, request: PreviewRequest) -> Preview:
    """Start a preview and show its progress on standard error until it has ended; an interrupt cancels it."""
    begun = asyncio.ensure_future(client.previews.start(request))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as progress:
        task = progress.add_task("Preview")
        try:
            found = await asyncio.shield(begun)
            while found.state is PreviewState.RUNNING:
                found = await client.previews.get(found.id, wait_seconds=20)
                progress.update(task, description=f"{found.flow}: {found.activity}")
        except asyncio.CancelledError:
            # Also where the interrupt came before the service had said what to cancel.
            with suppress(AgentError):
                await client.previews.stop((await begun).id)
            raise
    return found


async def _records(
    client: AgentClient, preview: Preview, outcome: Outcome | None, limit: int
) -> AsyncIterator[PreviewedRecord]:
    after: str | None = ""
    while limit > 0 and after is not None:
        page = await client.previews.records(preview.id, outcome=outcome, after=after, limit=min(limit, _PAGE))
        for record in page.items:
            yield record
        limit, after = limit - len(page.items), page.next


def _tell(preview: Preview) -> None:
    version = f"version {preview.version}" if preview.version is not None else "a document that is not deployed"
    say(f"Preview of {preview.title or preview.flow} ({version}). Nothing was written.", "bold")
    for source in preview.sources:
        say(f"{source.node}: {source.filter}")
    rows = [
        (
            one.node,
            one.title,
            *(f"{count:,}" for count in (one.created, one.changed, one.left, one.skipped, one.failed)),
        )
        for one in preview.totals
    ]
    headings = ("Node", "Writes", "Created", "Changed", "Left", "Skipped", "Failed")
    table(headings, rows, empty="Nothing would be written.")
    for one in preview.totals:
        for sentence in one.notes:
            say(f"{one.node}: {sentence}", "yellow")
    if preview.problem is not None:
        explain(ConfigurationError(preview.message, code=preview.problem.code, remedy=preview.remedy))
    else:
        say(preview.message)


async def _print(preview: Preview, records: AsyncIterator[PreviewedRecord], shown: int) -> None:
    count = 0
    async for record in records:
        count += 1
        made = " (given by the destination)" if record.stand_in else ""
        there = f" → {record.destination_id}" if record.destination_id and not record.stand_in else made
        line = Text(f"{record.outcome.value:<8}", style=_STYLES[record.outcome])
        line.append(f" {record.node} {record.source_id}{there}", style="bold")
        line.append(f"  {record.message} {record.remedy}".rstrip() if record.message else "")
        stdout.print(line)
        for change in _changes(record.changes):
            say(f"    {change}")
    if count == shown and preview.records > shown > 0:
        say(f"These are {count:,} of {preview.records:,} records: --show and --outcome show others.")


def _changes(changes: list[PreviewChange]) -> Iterator[str]:
    for change in changes[:_SHOWN_CHANGES]:
        if change.old is None:
            yield f"{change.attribute}: {change.new}"
        else:
            yield f"{change.attribute}: {change.old} → {change.new if change.new is not None else 'nothing'}"
    if len(changes) > _SHOWN_CHANGES:
        yield f"… and {len(changes) - _SHOWN_CHANGES:,} more: --json shows all of them."


async def _print_json(preview: Preview, records: AsyncIterator[PreviewedRecord]) -> None:
    """Print one JSON object, a record at a time: there may be many."""
    sys.stdout.write(f'{{"preview": {json_text(preview.model_dump(mode="json"))},\n "records": [')
    separator = "\n  "
    async for record in records:
        sys.stdout.write(separator + json_text(record.model_dump(mode="json")))
        separator = ",\n  "
    sys.stdout.write("\n ]}\n")
