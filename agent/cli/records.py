"""`opagent record …`: failed records in groups, skipping, deleting, exporting."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.api.record_models import (
    ExportFormat,
    RecordChoice,
    RecordJob,
    RecordJobState,
    RecordKey,
    SkipRequest,
    Wanted,
)
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, YesOption, done, explain, fail, local, note, say, show, table
from agent.cli.questions import confirm
from agent.domain.errors import AgentError, ConfigurationError, ConflictError, NotFoundError
from agent.domain.packet import SyncState

if TYPE_CHECKING:  # it brings httpx along
    from collections.abc import Awaitable, Callable

    from agent.api.client import AgentClient

record = typer.Typer(no_args_is_help=True, help="Records of Sync Info: groups, skip, unskip, delete, export; runs.")

NameArgument = Annotated[str, typer.Argument(help="The processflow's name.")]
IdOption = Annotated[list[str] | None, typer.Option("--id", help="The source id of a record; may be given often.")]
StateOption = Annotated[SyncState | None, typer.Option("--state", "-s", case_sensitive=False, help="Only these.")]
SearchOption = Annotated[str, typer.Option("--search", help="Only what this text is found in.")]
NodeOption = Annotated[str, typer.Option("--node", help="Only records of this POST node.")]
KindOption = Annotated[str, typer.Option("--kind", help="Only this kind of trouble, such as duplicate.")]
GroupOption = Annotated[str, typer.Option("--group", help="Only this group, as “record groups” shows it.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every record of the processflow.")]
_WAIT_SECONDS = 10.0
_NOTHING = "Sync Info has no such record that this would change; what has arrived already cannot be skipped."


@record.command("groups")
def groups(
    name: NameArgument, state: StateOption = None, search: SearchOption = "", node: NodeOption = "",
    kind: KindOption = "", as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Records that did not succeed, those with the same trouble counted together."""
    wanted = _wanted(state, search, node, kind, "")
    found = ask(lambda client: client.records.groups(name, wanted))
    rows = [
        (f"{one.records:,}", one.state.value, one.error_title, f"{one.message} {one.remedy}".strip(), one.group,
         local(one.latest))
        for one in found
    ]  # fmt: skip
    headings = ("Records", "State", "Kind", "For example", "Group", "Latest")
    show(found, as_json, lambda: table(headings, rows, empty="Nothing failed or was skipped."))


