"""`opagent runs`, `cancel` and `sync-info`: what ran, and what became of each record. Starts runs and watches them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from agent.api import run_models
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, local, say, show, stderr, table
from agent.domain.errors import AgentError, ConflictError
from agent.domain.packet import SyncState
from agent.domain.run import RunState

if TYPE_CHECKING:  # it brings httpx along
    from agent.api.client import AgentClient

NameArgument = Annotated[str, typer.Argument(help="The processflow's name.")]
WaitOption = Annotated[bool, typer.Option("--wait", "-w", help="Show progress and wait for the end.")]
Begin = Callable[["AgentClient"], Coroutine[Any, Any, run_models.Run]]
"""Asks the service to start a run."""
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many.")]


def summary(run: run_models.Run) -> str:
    """What a run did so far, in one line."""
    counts = run.counts
    parts = [f"{counts.read:,} read", f"{counts.written:,} written"]
    parts += [f"{counts.unchanged:,} unchanged"] if counts.unchanged else []
    parts += [f"{counts.failed:,} failed"] if counts.failed else []
    parts += [f"{counts.skipped:,} skipped"] if counts.skipped else []
    return ", ".join(parts)


async def _watch(client: AgentClient, name: str, begin: Begin) -> run_models.Run:
    """Start a run and show its progress on standard error until it has ended; an interrupt cancels it."""
    begun = asyncio.ensure_future(begin(client))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as progress:
        task = progress.add_task(name)
        try:
            run = await asyncio.shield(begun)
            while not run.state.ended:
                await asyncio.sleep(0.2)
                run = await client.run(run.id)
                progress.update(task, description=f"{run.flow}: {run.state.value} · {summary(run)} {run.message}")
        except asyncio.CancelledError:
            # Also where the interrupt came before the service had said what to cancel.
            with suppress(AgentError):
                await client.cancel_run((await begun).id)
            raise
    return run


def start(name: str, begin: Begin, *, wait: bool, as_json: bool) -> None:
    """Start a run, watch it if that is wanted, and say how it stands. Exit status 1 where it did not succeed."""

    async def question(client: AgentClient) -> run_models.Run:
        return await (_watch(client, name, begin) if wait else begin(client))

    run = ask(question, interrupted="Interrupted: the run is being cancelled." if wait else "Interrupted.")

    def text() -> None:
        style = {RunState.SUCCESS: "green", RunState.PARTIAL: "yellow", RunState.FAILED: "red"}.get(run.state, "")
        say(f"{run.flow}: {run.state.value}. {run.message or summary(run)}", style)
        if run.remedy:
            say(run.remedy)
        if run.error_title:
            say(f"{run.error_title}: {run.cause}")

    show(run, as_json, text)
    if wait and run.state is not RunState.SUCCESS:
        raise typer.Exit(1)


def runs(
    flow: Annotated[str, typer.Option("--flow", "-f", help="Only this processflow.")] = "",
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Runs, newest first."""
    page = ask(lambda client: client.runs(flow=flow, limit=limit))
    rows = [
        (one.id, one.flow, one.state.value, local(one.queued_at), one.plan or one.trigger.value, summary(one),
         one.error_title, f"{one.message} {one.remedy}".strip())
        for one in page.items
    ]  # fmt: skip
    headings = ("Run", "Processflow", "State", "Queued", "Why", "Records", "Kind", "Message")
    show(page, as_json, lambda: table(headings, rows, empty="Nothing has run yet."))


def cancel(run: Annotated[str, typer.Argument(help="The run's id.")], as_json: JsonOption = False) -> None:
    """Cancel a run: it stops after the packet in flight."""

    async def question(client: AgentClient) -> run_models.Run:
        before = await client.run(run)
        if before.state.ended:
            raise ConflictError(
                f"The run of {before.flow} has ended already: {before.state.value} at {local(before.ended_at)}. "
                f"{before.message or summary(before)}".strip(),
                code="run-ended", remedy=f"“opagent snapshot {run}” shows what it did.",
            )  # fmt: skip
        return await client.cancel_run(run)

    answer = ask(question)
    going = "" if answer.state.ended else " It is being cancelled, and stops after the packet in flight."
    show(answer, as_json, lambda: say(f"{answer.flow}: {answer.state.value}.{going}"))


def sync_info(
    name: Annotated[str, typer.Argument(help="The processflow's name.")],
    state: Annotated[SyncState | None, typer.Option("--state", "-s", case_sensitive=False, help="Only these.")] = None,
    search: Annotated[str, typer.Option("--search", help="Look into ids and messages.")] = "",
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """What became of each record, the latest first."""
    page = ask(lambda client: client.sync_info(name, state=state, search=search, limit=limit))

    def text() -> None:
        say("   ".join(f"{one.value}: {count:,}" for one, count in page.counts.items()))
        headers = list(dict.fromkeys(header for one in page.items for header in one.tracked))
        rows = [
            (one.state.value, one.source_id, *(one.tracked.get(header, "") for header in headers), one.destination_id,
             f"{one.message} {one.remedy}".strip(), one.error_title, one.tries, local(one.updated_at))
            for one in page.items
        ]  # fmt: skip
        headings = ("State", "Source id", *headers, "Destination id", "Message", "Kind", "Tries", "Time")
        table(headings, rows, empty="No records.")

    show(page, as_json, text)
