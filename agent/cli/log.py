"""`opagent log`: the log, searched and followed."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from agent.api import log_models
from agent.cli.connecting import ask
from agent.cli.output import INTERRUPTED, JsonOption, json_text, local, stdout

if TYPE_CHECKING:  # it brings httpx along
    from agent.api.client import AgentClient

_STYLES = {log_models.LogLevel.ERROR: "red", log_models.LogLevel.WARNING: "yellow", log_models.LogLevel.DEBUG: "dim"}
_FOLLOW_SECONDS = 0.5


def log(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing new lines until interrupted.")] = False,
    level: Annotated[log_models.LogLevel | None, typer.Option("--level", "-l", help="The least level shown.")] = None,
    flow: Annotated[str, typer.Option("--flow", help="Only this processflow.")] = "",
    run: Annotated[str, typer.Option("--run", "-r", help="Only this run.")] = "",
    search: Annotated[str, typer.Option("--search", "-s", help="Text to look for in the whole log.")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=10_000, help="How many of the newest.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """The log, newest lines last. With --json, one object a line."""
    wanted = log_models.LogSearch(level=level, flow=flow, run=run, text=search)

    async def question(client: AgentClient) -> None:
        hits = await client.search_log(wanted)
        if not hits.count:
            # Nothing is said of it: either nothing happened, or nobody knows it, and then this says so.
            if run:
                await client.run(run)
            if flow:
                await client.versions.history(flow)
        shown = max(0, hits.count - lines)
        while True:
            while shown < hits.count:
                page = await client.log_hits(hits.id, shown, min(256, hits.count - shown))
                if not page.items:
                    break
                for entry in page.items:
                    _print(entry, as_json)
                shown += len(page.items)
            if not follow:
                return
            await asyncio.sleep(_FOLLOW_SECONDS)
            hits = await client.extend_search(hits.id)

    try:
        ask(question, interrupted="No longer following the log.")
    except typer.Exit as ended:
        # Following has no other end.
        if not (follow and ended.exit_code == INTERRUPTED):
            raise


def _print(entry: log_models.LogEntry, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json_text(entry.model_dump(mode="json")) + "\n")
        sys.stdout.flush()
        return
    where = " ".join(part for part in (entry.flow, entry.node, entry.record) if part)
    line = Text(f"{local(entry.at)} {entry.level.value.upper():7} ", style=_STYLES.get(entry.level, ""))
    line.append(f"[{where}] " if where else "", style="dim")
    line.append(entry.message)
    if entry.detail:
        line.append(f"  {entry.detail}", style="dim")
    stdout.print(line)
    sys.stdout.flush()