@record.command("skip")
def skip(
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is kept with each record.")],
    ids: IdOption = None, state: StateOption = None, search: SearchOption = "", node: NodeOption = "",
    kind: KindOption = "", group: GroupOption = "", everything: AllOption = False, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Do not write records as they are now. A change at the source counts anew."""
    wanted = _wanted(state, search, node, kind, group)

    async def begin(client: AgentClient) -> RecordJob:
        choice = await _choice(client, name, ids, wanted, everything=everything)
        return await client.records.skip(name, SkipRequest(**choice.model_dump(), reason=reason))

    _follow(begin, as_json)


@record.command("unskip")
def unskip(
    name: NameArgument, ids: IdOption = None, state: StateOption = None, search: SearchOption = "",
    node: NodeOption = "", kind: KindOption = "", group: GroupOption = "", everything: AllOption = False,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Take skips back: records are again what they were before."""
    wanted = _wanted(state, search, node, kind, group)

    async def begin(client: AgentClient) -> RecordJob:
        return await client.records.unskip(name, await _choice(client, name, ids, wanted, everything=everything))

    _follow(begin, as_json)


@record.command("delete")
def delete(
    name: NameArgument, ids: IdOption = None, state: StateOption = None, search: SearchOption = "",
    node: NodeOption = "", kind: KindOption = "", group: GroupOption = "", everything: AllOption = False,
    yes: YesOption = False, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Forget what became of records. Nothing is removed at the destination."""
    wanted = _wanted(state, search, node, kind, group)
    if not yes:
        _refuse_at_once(name, ids, wanted, everything=everything)
        confirm(
            f"Delete these records of {name} from Sync Info? Nothing is removed at the destination. The agent forgets "
            "that it has written them: it writes each one again, over what is there, when it next reads it."
        )

    async def begin(client: AgentClient) -> RecordJob:
        return await client.records.delete(name, await _choice(client, name, ids, wanted, everything=everything))

    _follow(begin, as_json)


@record.command("export")
def export(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to: ends with .csv or .xlsx.")],
    state: StateOption = None, search: SearchOption = "", node: NodeOption = "", kind: KindOption = "",
    group: GroupOption = "", as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Write records into a file. A file that is there already is kept."""
    wanted, ending = _wanted(state, search, node, kind, group), file.suffix.lower().lstrip(".")
    if ending not in {one.value for one in ExportFormat}:
        fail(ConfigurationError("The file has to end with .csv or .xlsx.", code="export-format", field="FILE"))

    async def question(client: AgentClient) -> None:
        with file.open("xb") as target:
            try:
                async for piece in client.records.export(name, ExportFormat(ending), wanted):
                    await asyncio.to_thread(target.write, piece)
            except BaseException:
                target.close()
                file.unlink(missing_ok=True)
                raise

    try:
        ask(question)
    except OSError as error:
        fail(
            ConfigurationError(
                f"{file} cannot be written: {error.strerror or type(error).__name__}.", code="export-file",
                remedy="Choose another name or folder.",
            )
        )  # fmt: skip
    done(f"Written to {file}.", as_json, flow=name, file=str(file))


def _wanted(state: SyncState | None, search: str, node: str, kind: str, group: str) -> Wanted:
    return Wanted(state=state, search=search, node=node, error_class=kind, group=group)


async def _choice(
    client: AgentClient, name: str, ids: list[str] | None, wanted: Wanted, *, everything: bool
) -> RecordChoice:
    """What was asked for. A source id stands for that record at every POST node, or at the node that was named."""
    if not ids:
        return RecordChoice(wanted=wanted if wanted != Wanted() else None, everything=everything)
    flow = await client.flow(name)
    nodes = [wanted.node] if wanted.node else [one.id for one in flow.nodes if one.type == "post"]
    if not nodes:
        raise NotFoundError(f"{name} has no POST node.", code="node-not-found", remedy="Name one with --node.")
    return RecordChoice(ids=[RecordKey(node=node, source_id=one) for node in nodes for one in ids])


def _refuse_at_once(name: str, ids: list[str] | None, wanted: Wanted, *, everything: bool) -> None:
    """Refuse before asking what would be refused after it: names that nobody knows, nothing chosen, a run at work."""

    async def question(client: AgentClient) -> None:
        await client.records.groups(name, wanted)
        choice = await _choice(client, name, ids, wanted, everything=everything)
        if choice == RecordChoice():
            raise ConfigurationError(
                "It has to be said which records are meant.", code="choice-empty",
                remedy="Choose them with --id, --state, --kind, --group, --node or --search; or --all of them.",
            )  # fmt: skip
        newest = (await client.runs(flow=name, limit=1)).items
        if newest and not newest[0].state.ended:
            raise ConflictError(
                f"A run of {name} has not ended, and it needs its records.", code="already-running",
                remedy="Wait until it ends, or cancel it, first.",
            )  # fmt: skip

    ask(question)


def _follow(begin: Callable[[AgentClient], Awaitable[RecordJob]], as_json: bool) -> None:
    async def question(client: AgentClient) -> RecordJob:
        job = await begin(client)
        try:
            while job.state is RecordJobState.RUNNING:
                job = await client.records.job(job.id, wait_seconds=_WAIT_SECONDS)
                if job.state is RecordJobState.RUNNING:
                    note(f"{job.changed:,} so far …")
        except asyncio.CancelledError:
            with suppress(AgentError):
                await client.records.cancel_job(job.id)
            raise
        return job

    job = ask(question, interrupted="Interrupted: it stops after the records that it is at.")
    show(job, as_json, lambda: say(job.message))
    if job.problem is not None:
        explain(ConfigurationError(job.problem.title, code=job.problem.code, remedy=job.problem.remedy))
    if job.state is RecordJobState.DONE and not job.changed:
        note(_NOTHING)
        raise typer.Exit(1)
    if job.state is RecordJobState.FAILED:
        raise typer.Exit(1)
